"""The clock leaps in the middle of a tick, on the real scheduler: the next evaluation comes by the new clock."""

from __future__ import annotations

import pytest

from tests.simulated.crowded import INTERVAL, WEIGHT, crowd
from tests.simulated.shop import Shop

SLOW = 2.0
"""Seconds that each query takes."""


@pytest.mark.parametrize("seconds", [-3600.0, -30.0, 3600.0])
async def test_a_leap_within_a_tick_delays_no_evaluation(seconds: float) -> None:
    def takes(_shop: Shop, call: str) -> float:
        return SLOW if call.startswith("metrics.") else 0.0

    async with crowd(1, takes, guards=[{"metric": "errors", "max": "5%"}]) as made:
        await made.passes(60, lambda: made.weights() == {WEIGHT})
        await made.passes(2 * INTERVAL)
        clock, scheduler = made.shop.clock, made.scheduler
        await made.passes(2 * INTERVAL, lambda: bool(scheduler._work))  # noqa: SLF001
        assert scheduler._work, "a tick is under way"  # noqa: SLF001
        clock.leap(seconds)
        while scheduler._work:  # noqa: SLF001
            await made.passes(0.5)
        began = clock.monotonic()
        made.sick.append(clock.now())
        while made.weights() != {0} and clock.monotonic() - began < 10 * INTERVAL:
            await made.passes(1)
        assert clock.monotonic() - began <= INTERVAL + 2 * SLOW + 1
