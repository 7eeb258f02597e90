"""Watches a cluster's routes from outside: what stood in status when each weight was written, and which promises that keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.core.model.jobs import StartJob
from tidegate.core.model.world import RolloutObject
from tidegate.simulation.cluster import Cluster, RouteWrite, SimulatedJob, SimulatedRoute

OURS = ("tidegate", "tidegate-revert")


@dataclass(frozen=True)
class Seen:
    """One write to a route, with the status as stored at that moment."""

    write: RouteWrite
    share: float
    before: float
    status: dict[str, Any]
    late: bool


@dataclass
class WitnessedCluster(Cluster):
    """A cluster that keeps what its Rollout's status was at each write to a route."""

    seen: list[Seen] = field(default_factory=list)
    landing: bool = False
    """A write that was given up as timed out lands now."""
    on_write: list[Callable[[Seen], None]] = field(default_factory=list)
    on_status: list[Callable[[str, Mapping[str, Any]], None]] = field(default_factory=list)
    """Told of each status that the operator writes: the Rollout's name, and the status."""

    on_job: list[Callable[[SimulatedJob], None]] = field(default_factory=list)
    """Told of each Job that is created."""

    def start_job(self, rollout: RolloutObject, wanted: StartJob) -> None:
        before = len(self.created_jobs)
        super().start_job(rollout, wanted)
        for job in self.created_jobs[before:]:
            for listener in self.on_job:
                listener(job)

    def put_status(self, rollout: RolloutObject, status: Mapping[str, Any]) -> None:
        super().put_status(rollout, status)
        for listener in self.on_status:
            listener(rollout.name, status)

    def _note(self, route: SimulatedRoute) -> None:
        super()._note(route)
        write = self.history[-1]
        name = next(iter(self.rollouts), None)
        status = dict(self.rollouts[name].status) if name else {}
        key = f"{route.kind}/{route.name}"
        before = next((one.share for one in reversed(self.seen) if one.write.route == key), 0.0)
        found = Seen(write, share(write), before, status, self.landing)
        self.seen.append(found)
        for listener in self.on_write:
            listener(found)


def share(write: RouteWrite) -> float:
    backends = write.rules[0]
    total = backends["checkout"] + backends["checkout-canary"]
    return 100 * backends["checkout-canary"] / total if total else 0.0


def broken_promises(cluster: WitnessedCluster) -> list[str]:
    """What the history of the routes breaks, in words; empty when all is well."""
    found = []
    for one in cluster.seen:
        run = one.status.get("run") or {}
        if one.write.manager not in OURS or one.share <= one.before:
            continue
        when = f"{one.share:g}% at {one.write.time:.3f} by {one.write.manager}"
        if one.write.manager == "tidegate-revert":
            found.append(f"a revert raised to {when}")
        if one.late:
            continue
        if one.share > run.get("weight", 0.0):
            found.append(f"{when}: above the {run.get('weight')}% recorded")
        if run.get("ending"):
            found.append(f"{when}: a raise after the ending {run['ending']['kind']}")
    return found


def weights(cluster: WitnessedCluster) -> list[float]:
    """The shares in order, without repetition."""
    found: list[float] = []
    for one in cluster.seen:
        if not found or found[-1] != one.share:
            found.append(one.share)
    return found
