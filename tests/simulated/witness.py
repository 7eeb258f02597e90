"""Watches a cluster's routes from outside: what stood in status when each weight was written, and which promises that keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.core.model.jobs import StartJob
from tidegate.core.model.world import Arm, RolloutObject
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.cluster.objects import RouteWrite, SimulatedJob

OURS = ("tidegate", "tidegate-revert")


@dataclass(frozen=True)
class Seen:
    """One write to a route, with the status as stored at that moment."""

    write: RouteWrite
    share: float
    before: float
    status: dict[str, Any]
    late: bool
    cohorts: tuple[tuple[str, float, float], ...] = ()
    """Of each further rule, which stands for the cohort of its name: the name, its share, and its share before."""
    mirror: int = 0
    """Percent of the first rule's requests that are copied to the candidate."""
    mirror_before: int = 0


@dataclass(frozen=True)
class Scaled:
    """One scaling of the candidate by the operator, with the route and the stored status of that moment."""

    before: int
    after: int
    share: float
    status: Mapping[str, Any]
    late: bool
    """It was given up as timed out, and landed."""
    manager: str = "tidegate"

    @property
    def ending(self) -> Mapping[str, Any]:
        """The run's end as stored then; empty when it was not decided, or not stored."""
        return (self.status.get("run") or {}).get("ending") or {}

    @property
    def broken(self) -> str:
        """What it breaks, in words; empty when all is well."""
        run, recorded = self.status.get("run"), self.status.get("scaling") or {}
        what = f"scaled from {self.before} to {self.after} at {self.share:g}%"
        if self.manager == "tidegate-revert":
            return f"{what} by a revert" if self.after or self.share else ""
        if self.late:
            return ""
        if recorded.get("replicas") != self.after:
            return f"{what}: {recorded.get('replicas')} was recorded"
        if run is not None and run.get("ending"):
            return f"{what}: the run was ending"
        if self.after < self.before and self.share > (run or {}).get("weight", 0.0):
            return f"{what}: before the weight was lowered"
        return f"{what}: without a run" if run is None and self.share > 0 else ""


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

    scaled: list[Scaled] = field(default_factory=list)
    """Every scaling by the operator."""

    def scale(self, read: Arm, replicas: int, manager: str = "tidegate") -> None:
        before = len(self.scalings)
        pods = self.deployments[read.deployment].replicas if read.deployment in self.deployments else 0
        super().scale(read, replicas, manager)
        if len(self.scalings) > before and not self.ratios:
            share = self.seen[-1].share if self.seen else 0.0
            self.scaled.append(Scaled(pods, replicas, share, self._status(), self.landing, manager))

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

    def _status(self) -> dict[str, Any]:
        """Of the Rollout that is watched, not of a neighbour's: nothing once it is gone."""
        found = self.rollouts.get("checkout")
        return dict(found.status) if found is not None else {}

    def _of_a_neighbour(self, write: RouteWrite) -> bool:
        """Whether a write to a route changed rules of another Rollout alone."""
        if len(_watched(write)) == len(write.rules):
            return False
        earlier = next((one for one in reversed(self.history[:-1]) if one.route == write.route), None)
        return not _watched(write) or (
            earlier is not None
            and write.rules != earlier.rules
            and (_watched(write), write.mirrors) == (_watched(earlier), earlier.mirrors)
        )

    def _keep(self, write: RouteWrite) -> None:
        super()._keep(write)
        if self._of_a_neighbour(write):
            return
        before = next((one.share for one in reversed(self.seen) if one.write.route == write.route), 0.0)
        earlier = next((one for one in reversed(self.history[:-1]) if one.route == write.route), write)
        route = self.routes.get(write.route)
        names = route.names if route is not None else ()
        cohorts = tuple((name, share(write, place), share(earlier, place)) for place, name in enumerate(names) if place)
        mirrors = (mirror(write), mirror(earlier))
        found = Seen(write, share(write), before, self._status(), self.landing, cohorts, *mirrors)
        self.seen.append(found)
        for listener in self.on_write:
            listener(found)


def _watched(write: RouteWrite) -> list[Mapping[str, int]]:
    """The rules of the Rollout that is watched."""
    return [one for one in write.rules if "checkout" in one]


