"""Gathers what a decision is made on: arms, routes, commands, claims. Asks; judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.gates.ownership import claim_of
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live, Observation
from tidegate.core.model.world import Arm, ArmName, Lookup, RolloutObject, Route, TargetRef, Template
from tidegate.core.tick.kept_spec import arms_in_force, spec_in_force, with_arms_kept
from tidegate.core.traffic import targets
from tidegate.ports.world import World


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
    arms, routes = await _look(world, rollout.namespace, arms_of, refs, live=live)
    commands = await world.commands.pending(rollout.namespace, rollout.name)
    ours = claim_of(rollout, in_force, active=run is not None).things
    claims = await world.store.claimants(rollout.namespace, rollout.uid, ours)
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


async def _look(
    world: World, namespace: str, spec: RolloutSpec, refs: Mapping[str, TargetRef], *, live: Live
) -> tuple[dict[ArmName, Lookup[Arm]], dict[str, Lookup[Route]]]:
    pair = (spec.baseline, spec.candidate)
    arms = (world.workloads.arm(namespace, arm.deployment, arm.service, fresh=live is Live.EVERYTHING) for arm in pair)
    routes = (world.router.read(ref, fresh=live >= Live.ROUTES) for ref in refs.values())
    seen = await _all(chain(arms, routes), together=live > Live.NOTHING)
    return dict(zip(ArmName, seen[:2], strict=True)), dict(zip(refs, seen[2:], strict=True))


async def _all(calls: Iterable[Coroutine[Any, Any, Any]], *, together: bool) -> list[Any]:
    """The results in order; live reads go out together, cached ones need no tasks."""
    if together:
        return list(await asyncio.gather(*calls))
    return [await call for call in calls]
