"""Raises take turns, and what hangs stops the others for a while only."""

from __future__ import annotations

import asyncio

from tests.unit.reconcile.test_scheduler import TurnedClock, settle
from tidegate.reconcile.raises import AT_A_TIME, PATIENCE, Raises


async def full() -> tuple[Raises, TurnedClock]:
    clock = TurnedClock()
    raises = Raises(clock)
    assert [await raises.enter() for _ in range(AT_A_TIME)] == [True] * AT_A_TIME
    return raises, clock


async def test_a_few_raise_at_a_time_first_come_first_served() -> None:
    raises, _ = await full()
    waiting = [asyncio.ensure_future(raises.enter()) for _ in range(3)]
    await settle()
    assert [one.done() for one in waiting] == [False] * 3
    raises.leave()
    raises.leave()
    await settle()
    assert [one.done() and one.result() for one in waiting] == [True, True, False]
    waiting[2].cancel()


async def test_a_raise_that_has_waited_long_goes_on_without_a_place() -> None:
    raises, clock = await full()
    waiting = asyncio.ensure_future(raises.enter())
    await settle()
    await clock.turn(PATIENCE - 0.1)
    assert not waiting.done()
    await clock.turn(0.2)
    assert await waiting is False
    raises.leave()
    assert await raises.enter(), "it took none"


async def test_one_who_gives_up_takes_no_place() -> None:
    raises, _ = await full()
    for late in (False, True):
        waiting = asyncio.ensure_future(raises.enter())
        await settle()
        if late:
            raises.leave()
        waiting.cancel()
        await settle()
        assert waiting.cancelled()
        if not late:
            raises.leave()
        assert await raises.enter()
