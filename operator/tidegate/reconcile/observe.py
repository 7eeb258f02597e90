"""Gathers what a decision is made on: arms, routes, commands, claims. Asks; judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.gates.ownership import claim_of
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live, Observation
from tidegate.core.model.world import ArmName, Lookup, RolloutObject, TargetRef, Template
from tidegate.core.tick.kept_spec import arms_in_force, spec_in_force, with_arms_kept
from tidegate.core.traffic import targets
from tidegate.ports.protocols import Clock
from tidegate.ports.world import World

KNOWN: Final = 0.01
"""Seconds within which an object is there that a watch stream keeps: what takes longer is read from the API server."""


async def observe(world: World, seen: Observation, memory: Memory) -> Observation:
    """One observation, whole.

    Args:
        world: the ports.
        seen: what is known of the Rollout itself, and how much is to be read live.
        memory: tells which routes are remembered, and the spec of a run whose own is not valid.
    """
    rollout, live = seen.rollout, seen.live
    in_force = spec_in_force(memory, seen)
    run = memory.status.run
    arms_of = arms_in_force(memory, seen)
    refs = _refs(in_force, arms_of, memory, rollout)
    ours = claim_of(rollout, in_force, active=run is not None).things
    namespace, everything = rollout.namespace, live is Live.EVERYTHING
    pair = (arms_of.baseline, arms_of.candidate)
    found = await _all(
        world.clock,
        [
            *(partial(world.workloads.arm, namespace, arm.deployment, arm.service, fresh=everything) for arm in pair),
            *(partial(world.router.read, ref, fresh=live >= Live.ROUTES) for ref in refs.values()),
            partial(world.commands.pending, namespace, rollout.name),
            partial(world.store.claimants, namespace, rollout.uid, ours),
        ],
        together=live > Live.NOTHING,
    )
    *looked, commands, claims = found
    arms = dict(zip(ArmName, looked[:2], strict=True))
    routes = dict(zip(refs, looked[2:], strict=True))
    return replace(seen, arms=arms, routes=routes, commands=tuple(commands), claims=tuple(claims))


async def read_templates(world: World, namespace: str, spec: RolloutSpec) -> Mapping[ArmName, Lookup[Template]]:
    """Both pod templates, live."""
    return {
        ArmName.BASELINE: await world.workloads.template(namespace, spec.baseline.deployment),
        ArmName.CANDIDATE: await world.workloads.template(namespace, spec.candidate.deployment),
    }


def _refs(spec: RolloutSpec, arms: RolloutSpec, memory: Memory, rollout: RolloutObject) -> dict[str, TargetRef]:
    """Every target to look at: the remembered ones, and those the spec names (by its own words)."""
    named = with_arms_kept(spec, arms)
    refs = {targets.key_of(target): targets.ref_of(target, rollout.namespace) for target in memory.status.targets}
    if rollout.spec or memory.status.run is not None:
        for ref in targets.refs_of(named, rollout.namespace):
            known = refs.get(ref.key)  # a rule that an edit took out is looked at until it is restored
            refs[ref.key] = known.beside(ref.rules) if known is not None and known.pair == ref.pair else ref
    return refs


async def _all(clock: Clock, calls: Sequence[Callable[[], Coroutine[Any, Any, Any]]], *, together: bool) -> list[Any]:
    """The results in order: what the watch streams have brought needs no tasks; from the first read on all others go out together."""
    found: list[Any] = []
    for place, call in enumerate(calls):
        if together:
            return [*found, *await asyncio.gather(*(one() for one in calls[place:]))]
        began = clock.monotonic()
        found.append(await call())
        together = clock.monotonic() - began > KNOWN
    return found
