"""The shop with cohorts: three rules of its route, two of which have a weight of their own."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import Shop, spec, value
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

RULES = ("main", "staff", "beta")
TRAFFIC: list[dict[str, Any]] = [
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["main"]},
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["staff"], "cohort": "staff"},
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["beta"], "cohort": "beta"},
]
STEPS: list[dict[str, Any]] = [
    {"name": "staff", "weight": 0, "cohorts": {"staff": 100}, "duration": "30s"},
    {"name": "beta", "weight": 5, "cohorts": {"beta": 50}, "duration": "30s"},
    {"name": "half", "weight": 50, "duration": "30s"},
]
METRICS = [
    {"name": "errors", "query": 'errors{deployment="$workload"}', "unit": "ratio", "window": "20s"},
    {"name": "of-cohort", "query": 'errors{deployment="$workload",cohort="$cohort"}', "unit": "ratio", "window": "20s"},
]
ALONE = {"metric": "of-cohort", "cohort": "staff", "scope": "Cohort", "max": "5%"}


class Cohorts(Shop):
    """The shop, with three named rules."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rules = [{"checkout": 1, "checkout-canary": 0} for _ in RULES]
        self.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", rules, names=list(RULES)))
        self.begin = len(self.cluster.history)
        self.sick: set[str] = set()
        """Parts of queries that are answered with 6% for the candidate."""
        self.asked: set[str] = set()
        self.answer = self._answered

    def _answered(self, query: Query, _now: float) -> Any:  # noqa: ANN401
        self.asked.add(query.promql)
        sick = query.arm is ArmName.CANDIDATE and any(part in query.promql for part in self.sick)
        return value(0.06 if sick else 0.0)

    def start_run(self, **changes: object) -> Runner:
        """A Rollout with the cohorts."""
        return self.rollout(spec(**{"traffic": TRAFFIC, "steps": STEPS, "metrics": METRICS, **changes}))

    @property
    def shares(self) -> tuple[float, ...]:
        """The candidate's share in each rule now, percent."""
        return shares_of(self.cluster.routes["HTTPRoute/checkout"].rules)

    @property
    def written(self) -> list[tuple[float, ...]]:
        """The shares after each write since the start."""
        return [shares_of(write.rules) for write in self.cluster.history[self.begin :]]

    def told(self, reason: str) -> list[str]:
        """The messages of the Events of one reason."""
        return [message for _, _, one, message in self.cluster.events if one == reason]

    def why(self, condition: str) -> tuple[str, str, str]:
        """Status, reason and message of a condition; empty where there is none."""
        found = (one for one in self.status.conditions if one.type == condition)
        return next(((one.status, one.reason, one.message) for one in found), ("", "", ""))

    def cohorts(self) -> dict[str, tuple[float, float | None]]:
        """What status says of each cohort: wanted and observed."""
        return {one.name: (one.desired, one.observed) for one in self.status.cohorts or ()}


def shares_of(rules: Any) -> tuple[float, ...]:  # noqa: ANN401
    return tuple(100 * one["checkout-canary"] / sum(one.values()) for one in rules)


async def until_step(shop: Cohorts, runner: Runner, name: str, reached: bool = True) -> None:  # noqa: FBT001, FBT002
    def there() -> bool:
        step = shop.status.step if shop.cluster.rollouts["checkout"].status else None
        return step is not None and step.name == name and step.reached is reached

    await runner.run_until(shop.clock.now() + 400, there)
    assert there(), shop.status.message
