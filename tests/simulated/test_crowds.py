"""Sixty Rollouts at once on an API server that answers one request after the other: guarantee 11 for those of one operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from tests.simulated.breaching import LONG, started
from tests.simulated.crowded import INTERVAL, WEIGHT, crowd
from tests.simulated.shop import Shop
from tidegate.api.commands import Action
from tidegate.core.model import cadence
from tidegate.core.run.ending import CALM, CROWD_CALM, CROWD_SPREAD, RETRY

COUNT: Final = 60
COSTS: Final = {"store.write_status": 0.1, "store.set_finalizer": 0.05}
"""Seconds of the API server's only core: with the conclusions of those that are back already, sixty reverts are more work than
an interval has seconds."""
OTHERS: Final = 0.015


@dataclass
class Busy:
    """An API server with one core."""

    free: float = 0.0

    def takes(self, shop: Shop, call: str) -> float:
        if call.startswith("metrics."):
            return 0.0
        now = shop.clock.monotonic()
        self.free = max(self.free, now) + COSTS.get(call, OTHERS)
        return self.free - now


@pytest.mark.parametrize("later", [0, 2, 5])
async def test_sixty_released_and_breached_at_once_are_back_within_an_interval_and_a_second(later: int) -> None:
    """However the breach falls among the Rollouts' evaluations: they may begin with a few, whose conclusions must wait too."""
    async with crowd(COUNT, Busy().takes, guards=[{"metric": "errors", "max": "5%"}]) as made:
        await made.passes(180, lambda: made.weights() == {WEIGHT})
        assert made.weights() == {WEIGHT}, "all came to their weight"
        await made.passes(2 * INTERVAL + later)
        assert await made.breached(60) <= INTERVAL + 1.0
        await made.passes(CROWD_CALM + CALM + CROWD_SPREAD, lambda: made.phases() == {"Reverted"})
        assert made.phases() == {"Reverted"}, "all are concluded"


async def test_who_is_deleted_waits_for_no_crowd() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    await runner.run_until(shop.clock.now() + 30)
    begun = shop.clock.now()
    for number in range(400):
        runner.at(begun + 0.05 * number, runner.ticker.crowd.joined)
    runner.at(begun, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(begun + 20, lambda: "checkout" not in shop.cluster.rollouts)
    assert "checkout" not in shop.cluster.rollouts
    assert shop.clock.now() - begun <= CALM + 1


async def test_an_end_is_concluded_once_the_crowd_is_over() -> None:
    shop = Shop()
    runner = await started(shop, guards=[{"metric": "errors", "max": "5%"}], steps=LONG)
    await runner.run_until(shop.clock.now() + 30)
    bad = shop.clock.now()
    shop.values["candidate"] = 0.5
    joined = runner.ticker.crowd.joined
    for number in range(400):
        runner.at(bad + 0.05 * number, joined)
    await runner.run_until(bad + 20, lambda: shop.outcome != "")
    assert (shop.weight, shop.outcome, str(shop.status.phase)) == (0, "", "Reverting")
    await runner.run_until(bad + 120, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.clock.now() - bad <= 20 + CALM + CROWD_SPREAD + 1


async def test_the_ends_of_a_crowd_that_began_together_are_concluded_one_after_the_other() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG, interval="5m")
    spread = cadence.phase(shop.cluster.rollouts["checkout"].uid, CROWD_SPREAD)
    assert spread > RETRY - CALM, "without a spread it would be looked at sooner"
    begun = shop.clock.now()
    for number in range(100):
        runner.at(begun + 0.05 * number, runner.ticker.crowd.joined)
    shop.command(Action.ABORT)
    await runner.run_until(begun + 120, lambda: shop.outcome != "")
    assert shop.outcome == "Aborted"
    assert CALM + CALM + spread <= shop.clock.now() - begun < CROWD_CALM, "five seconds of crowd"


async def test_an_end_does_not_wait_for_ever_for_a_crowd_that_is_never_over() -> None:
    shop = Shop()
    runner = await started(shop, steps=LONG)
    begun = shop.clock.now()
    for number in range(6000):
        runner.at(begun + 0.05 * number, runner.ticker.crowd.joined)
    shop.command(Action.ABORT)
    await runner.run_until(begun + 250, lambda: shop.outcome != "")
    assert CROWD_CALM <= shop.clock.now() - begun <= CROWD_CALM + CALM + CROWD_SPREAD + 1
