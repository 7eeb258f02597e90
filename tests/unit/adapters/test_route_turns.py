"""Writes to one route take turns: those that go on are waited for however long they take, those that hang are not."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.unit.operator.virtual_loop import in_virtual_time
from tidegate.adapters.routers.turns import REVERT_WAITS, WRITE_WAITS, Turns

ROUTE = ("shop", "checkout")
SLOW = 0.1
"""Seconds of a write that goes on."""
HANGS = 5.0


@dataclass
class Writers:
    """Writes to one route."""

    turns: Turns = field(default_factory=Turns)
    began: dict[int, float] = field(default_factory=dict)
    """When each got its turn, seconds."""
    writing: int = 0
    most: int = 0
    """Writes at the same time."""

    async def write(self, number: int, seconds: float, *, revert: bool = True, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        async with self.turns.of(ROUTE, revert=revert):
            self.began[number] = asyncio.get_running_loop().time()
            self.writing += 1
            self.most = max(self.most, self.writing)
            await asyncio.sleep(seconds)
            self.writing -= 1

    def all(self, *writes: Coroutine[Any, Any, None]) -> None:
        async def story() -> None:
            await asyncio.wait_for(asyncio.gather(*writes), 60)

        in_virtual_time(story())


@pytest.mark.parametrize("seconds", [SLOW, 0.4])
def test_slow_writes_go_one_by_one_however_many_there_are(seconds: float) -> None:
    writers = Writers()
    writers.all(*(writers.write(number, seconds) for number in range(30)))
    assert (writers.most, list(writers.began)) == (1, list(range(30)))
    assert writers.began[29] == pytest.approx(29 * seconds)


def test_one_that_hangs_loses_its_turn_and_the_others_still_go_one_by_one() -> None:
    writers = Writers()
    writers.all(writers.write(0, HANGS), *(writers.write(number, SLOW) for number in range(1, 13)))
    assert writers.most == 2, "the one that hangs, and one more"
    assert writers.began[1] == pytest.approx(REVERT_WAITS)
    assert writers.began[12] == pytest.approx(REVERT_WAITS + 11 * SLOW)


def test_however_many_hang_nobody_waits_for_each_of_them() -> None:
    writers = Writers()
    writers.all(*(writers.write(number, HANGS) for number in range(40)))
    assert max(writers.began.values()) <= REVERT_WAITS * 4 / 3


def test_a_write_that_ends_ends_the_hurry() -> None:
    writers = Writers()
    hanging = [writers.write(number, HANGS) for number in range(3)]
    slow = [writers.write(number, SLOW, after=1.0) for number in (4, 5)]
    writers.all(*hanging, writers.write(3, SLOW), *slow)
    assert sorted(writers.began[number] for number in (4, 5)) == pytest.approx([1.0, 1.0 + SLOW])


def test_reverts_go_before_what_waits() -> None:
    writers = Writers()
    forward = [writers.write(number, SLOW, revert=False) for number in range(5)]
    writers.all(*forward, writers.write(5, SLOW, after=SLOW / 2))
    assert list(writers.began) == [0, 5, 1, 2, 3, 4]
    assert writers.most == 1


def test_a_revert_takes_the_turn_of_another_write_that_hangs_before_those_that_wait_for_it_longer() -> None:
    writers = Writers()
    forward = [writers.write(number, HANGS, revert=False) for number in range(2)]
    writers.all(*forward, writers.write(2, SLOW, after=SLOW))
    assert writers.began[2] == pytest.approx(REVERT_WAITS)
    assert writers.began[1] == pytest.approx(REVERT_WAITS + SLOW)


def test_no_other_write_waits_longer_than_its_intent_lives() -> None:
    writers = Writers()
    writers.all(*(writers.write(number, 0.9, revert=False) for number in range(8)))
    assert max(writers.began.values()) == pytest.approx(WRITE_WAITS)


def test_those_that_gave_up_are_not_waited_for() -> None:
    writers = Writers()

    async def story() -> None:
        first = asyncio.ensure_future(writers.write(0, SLOW))
        given_up = [asyncio.ensure_future(writers.write(number, SLOW)) for number in (1, 2)]
        last = asyncio.ensure_future(writers.write(3, SLOW))
        await asyncio.sleep(SLOW / 2)
        for one in given_up:
            one.cancel()
        await asyncio.gather(first, last)

    in_virtual_time(story())
    assert writers.began == {0: 0.0, 3: pytest.approx(SLOW)}


def test_one_that_is_given_up_as_it_writes_leaves_its_turn() -> None:
    writers = Writers()

    async def story() -> None:
        first = asyncio.ensure_future(writers.write(0, HANGS))
        following = asyncio.ensure_future(writers.write(1, SLOW))
        await asyncio.sleep(SLOW / 2)
        first.cancel()
        await following

    in_virtual_time(story())
    assert writers.began[1] == pytest.approx(SLOW / 2)
