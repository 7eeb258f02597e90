"""Raises take turns, and what hangs stops the others for a while only."""

from __future__ import annotations

import asyncio

from tests.unit.reconcile.test_scheduler import TurnedClock, settle
from tidegate.reconcile.raises import AT_A_TIME, LONGEST_TURN, Raises, Turn


async def full() -> tuple[Raises, TurnedClock, list[Turn]]:
    clock = TurnedClock()
    raises = Raises(clock)
    return raises, clock, [await raises.enter() for _ in range(AT_A_TIME)]


async def test_a_few_raise_at_a_time_first_come_first_served() -> None:
    raises, _, held = await full()
    waiting = [asyncio.ensure_future(raises.enter()) for _ in range(3)]
    await settle()
    assert [one.done() for one in waiting] == [False] * 3
    for turn in held[:2]:
        raises.leave(turn)
    await settle()
    assert [one.done() for one in waiting] == [True, True, False]
    waiting[2].cancel()


async def test_a_turn_that_is_held_for_too_long_goes_to_the_next() -> None:
    clock = TurnedClock()
    raises = Raises(clock)
    hanging = await raises.enter()
    await clock.turn(LONGEST_TURN - 1)
    for _ in range(AT_A_TIME - 1):
        await raises.enter()
    waiting = [asyncio.ensure_future(raises.enter()) for _ in range(2)]
    await settle()
    assert [one.done() for one in waiting] == [False, False]
    await clock.turn(1)
    assert [one.done() for one in waiting] == [True, False]
    raises.leave(hanging)
    await settle()
    assert not waiting[1].done(), "a turn that was taken back has gone to the next already"
    waiting[1].cancel()


async def test_a_crowd_never_goes_on_together_however_long_it_waits() -> None:
    raises, clock, held = await full()
    crowd = [asyncio.ensure_future(raises.enter()) for _ in range(20 * AT_A_TIME)]
    passed = 0
    while passed < len(crowd):
        for turn in held:
            raises.leave(turn)
        await settle()
        held = [one.result() for one in crowd[passed:] if one.done()]
        assert len(held) <= AT_A_TIME
        passed += len(held)
        await clock.turn(LONGEST_TURN - 1)


async def test_hanging_turns_pass_on_as_many_as_there_are() -> None:
    raises, clock, _ = await full()
    crowd = [asyncio.ensure_future(raises.enter()) for _ in range(3 * AT_A_TIME)]
    await settle()
    for rounds in (1, 2, 3):
        await clock.turn(LONGEST_TURN)
        assert sum(one.done() for one in crowd) == rounds * AT_A_TIME


async def late(raises: Raises) -> asyncio.Future[Turn]:
    waiting = asyncio.ensure_future(raises.enter())
    await settle()
    return waiting


async def test_one_who_gives_up_takes_no_place() -> None:
    raises, _, held = await full()
    for given in (False, True):
        waiting = await late(raises)
        if given:
            raises.leave(held.pop())
        waiting.cancel()
        await settle()
        assert waiting.cancelled()
        if not given:
            raises.leave(held.pop())
        held.append(await raises.enter())
    assert not (await late(raises)).done()
