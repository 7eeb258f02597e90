"""A shop whose candidate is scaled, and what its report says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.simulated.shop import Shop, spec
from tidegate.core.report.compose import Known, compose
from tidegate.ports.errors import Unavailable
from tidegate.simulation.runner import Runner

CANDIDATE = "checkout-canary"


LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


STEPS = [
    {"name": "canary", "weight": 10, "duration": "1m"},
    {"name": "half", "weight": 50, "duration": "1m"},
    {"name": "all", "weight": 100, "duration": "1m"},
]


BUSY = {"metric": "errors", "max": "1%", "onBreach": "Scale", "scale": {"by": "50%", "max": 5, "cooldown": "1m"}}


class Scaled:
    def __init__(self, scaling: dict[str, Any] | None = None, *, baseline: int = 10, **changes: object) -> None:
        self.shop = Shop()
        self.cluster = self.shop.cluster
        self.cluster.deployments["checkout"].replicas = baseline
        candidate = {"deployment": CANDIDATE, "service": CANDIDATE}
        if scaling is not None:
            candidate["scaling"] = scaling  # type: ignore[assignment]
        self.runner: Runner = self.shop.rollout(spec(candidate=candidate, **changes))

    async def passes(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.clock.now() + seconds)

    async def until_the_end(self) -> None:
        while not self.shop.outcome:
            await self.passes(10)

    def woken(self) -> None:
        self.runner.due = self.shop.clock.now()

    def fails(self, name: str) -> None:
        def before(call: str) -> None:
            if call == name:
                raise Unavailable(f"{call}: no answer")

        self.shop.gate.before = before

    @property
    def replicas(self) -> int:
        return self.cluster.deployments[CANDIDATE].replicas

    @property
    def numbers(self) -> list[int]:
        return [number for _, name, number in self.cluster.scalings if name == CANDIDATE]

    def told(self, reason: str) -> int:
        return sum(event[2] == reason for event in self.cluster.events)

    def asked(self, call: str) -> int:
        return sum(one == call for one in self.shop.gate.calls)


def reported(scaled: Scaled, what: str) -> str:
    """The line of that reason in the report of the run under way, made of its status alone."""
    now = datetime.fromtimestamp(scaled.shop.clock.now(), UTC)
    report = compose(Known("shop", "checkout", scaled.cluster.rollouts["checkout"].spec, scaled.shop.status, now))
    return next(one.why for one in report.timeline if one.what == what)
