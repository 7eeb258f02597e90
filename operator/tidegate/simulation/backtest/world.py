"""The world a run of the past is in: both arms well, routes that take every weight, answers from what was recorded."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.model import cadence
from tidegate.core.model.answers import Answer, Query, SeriesValue, Vector
from tidegate.core.model.pace import EVERY_POINT
from tidegate.core.model.world import Arm, ArmName, Lookup
from tidegate.core.traffic import targets
from tidegate.ports.world import World
from tidegate.reconcile.specs import Check
from tidegate.reconcile.tick import Ticker
from tidegate.simulation.backtest.history import History
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.faults import Gate
from tidegate.simulation.pace import FROM_CHANGE_TO_CHANGE
from tidegate.simulation.ports import memory_world
from tidegate.simulation.ports.workloads import MemoryWorkloads

NEW_IMAGE: Final = "app:v2"
RAW: Final = "raw-"
"""How `Query.part` begins where raw samples are asked for."""
PAST: Final = "past-"
"""How it begins where blocks of the baseline's past are asked for."""
KNOWN: Final = "known-"
"""How it begins where the last value of a counter is asked for."""
UIDS: Final = 2**17
"""Uids that are tried: so many that one of them has its grid where it is wanted, to a hundred-thousandth of the interval or so."""


@dataclass(frozen=True)
class Course:
    """What every run over one history has in common."""

    name: str
    namespace: str
    uid: str
    """Says where the points of the judging grid lie."""
    spec: RolloutSpec
    """As of then (arms.py)."""
    pods: Mapping[ArmName, str]
    check: Check
    history: History
    change_after: Callable[[str, float, int], int]
    """For a step, a weight and a point of history: the next point at which a judgement differs."""
    leap: bool = True
    """Leave out the ticks that would change nothing."""
    there: Callable[[Query, float], bool] = lambda _query, _now: True
    """Whether a counter may have been there before an instant (epoch seconds): if not, its last value is not asked for."""


class PastTicker(Ticker):
    """A ticker that is told, tick by tick, whether points of the grid were left out since the one before."""

    def follow(self, *, left_out: bool) -> None:
        """Says for the next tick whether any were: the time since the one before counts as watched then."""
        self._pace = FROM_CHANGE_TO_CHANGE if left_out else EVERY_POINT

    def memory(self, namespace: str, name: str) -> RolloutStatus:
        """The status as the tick before left it, in which more is up to date than what was worth a write."""
        record = self._records.get((namespace, name))
        return record.memory.status if record is not None else RolloutStatus()


class PastWorkloads(MemoryWorkloads):
    """Deployments whose pods are named as they may have been then."""

    names: Mapping[str, str]
    """Deployment to `$pods`."""

    async def arm(self, namespace: str, deployment: str, service: str, *, fresh: bool) -> Lookup[Arm]:
        """The arm."""
        found = await super().arm(namespace, deployment, service, fresh=fresh)
        return replace(found, pods=self.names[deployment]) if isinstance(found, Arm) else found


class PastMetrics:
    """`MetricSource` on the past; it can always be asked, and what is asked together is answered together.

    So no answer of the past comes late because Prometheus is slow today.
    """

    def __init__(self, course: Course, clock: VirtualClock) -> None:
        self._course = course
        self._history = course.history
        self._clock = clock
        self._open = 0
        self._all_there = asyncio.Event()

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        """The answer at this instant: of the nearest point before it, or asked for by itself while windows are still short."""
        del timeout, rollout
        self._open += 1
        self._all_there.clear()
        try:
            await asyncio.sleep(0)  # until those that are asked with it are open as well
            found = await self._answer(query)
        finally:
            self._open -= 1
            if self._open == 0:
                self._all_there.set()
        await self._all_there.wait()
        return found

    async def _answer(self, query: Query) -> Answer:
        now = self._clock.now()
        if query.part == "probe":
            return Vector((SeriesValue((), 1.0),))
        if query.part == "clock":
            return Vector((SeriesValue((), now),))
        if query.part.startswith(PAST):
            return await self._history.past(query.promql, round(now, 3))
        if query.part.startswith(RAW):
            return await self._history.raw.answer(query.promql, round(now, 3))
        if query.part.startswith(KNOWN) and not self._course.there(query, now):
            return Vector(())
        recording = self._history.recording(query.promql)
        if recording is None:
            return await self._history.instant(query.promql, now)
        return recording.vector(self._history.stretch.index(now))


def uid_at(start: float, interval: float) -> str:
    """A uid of a Rollout whose judging grid has a point at an instant, or a little before it: a hundred-thousandth of the interval.

    Args:
        start: the instant, epoch seconds.
        interval: seconds between two points.
    """
    phases, numbers = _phases()
    return f"past-{numbers[bisect_right(phases, (start / interval) % 1) - 1]}"


@cache
def _phases() -> tuple[array[float], array[int]]:
    """The phases of many uids as shares of an interval, ascending, and the uids' numbers; of the first place the last one, an interval before."""
    every = array("d", (cadence.phase(f"past-{number}", 1.0) for number in range(UIDS)))
    numbers = array("l", sorted(range(UIDS), key=every.__getitem__))
    numbers.insert(0, numbers[-1])
    phases = array("d", (every[number] for number in numbers))
    phases[0] -= 1
    return phases, numbers


def world_of(course: Course, cluster: Cluster) -> World:
    """The ports on it."""
    workloads = PastWorkloads(cluster, Gate())
    workloads.names = {
        course.spec.baseline.deployment: course.pods[ArmName.BASELINE],
        course.spec.candidate.deployment: course.pods[ArmName.CANDIDATE],
    }
    ports = memory_world(cluster, lambda _query, _now: Vector(()))
    return replace(ports, workloads=workloads, metrics=PastMetrics(course, cluster.clock))


def cluster_of(course: Course, clock: VirtualClock) -> Cluster:
    """Both arms well, the candidate with a version of its own, all traffic on the baseline."""
    made = Cluster(clock, namespace=course.namespace)
    made.jobs_watched = True
    for arm, image in ((course.spec.baseline, "app:v1"), (course.spec.candidate, NEW_IMAGE)):
        replicas = max(course.spec.baseline.min_available.of(3), 3)
        made.add_deployment(arm.deployment, image, {"app": arm.deployment}, replicas)
        made.services[arm.service] = {"app": arm.deployment}
    for ref in targets.refs_of(course.spec, course.namespace):
        rules = [{ref.baseline: 100, ref.candidate: 0} for _ in ref.rules or ("",)]
        made.add_route(SimulatedRoute(ref.kind, ref.name, rules, names=list(ref.rules)))
    raw: dict[str, Any] = course.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    rollout = made.add_rollout(course.name, raw)
    made.rollouts[course.name] = replace(rollout, uid=course.uid)
    return made
