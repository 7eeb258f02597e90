"""Gathers what a decision is made on: arms, routes, commands, claims, and what the operator knows itself. Asks; judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeAlias

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.gates.ownership import claim_of
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live, Observation
from tidegate.core.model.pace import Pace
from tidegate.core.model.world import Arm, ArmName, Lookup, RolloutObject, Route, TargetRef, Template, Unknown, Unseen
from tidegate.core.tick.kept_spec import arms_in_force, spec_in_force, with_arms_kept
from tidegate.core.traffic import targets
from tidegate.ports.errors import Unavailable
from tidegate.ports.protocols import Clock
from tidegate.ports.world import World
from tidegate.reconcile.crowd import Crowd
from tidegate.reconcile.index import Index
from tidegate.reconcile.jobs import JobDesk
from tidegate.reconcile.outbox import Outbox
from tidegate.reconcile.reading import Reader
from tidegate.reconcile.specs import Specs
from tidegate.reconcile.templates import NONE_NAMED, Looked, look
from tidegate.reconcile.waiting import PROMPT, given_up, promptly

LATE: Final = Unknown(f"no answer within {PROMPT:g}s")

_NONE: Final = object()
"""Nothing: what is read is waited for."""

_Read: TypeAlias = tuple[Callable[[], Coroutine[Any, Any, Any]], Any]
"""A call, and what will do where it takes long, or `_NONE`."""

KNOWN: Final = 0.01
"""Seconds within which an object is there that a watch stream keeps: what takes longer is read from the API server."""


@dataclass
class Observer:
    """Observes one Rollout for a tick, and knows the last observation."""

    world: World
    reader: Reader
    specs: Specs
    index: Index
    """Is told what the Rollout looks at."""
    outbox: Outbox
    desk: JobDesk
    crowd: Crowd
    pace: Pace
    _looked: Looked = field(init=False, default=NONE_NAMED)
    _looked_at: tuple[int, bool] | None = field(init=False, default=None)

    async def observe(
        self,
        rollout: RolloutObject,
        memory: Memory,
        *,
        now: float,
        live: Live,
        hurry: bool = False,
        changed: bool = False,
    ) -> Observation:
        """One observation.

        Args:
            rollout: the object as read.
            memory: what is remembered of it.
            now: epoch seconds of the evaluation that this is for.
            live: how much is to be read live.
            hurry: what takes long and is not to be read live is as it was last seen.
            changed: the same; and another client has changed a route, which is read live where that is prompt.
        """
        looked = await self._look_at_templates(rollout, fresh=live is Live.EVERYTHING)
        parsed = self.specs.of(rollout, looked)
        known = Observation(
            now=now,
            rollout=rollout,
            spec=parsed.spec,
            problems=parsed.problems,
            unread=parsed.unread,
            templated=parsed.templated,
            live=live,
            crowd=self.crowd.there,
            pace=self.pace,
            freezes=self.world.freezes.of(rollout.namespace),
            jobs=self.desk.seen(rollout, memory.status.jobs),
            outcomes_refused=self.outbox.refused(self.reader.key),
            notifying=self.outbox.messages.known(self.reader.key),
        )
        before = self.last(rollout) if hurry or changed else None
        if before is not None:
            before = replace(before, routes={**before.routes, **self.reader.record.routes})
        seen = self._known_best(await observe(self.world, known, memory, before, changed=changed))
        spec = spec_in_force(memory, seen)
        arms = [("Deployment", arm.deployment) for arm in (spec.baseline, spec.candidate)]
        services = [("Service", arm.service) for arm in (spec.baseline, spec.candidate)]
        routes = [tuple(key.split("/", 1)) for key in seen.routes]
        templates = [(str(ref.kind), ref.name) for ref in looked.refs]
        claimants = [("Rollout", claim.name) for claim in seen.claims]
        self.index.put(self.reader.key, [*arms, *services, *routes, *templates, *claimants])
        self._keep(seen, under_way=memory.status.run is not None)
        return seen

    def _keep(self, seen: Observation, *, under_way: bool) -> None:
        record = self.reader.record
        known = {
            key: route if isinstance(route, Route) else record.routes.get(key) for key, route in seen.routes.items()
        }
        record.routes = {key: route for key, route in known.items() if route is not None} if under_way else {}
        record.seen = seen.unassumed() if under_way else None

    async def again(self, memory: Memory, *, now: float, live: Live = Live.NOTHING) -> Observation:
        """Another observation, of the Rollout as it is now.

        Raises:
            PortError: nothing could be observed.
        """
        rollout = await self.reader.again(fresh=False) or self.reader.record.rollout
        if rollout is None:
            raise Unavailable("the Rollout no longer exists")
        return await self.observe(rollout, memory, now=now, live=live)

    def last(self, rollout: RolloutObject) -> Observation | None:
        """The last observation, of the Rollout as it is now and read from the watch streams: nothing is looked up for it again."""
        last = self.reader.record.seen
        return replace(last, rollout=rollout, live=Live.NOTHING, commands=()) if last is not None else None

    def _known_best(self, seen: Observation) -> Observation:
        """The observation, with the candidate of the one before where the live look that this asked for could not read it."""
        before = self.reader.record.seen
        if before is None or not seen.fresh or not isinstance(seen.arm(ArmName.CANDIDATE), Unknown):
            return seen
        candidate = before.arm(ArmName.CANDIDATE)
        return replace(seen, candidate_before=candidate) if isinstance(candidate, Arm) else seen

    async def _look_at_templates(self, rollout: RolloutObject, *, fresh: bool) -> Looked:
        """The metric templates it names: read once in a tick, and once more where everything is looked at live."""
        if self._looked_at is None or self._looked_at[0] != rollout.generation or (fresh and not self._looked_at[1]):
            self._looked = await look(self.world, rollout, fresh=fresh)
            self._looked_at = (rollout.generation, fresh)
        return self._looked


async def observe(
    world: World, seen: Observation, memory: Memory, before: Observation | None = None, *, changed: bool = False
) -> Observation:
    """One observation, whole.

    Args:
        world: the ports.
        seen: what is known of the Rollout itself, and how much is to be read live.
        memory: tells which routes are remembered, and the spec of a run whose own is not valid.
        before: has what takes long and is not to be read live; without one everything is waited for.
        changed: another client has changed a route since then.
    """
    rollout, live = seen.rollout, seen.live
    in_force = spec_in_force(memory, seen)
    run = memory.status.run
    arms_of = arms_in_force(memory, seen)
    refs = _refs(in_force, arms_of, memory, rollout)
    ours = claim_of(rollout, in_force, active=run is not None).things
    namespace, everything = rollout.namespace, live is Live.EVERYTHING
    known = _Known(before, live)
    reads: list[_Read] = [
        *(
            (partial(world.workloads.arm, namespace, *names, fresh=everything), known.arm(arm))
            for arm, names in _names(arms_of).items()
        ),
        *(_reading(world, ref, known.route(key), live, changed=changed) for key, ref in refs.items()),
        (partial(world.commands.pending, namespace, rollout.name), known.commands),
        (partial(world.store.claimants, namespace, rollout.uid, ours), known.claims),
    ]
    if before is None:
        found = await _all(world.clock, reads, together=live > Live.NOTHING)
    else:
        found = await _all_soon(world.clock, reads)
    *looked, commands, claims = found
    arms = dict(zip(ArmName, looked[:2], strict=True))
    read = dict(zip(refs, looked[2:], strict=True))
    routes = {key: route.route if isinstance(route, _Assumed) else route for key, route in read.items()}
    assumed = {key: route.unread for key, route in read.items() if isinstance(route, _Assumed)}
    return replace(seen, arms=arms, routes=routes, assumed=assumed, commands=tuple(commands), claims=tuple(claims))


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


def _names(spec: RolloutSpec) -> dict[ArmName, tuple[str, str]]:
    """Deployment and Service of the arms."""
    baseline, candidate = spec.baseline, spec.candidate
    return {
        ArmName.BASELINE: (baseline.deployment, baseline.service),
        ArmName.CANDIDATE: (candidate.deployment, candidate.service),
    }


@dataclass(frozen=True)
class _Assumed:
    """A route as last known, and why it could not be read."""

    route: Route
    unread: Unknown


class _Known:
    """What will do of the observation before, where reading takes long; `_NONE` where it will not."""

    def __init__(self, before: Observation | None, live: Live) -> None:
        self._before, self._live = before, live
        self.commands: Any = before.commands if before is not None else _NONE
        self.claims: Any = before.claims if before is not None else _NONE

    def arm(self, name: ArmName) -> Any:  # noqa: ANN401  (an arm, or `_NONE`)
        if self._before is None or self._live is Live.EVERYTHING:
            return _NONE
        return self._before.arms.get(name, _NONE)

    def route(self, key: str) -> Any:  # noqa: ANN401  (a route, or `_NONE`)
        route = self._before.routes.get(key) if self._before is not None else None
        return route if isinstance(route, Route) and self._live is Live.NOTHING else _NONE


def _reading(world: World, ref: TargetRef, known: Any, live: Live, *, changed: bool) -> _Read:  # noqa: ANN401
    """How a route is read."""
    if changed and known is not _NONE:
        return partial(_changed_route, world, ref, known), _NONE
    return partial(world.router.read, ref, fresh=live >= Live.ROUTES), known


async def _changed_route(world: World, ref: TargetRef, known: Route) -> Route | _Assumed:
    """A route that another client has changed: live where that is prompt, or else as the watch streams have it, or as it is known."""
    for fresh in (True, False):
        found, late = await promptly(world.clock, world.router.read(ref, fresh=fresh), known)
        await given_up(late)
        if late is None and isinstance(found, Route):
            return found
    return _Assumed(known, LATE)


async def _all(clock: Clock, reads: Sequence[_Read], *, together: bool) -> list[Any]:
    """The results in order: what the watch streams have brought needs no tasks; from the first read on all others go out together."""
    found: list[Any] = []
    for place, (call, _) in enumerate(reads):
        if together:
            return [*found, *await asyncio.gather(*(one() for one, _ in reads[place:]))]
        began = clock.monotonic()
        found.append(await call())
        together = clock.monotonic() - began > KNOWN
    return found


async def _in_turn(reads: Sequence[_Read]) -> list[Any]:
    return [await call() for call, _ in reads]


async def _all_soon(clock: Clock, reads: Sequence[_Read]) -> list[Any]:
    """The results in order: what is known where that will do and reading takes long, or where a route cannot be read."""
    at_once = asyncio.ensure_future(_in_turn(reads))
    await asyncio.sleep(0)
    if at_once.done():  # the watch streams have it all
        return [_best(one, known) for one, (_, known) in zip(at_once.result(), reads, strict=True)]
    await given_up(at_once)
    tasks = [asyncio.ensure_future(call()) for call, _ in reads]
    late = asyncio.ensure_future(clock.sleep(PROMPT))
    try:
        while not late.done() and (left := {task for task in tasks if not task.done()}):
            await asyncio.wait({late, *left}, return_when=asyncio.FIRST_COMPLETED)
        return [
            _as_known(known, LATE) if known is not _NONE and not task.done() else _best(await task, known)
            for task, (_, known) in zip(tasks, reads, strict=True)
        ]
    finally:
        late.cancel()
        for task in tasks:
            await given_up(task)


def _best(found: Any, known: Any) -> Any:  # noqa: ANN401
    if not isinstance(found, Unknown) or found.kind is Unseen.NOT_SERVED or not isinstance(known, Route):
        return found
    return _Assumed(known, found)


def _as_known(known: Any, unread: Unknown) -> Any:  # noqa: ANN401
    return _Assumed(known, unread) if isinstance(known, Route) else known
