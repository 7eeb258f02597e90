"""A baseline that is slow to say whether it is beyond the limit as well: how long a revert waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from tests.simulated.attributed import LONG, about_the_baseline, holding, later, started
from tests.simulated.shop import Shop, spec
from tidegate.core.judging.shared_incident import PATIENCE
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.core.model.world import ArmName


@dataclass
class Slow:
    """Answers about the baseline take their time, all others none."""

    shop: Shop
    seconds: float

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        del rollout
        if query.arm is not ArmName.BASELINE or query.part == "probe":
            return self.shop.answers(query, self.shop.clock.now())
        begin = self.shop.clock.now()
        for _ in range(20):
            await asyncio.sleep(0)
        self.shop.clock.advance_to(begin + min(self.seconds, timeout))
        if self.seconds >= timeout:
            return Failed(FailedReason.TIMEOUT, "no answer in time")
        return self.shop.answers(query, begin)


@dataclass
class Never:
    """Never says anything about the baseline once it is silent."""

    shop: Shop
    silent: bool = False

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        del rollout
        if self.silent and query.arm is ArmName.BASELINE:
            await self.shop.clock.sleep(timeout)
            return Failed(FailedReason.TIMEOUT, "no answer in time")
        return self.shop.answers(query, self.shop.clock.now())


@pytest.mark.parametrize(("interval", "patience"), [("1s", 1.0), ("30s", PATIENCE)])
async def test_a_revert_waits_for_a_slow_baseline_no_longer_than_it_says(interval: str, patience: float) -> None:
    shop = Shop()
    slow = Slow(shop, 0.0)
    shop.world = replace(shop.world, metrics=slow)
    runner = shop.rollout(spec(steps=LONG, interval=interval))
    await runner.run_until(shop.start + 70)
    assert shop.weight == 10
    shop.values.update(candidate=0.3, baseline=0.3)
    slow.seconds = 60.0
    begun = runner.due
    await later(shop, runner, 60)
    assert shop.outcome == "Reverted"
    written = next(one.time for one in shop.cluster.history if one.manager == "tidegate-revert")
    assert written - begun == pytest.approx(patience, abs=0.01)


async def test_a_revert_does_not_wait_longer_because_a_comparison_has_asked_the_same_before() -> None:
    """Whoever only compares has until the next evaluation."""
    shop = Shop()
    never = Never(shop)
    shop.world = replace(shop.world, metrics=never)
    guards = [
        {"metric": "errors", "max": "5%"},
        {"metric": "errors", "maxIncrease": "20%", "floor": "0%", "onBreach": "Warn"},
    ]
    runner = shop.rollout(spec(steps=LONG, guards=guards, interval="1s"))
    await runner.run_until(shop.start + 30)
    assert shop.weight == 10
    shop.values.update(candidate=0.3, baseline=0.3)
    never.silent = True
    begun = shop.clock.now()
    await later(shop, runner, 60)
    assert shop.outcome == "Reverted"
    assert 0.9 <= shop.cluster.history[-1].time - begun <= 2.5


async def test_a_baseline_that_answers_in_time_is_waited_for() -> None:
    shop = Shop()
    shop.world = replace(shop.world, metrics=Slow(shop, 1.5))
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 15)
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 30)
    assert (shop.weight, holding(shop)) == (10, "SharedIncident")


async def test_the_baseline_is_asked_only_when_the_candidate_is_beyond_the_limit() -> None:
    shop = Shop()
    runner = await started(shop)
    await later(shop, runner, 60)
    assert about_the_baseline(shop) == []
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 10)
    assert [one.life for one in about_the_baseline(shop)] == [PATIENCE]


async def test_a_guard_asks_whose_fault_it_is_when_its_duration_is_over() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%", "for": "5m"}])
    shop.values.update(candidate=0.3, baseline=0.3)
    await later(shop, runner, 290)
    assert (holding(shop), shop.status.guards[0].state) == ("", "Pending")
    assert about_the_baseline(shop) == []
    await later(shop, runner, 30)
    assert (shop.weight, holding(shop)) == (10, "SharedIncident")
    shop.values.update(baseline=0.0)
    await later(shop, runner, 250)
    assert shop.outcome == "", "what was shared does not count towards the candidate's own breach"
    await later(shop, runner, 61)
    assert shop.outcome == "Reverted"