def share(write: RouteWrite, place: int = 0) -> float:
    backends = write.rules[place] if place < len(write.rules) else {"checkout": 1, "checkout-canary": 0}
    total = backends["checkout"] + backends["checkout-canary"]
    return 100 * backends["checkout-canary"] / total if total else 0.0


def mirror(write: RouteWrite) -> int:
    """Percent of the first rule's requests that are copied to the candidate."""
    return next((one for (_, service), one in write.mirrors.items() if service == "checkout-canary"), 0)


def broken_promises(cluster: WitnessedCluster) -> list[str]:
    """What the history of the routes breaks, in words; empty when all is well."""
    found = [one.broken for one in cluster.scaled if one.broken]
    breached = any(reason == "PromotionBreached" for _, _, reason, _ in cluster.events)
    for one in cluster.seen:
        run = one.status.get("run") or {}
        found += _of_cohorts(one, run)
        found += _of_mirrors(one, run)
        if one.write.manager not in OURS or one.share <= one.before:
            continue
        when = f"{one.share:g}% at {one.write.time:.3f} by {one.write.manager}"
        if one.write.manager == "tidegate-revert":
            found.append(f"a revert raised to {when}")
        if one.late:
            continue
        if one.share > run.get("weight", 0.0) and not (breached and _sent_back(one, run)):
            found.append(f"{when}: above the {run.get('weight')}% recorded")
        if run.get("ending"):
            found.append(f"{when}: a raise after the ending {run['ending']['kind']}")
    return found


def _sent_back(one: Seen, run: Mapping[str, Any]) -> bool:
    """Whether the traffic goes back to the candidate after the promoted baseline breached: that waits for no record, as a revert."""
    stage = (run.get("promotion") or {}).get("stage")
    return stage in {"Returning", "Settling"} and one.share <= float((one.status.get("step") or {}).get("weight") or 0)


def _of_cohorts(one: Seen, run: Mapping[str, Any]) -> list[str]:
    """The same of the further rules: each has a ceiling of its own."""
    ceilings = {each["name"]: each["weight"] for each in run.get("cohorts") or ()}
    raised = [(name, now) for name, now, before in one.cohorts if now > before]
    if one.write.manager not in OURS or one.late or not raised:
        return []
    found = [
        f"cohort {name} {now:g}% at {one.write.time:.3f}: above the {ceilings.get(name)}% recorded"
        for name, now in raised
        if now > ceilings.get(name, 0.0)
    ]
    return found + [f"cohort {name}: a raise after an ending" for name, _ in raised if run.get("ending")]


def _of_mirrors(one: Seen, run: Mapping[str, Any]) -> list[str]:
    """The same of what is copied: never beside traffic, as nobody could tell the two apart."""
    if one.write.manager not in OURS or one.mirror <= one.mirror_before:
        return []
    what = f"mirror of {one.mirror}% at {one.write.time:.3f} by {one.write.manager}"
    found = [f"{what}: added by a revert"] if one.write.manager == "tidegate-revert" else []
    if one.late:
        return found
    found += [f"{what}: above the {run.get('mirror')}% recorded"] if one.mirror > run.get("mirror", 0) else []
    found += [f"{what}: after an ending"] if run.get("ending") else []
    return found + ([f"{what}: beside a weight of {one.share:g}%"] if one.share else [])


def mirrors(cluster: WitnessedCluster) -> list[int]:
    """What was copied, in order, without repetition."""
    found: list[int] = []
    for one in cluster.seen:
        if not found or found[-1] != one.mirror:
            found.append(one.mirror)
    return found


def cohort_weights(cluster: WitnessedCluster) -> list[float]:
    """The shares of the first cohort in order, without repetition."""
    found: list[float] = []
    for one in cluster.seen:
        if one.cohorts and (not found or found[-1] != one.cohorts[0][1]):
            found.append(one.cohorts[0][1])
    return found


def weights(cluster: WitnessedCluster) -> list[float]:
    """The shares in order, without repetition; not those between the two writes of a revert of pods, of which either may be first."""
    found: list[float] = []
    for one in cluster.seen:
        if cluster.ratios and one.write.manager == "tidegate-revert" and one.share:
            continue
        if not found or found[-1] != one.share:
            found.append(one.share)
    return found
