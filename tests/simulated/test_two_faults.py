"""One call fails and another hangs: a breach is answered in time all the same, whatever goes on and whichever two they are."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import pytest

from tests.simulated.shop import Shop, value
from tests.simulated.test_own_evaluation import READS, SLOW, STEPS, first_at_zero, manifest, until_weight
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import Conflict, PortError, Rejected, Unavailable
from tidegate.simulation.runner import Runner

T = TypeVar("T")
EDITED = [{**STEPS[0], "weight": 5}, STEPS[1]]
HAPPENINGS: dict[str, Callable[[Shop], object]] = {
    "raise": lambda _shop: None,
    "nothing": lambda _shop: None,
    "pause": lambda shop: shop.command(Action.PAUSE),
    "finalizer": lambda shop: shop.cluster.strip_finalizers("checkout"),
    "lowered": lambda shop: shop.set_weight(95, 5),
    "raised": lambda shop: shop.set_weight(50, 50),
    "overlap": lambda shop: shop.cluster.services.update({"checkout-canary": {"app": "checkout"}}),
    "no service": lambda shop: shop.cluster.services.pop("checkout-canary"),
    "edit": lambda shop: shop.cluster.edit_rollout(
        "checkout", {**shop.cluster.rollouts["checkout"].spec, "steps": EDITED}
    ),
}
WRITES = ("router.write", "store.write_status", "store.set_finalizer")
FAILS: tuple[tuple[str, type[PortError]] | None, ...] = (
    None,
    *product(WRITES, (Rejected, Conflict, Unavailable)),
    *((call, Unavailable) for call in READS),
)
HANGS = (*WRITES, *READS, "workloads.template", "all reads")


def sample(cases: list[T], *seed: object) -> list[T]:
    """Some of them, always the same."""
    return random.Random(repr(seed)).sample(cases, 24)  # noqa: S311  (no cryptography)


@dataclass
class Faults:
    """From now on one call fails for some times; after that another hangs, for as long as `until` (epoch seconds) is not there."""

    shop: Shop
    runner: Runner
    fails: tuple[str, type[PortError]] | None
    hangs: str
    times: int = 1
    lead: float = float("inf")
    """Seconds for which a write of the route hangs, at most: without it nothing can be answered."""
    woken: bool = False
    """Something changes as the call hangs."""
    failed: int = 0
    begun: float | None = None
    """Epoch seconds when it hung first."""

    def __post_init__(self) -> None:
        self.shop.gate.before, self.shop.gate.takes = self._before, self._takes

    def _before(self, call: str) -> None:
        if self.fails is not None and call == self.fails[0] and self.failed < self.times:
            self.failed += 1
            raise self.fails[1]("try again")

    def _takes(self, call: str) -> float:
        hangs = call == self.hangs or (self.hangs == "all reads" and call in READS)
        if not hangs or (self.fails is not None and not self.failed):
            return 0.0
        now = self.shop.clock.now()
        if self.begun is None:
            self.begun = now
            if self.woken:
                self.runner.at(now + 0.1, lambda: None)
        return 0.0 if call == "router.write" and now >= self.begun + self.lead else SLOW


async def answered_after(happening: str, faults: tuple[object, ...], lead: float, *, away: bool, woken: bool) -> float:
    """Seconds from a breach, so long after a call hung first, until the candidate was at 0; 0 when no call ever hung."""
    shop = Shop()
    runner = shop.rollout(manifest(onPreconditionLost="Hold"))
    await until_weight(shop, runner, 10)
    await runner.run_until(shop.clock.now() + (17.4 if happening == "raise" else 3.4))
    fails, hangs = faults
    both = Faults(shop, runner, fails, str(hangs), lead=lead, woken=woken)  # type: ignore[arg-type]

    def breach(query: Query, now: float) -> Answer:
        sick = both.begun is not None and now >= both.begun + lead and query.arm is ArmName.CANDIDATE
        return value(0.5 if sick and query.metric == "errors" else 0.0)

    shop.answer, shop.gate.streams_away = breach, away
    runner.at(shop.clock.now() + 0.3, lambda: HAPPENINGS[happening](shop) and None)
    over = shop.clock.now() + 60
    await runner.run_until(
        over, lambda: both.begun is not None and shop.weight == 0 and shop.clock.now() > both.begun + lead
    )
    if both.begun is None:
        return 0.0
    late = first_at_zero(shop, both.begun + lead)
    return late if late is not None else float("inf")


@pytest.mark.parametrize("happening", HAPPENINGS)
async def test_a_breach_is_answered_while_one_call_has_failed_and_another_hangs(happening: str) -> None:
    cases = list(product(FAILS, HANGS, (0.2, 1.5, 4.0), (False, True), (False, True)))
    if happening in {"lowered", "raised"}:  # what a hand gave the route must be read
        cases = [case for case in cases if case[1] not in {"router.read", "all reads"} or not case[3]]
    late = {}
    for fails, hangs, lead, away, woken in sample(cases, happening):
        after = await answered_after(happening, (fails, hangs), lead, away=away, woken=woken)
        late[fails, hangs, lead, away, woken] = after
    assert sum(after > 0 for after in late.values()) >= 1, "calls hung"
    assert {case: after for case, after in late.items() if after > 2.0} == {}


async def lowered_after(kind: str, faults: tuple[object, ...], times: int, *, away: bool, hand: bool) -> float:
    """Seconds from a breach until the weight was lower, when the faults begin with the first call after it."""
    shop = Shop()
    guards = [
        {"metric": "errors", "max": "5%", "onBreach": kind},
        {"metric": "latency", "max": "50%", "onBreach": "Warn"},
    ]
    runner = shop.rollout(manifest(onPreconditionLost="Hold", guards=guards))
    await until_weight(shop, runner, 50)
    await runner.run_until(shop.clock.now() + 3.4)
    begun, low = shop.clock.now(), 10 if kind == "StepBack" else 0
    fails, hangs = faults
    Faults(shop, runner, fails, str(hangs), times)  # type: ignore[arg-type]
    shop.answer = lambda query, _now: value(0.5 if (query.arm, query.metric) == (ArmName.CANDIDATE, "errors") else 0.0)
    shop.gate.streams_away = away
    if hand:
        runner.at(begun + 1.1, lambda: shop.set_weight(30, 70))
    await runner.run_until(begun + 60, lambda: shop.weight <= low)
    shares = ((one.time, one.rules[0]) for one in shop.cluster.history if one.time > begun)
    lower = (time for time, rule in shares if 100 * rule["checkout-canary"] <= low * sum(rule.values()))
    return next(lower, float("inf")) - begun


@pytest.mark.parametrize("kind", ["Revert", "StepBack"])
@pytest.mark.parametrize(("away", "hand"), [(False, False), (False, True), (True, False)])
async def test_a_lower_weight_is_written_though_one_call_fails_and_another_hangs(
    kind: str, *, away: bool, hand: bool
) -> None:
    """A try every second or two; what a hand gave the route meanwhile can be seen as long as there are watch streams."""
    cases = list(product(FAILS, [one for one in HANGS if one != "router.write"], (1, 3)))
    late = {}
    for fails, hangs, times in sample(cases, kind, away, hand):
        after = await lowered_after(kind, (fails, hangs), times, away=away, hand=hand)
        late[fails, hangs, times] = after - (2.0 * times if fails is not None else 0.0)
    assert {case: after for case, after in late.items() if after > 2.0} == {}
