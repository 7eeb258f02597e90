"""The small shop that simulated tests run in: two Deployments, two Services, one route, one metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.api.commands import Action
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.validation import NO_TEMPLATES, Templates
from tidegate.core.model.answers import Answer, Failed, Query, SeriesValue, Vector
from tidegate.core.model.observation import Problem
from tidegate.core.model.pace import EVERY_POINT, Pace
from tidegate.core.model.world import Command, TargetRef
from tidegate.ports.errors import Unavailable
from tidegate.simulation.clock import VirtualClock
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.faults import Gate
from tidegate.simulation.ports import memory_world
from tidegate.simulation.runner import Runner

REF = TargetRef("shop", "HTTPRoute", "checkout", "checkout", "checkout-canary")


def spec(**changes: object) -> dict[str, Any]:
    made: dict[str, Any] = {
        "baseline": {"deployment": "checkout", "service": "checkout"},
        "candidate": {"deployment": "checkout-canary", "service": "checkout-canary"},
        "traffic": [{"kind": "HTTPRoute", "name": "checkout"}],
        "interval": "10s",
        "metrics": [{"name": "errors", "query": 'errors{deployment="$workload"}', "unit": "ratio", "window": "20s"}],
        "guards": [{"metric": "errors", "max": "5%"}],
        "steps": [
            {
                "name": "canary",
                "weight": 10,
                "duration": "30s",
                "thresholds": [{"metric": "errors", "max": "1%"}],
            },
            {"name": "half", "weight": 50, "duration": "30s"},
        ],
        "promotion": {"strategy": "CopyTemplate", "settle": "20s"},
    }
    made.update(changes)
    return made


BY_PODS: dict[str, Any] = {
    "candidate": {"deployment": "checkout-canary", "service": "checkout"},
    "traffic": [{"kind": "ReplicaRatio", "name": "checkout", "replicaRatio": {"total": 10}}],
}
"""Of a spec: the weight is the ratio of pods."""


def by_pods(cluster: Cluster, pods: int = 10) -> None:
    """Makes one Service of the shop select both Deployments; the baseline has all the pods, the candidate none."""
    cluster.services = {"checkout": {"shop": "checkout"}}
    for name, replicas in (("checkout", pods), ("checkout-canary", 0)):
        deployment = cluster.deployments[name]
        deployment.template["metadata"]["labels"]["shop"] = "checkout"
        deployment.replicas = replicas
    cluster.ratio("checkout", "checkout", "checkout-canary")


def check(
    raw: Mapping[str, Any], _templates: Templates = NO_TEMPLATES
) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
    try:
        return RolloutSpec.model_validate(raw), ()
    except ValueError as error:
        return None, (Problem("spec", str(error)),)


def value(number: float) -> Vector:
    return Vector((SeriesValue((), number),))


def trouble(gate: Gate, call: str, how: str) -> None:
    """From now on a port call `fails`, or `hangs` beyond its time-out."""

    def fail(name: str) -> None:
        if name == call:
            raise Unavailable(call)

    if how == "fails":
        gate.before = fail
    else:
        gate.takes = lambda name: 60.0 if name == call else 0.0


@dataclass
class Shop:
    clock: VirtualClock = field(default_factory=VirtualClock)
    gate: Gate = field(default_factory=Gate)
    values: dict[str, float] = field(default_factory=lambda: {"candidate": 0.0, "baseline": 0.0})
    answer: Callable[[Query, float], Answer] | None = None
    cluster_of: Callable[[VirtualClock], Cluster] = Cluster

    def __post_init__(self) -> None:
        self.cluster = self.cluster_of(self.clock)
        self.start = self.clock.now()
        for name, image in (("checkout", "shop:v1"), ("checkout-canary", "shop:v2")):
            self.cluster.add_deployment(name, image, {"app": name})
            self.cluster.services[name] = {"app": name}
        self.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", [{"checkout": 1, "checkout-canary": 0}]))
        self.world = memory_world(self.cluster, self.answers, self.gate)

    def answers(self, query: Query, now: float) -> Answer:
        answer = self.answer(query, now) if self.answer is not None else None
        if query.part == "probe":
            return answer if isinstance(answer, Failed) else value(1.0)
        if answer is not None:
            return answer
        return value(self.values[str(query.arm)])

    def rollout(self, raw: Mapping[str, Any] | None = None, *, pace: Pace = EVERY_POINT) -> Runner:
        self.cluster.add_rollout("checkout", raw or spec())
        return Runner(self.world, self.clock, "checkout", check, pace=pace)

    @property
    def status(self) -> RolloutStatus:
        return RolloutStatus.model_validate(self.cluster.rollouts["checkout"].status)

    @property
    def weight(self) -> float:
        backends = self.cluster.routes["HTTPRoute/checkout"].rules[0] if not self.cluster.ratios else {}
        baseline, candidate = (backends["checkout"], backends["checkout-canary"]) if backends else self.pods
        return 100 * candidate / max(baseline + candidate, 1)

    @property
    def pods(self) -> tuple[int, int]:
        """Of the baseline and of the candidate."""
        return self.cluster.deployments["checkout"].replicas, self.cluster.deployments["checkout-canary"].replicas

    def all_pods(self) -> list[tuple[int, int]]:
        """Of both, after each write that changed them."""
        writes = (one.rules[0] for one in self.cluster.history if one.route.startswith("ReplicaRatio/"))
        return [(one.get("checkout", 0), one.get("checkout-canary", 0)) for one in writes]

    @property
    def outcome(self) -> str:
        history = self.status.history
        return history[0].outcome if history else ""

    def set_weight(self, baseline: int, candidate: int) -> None:
        self.cluster.set_weights(REF, {"#0": (baseline, candidate)})

    def command(self, action: Action, reason: str = "because", **fields: Any) -> str:  # noqa: ANN401
        """Lets somebody create a RolloutCommand; its uid."""
        number = len(self.cluster.commands)
        given = {"run": "", "requester": "ann", "verified": True, **fields}
        uid, created = f"command-{number}", self.clock.now()
        self.cluster.commands.append(
            Command(uid=uid, name=f"c{number}", action=action, reason=reason, created=created, **given)
        )
        return uid

    def weights(self) -> list[float]:
        """The candidate's share after each write to the route, percent."""
        found = []
        for write in self.cluster.history:
            backends = write.rules[0]
            found.append(100 * backends["checkout-canary"] / sum(backends.values()))
        return found
