"""The router that is none: two Deployments behind one Service, through the `Workloads` port of whichever world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from tidegate.core.model.world import ABSENT, Arm, Lookup, Route, TargetRef, Unknown
from tidegate.core.traffic.ratio import RULE, Arms, Looked, ratio_route, scaler_of
from tidegate.ports.errors import Conflict
from tidegate.ports.protocols import NONE, Manager, Workloads

REBASES: Final = 5
"""Tries on a newer generation of a Deployment whose number of pods is as it was."""

PATIENCE: Final = 2.0
"""Seconds of a look at who gets traffic and who else scales: it stands before the evaluation of limits, and a revert needs none."""

T = TypeVar("T")
Sleep: TypeAlias = Callable[[float], Coroutine[Any, Any, None]]
"""Waits so many seconds."""
PodsOf: TypeAlias = Callable[[str, str], Coroutine[Any, Any, frozenset[str] | Unknown]]
"""From a namespace and a Service to the names of the pods that get its traffic."""


@dataclass(frozen=True)
class _Known:
    """What was looked at last, and of which state of the Deployments it is true."""

    state: tuple[object, ...]
    looked: Looked
    settled: bool
    """The pods agree with what the Deployments say."""


class RatioRouter:
    """The `TrafficRouter` port. Nothing is watched for it but what is watched of every arm."""

    def __init__(
        self,
        workloads: Workloads,
        pods_of: PodsOf,
        refusal: Callable[[str], str] = lambda _: "",
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Makes the port.

        Args:
            workloads: reads and scales the Deployments.
            pods_of: reads the pods behind a Service.
            refusal: why Deployments of a namespace may not be written; empty when nothing is known against it.
            sleep: waits until a look has taken too long.
        """
        self._workloads = workloads
        self._pods_of = pods_of
        self._refusal = refusal
        self._sleep = sleep
        self._known: dict[tuple[str, ...], _Known] = {}

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        """The two numbers of pods; who gets traffic is looked at live, or once for each state of the Deployments."""
        arms = [
            partial(self._workloads.arm, ref.namespace, one, ref.name, fresh=fresh)
            for one in (ref.baseline, ref.candidate)
        ]
        baseline, candidate = await asyncio.gather(*(one() for one in arms)) if fresh else [await one() for one in arms]
        key = (ref.namespace, *ref.pair)
        looked = await self._look(ref, key, (baseline, candidate), fresh=fresh)
        route = ratio_route(ref, baseline, candidate, looked)
        if not isinstance(route, Route):
            if route is ABSENT:
                self._known.pop(key, None)
            return route
        self._known[key] = _Known(_state(baseline, candidate), looked, settled=not (route.lagging or route.unproven))
        refusal = self._refusal(ref.namespace)
        return replace(route, not_writable=refusal) if refusal else route

    async def _look(
        self, ref: TargetRef, key: tuple[str, ...], arms: tuple[Lookup[Arm], Lookup[Arm]], *, fresh: bool
    ) -> Looked:
        known = self._known.get(key)
        pods_of = partial(self._pods_of, ref.namespace, ref.name)
        if not fresh and known is not None:
            if known.settled and known.state == _state(*arms):
                return known.looked
            if not isinstance(known.looked.scaler, Unknown):
                return Looked(await self._in_time(pods_of), known.looked.scaler)
        pods, baseline, candidate = await asyncio.gather(
            self._in_time(pods_of),
            self._in_time(partial(self._workloads.autoscaler, ref.namespace, ref.baseline)),
            self._in_time(partial(self._workloads.autoscaler, ref.namespace, ref.candidate)),
        )
        return Looked(pods, scaler_of({ref.baseline: baseline, ref.candidate: candidate}))

    async def _in_time(self, look: Callable[[], Coroutine[Any, Any, T]]) -> T | Unknown:
        """What a look finds; unknown where it takes too long."""
        looking, late = asyncio.ensure_future(look()), asyncio.ensure_future(self._sleep(PATIENCE))
        try:
            await asyncio.wait({looking, late}, return_when=asyncio.FIRST_COMPLETED)
            return looking.result() if looking.done() else Unknown(f"no answer within {PATIENCE:g}s")
        finally:
            looking.cancel()
            late.cancel()

    async def write(
        self,
        route: Route,
        pairs: Mapping[str, tuple[int, int]],
        manager: Manager,
        mirrors: Mapping[str, int] = NONE,  # noqa: ARG002  (no Service mirrors: none is ever asked for)
    ) -> Route:
        """Sets the numbers of pods: both requests go out at once, and neither waits for the other's answer.

        Only a baseline that gets fewer waits for a candidate that does: else the candidate's share would rise meanwhile.
        """
        arms: Arms = route.handle
        numbers = pairs[RULE]
        writes = [
            partial(self._scale, route.ref, arm, pods, manager)
            for arm, pods in zip((arms.baseline, arms.candidate), numbers, strict=True)
            if arm is not None and arm.replicas != pods
        ]
        if arms.baseline is not None and numbers[0] < arms.baseline.replicas:
            for one in reversed(writes):
                await one()
        else:
            for result in await asyncio.gather(*(one() for one in writes), return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result
        stored = await self.read(route.ref, fresh=False)
        if isinstance(stored, Route):
            _check_the_other(arms, stored, numbers)
            return stored
        return replace(route, pairs=(replace(route.pairs[0], baseline=numbers[0], candidate=numbers[1]),))

    async def _scale(self, ref: TargetRef, arm: Arm, pods: int, manager: Manager) -> None:
        """Scales one Deployment, also where something else of it has changed since it was read."""
        for _ in range(REBASES):
            try:
                await self._workloads.scale(ref.namespace, arm.deployment, arm, pods, manager)
            except Conflict:
                again = await self._workloads.arm(ref.namespace, arm.deployment, ref.name, fresh=True)
                if not isinstance(again, Arm) or (again.uid, again.replicas) != (arm.uid, arm.replicas):
                    raise
                arm = again
            else:
                return
        await self._workloads.scale(ref.namespace, arm.deployment, arm, pods, manager)


def _check_the_other(arms: Arms, stored: Route, numbers: tuple[int, int]) -> None:
    """A write is tested on the Deployment that is written. Raises: Conflict: somebody scaled the other meanwhile."""
    for arm, asked, pods in zip((arms.baseline, arms.candidate), numbers, stored.pairs[0].numbers, strict=True):
        if arm is not None and arm.replicas == asked != pods:
            raise Conflict(f"Deployment {arm.deployment}: it was scaled meanwhile")


def _state(*arms: Lookup[Arm]) -> tuple[object, ...]:
    """What moves whenever pods of an arm come, go, or become ready."""
    return tuple(
        (arm.uid, arm.generation, arm.replicas, arm.available, arm.updated, arm.present)
        if isinstance(arm, Arm)
        else arm
        for arm in arms
    )
