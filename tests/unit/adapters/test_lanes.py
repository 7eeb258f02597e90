"""Routes are written at once; records, and reads and Events beside them, take turns."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from tidegate.adapters.kubernetes.lanes import Lanes


class Reader:
    """A patient call that stays under way until it is told to end."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._end = asyncio.Event()
        self.under_way = False
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        async with self._lanes.patient():
            self.under_way = True
            await self._end.wait()
        self.under_way = False

    async def end(self) -> None:
        self._end.set()
        await self.task
        await turned()


async def turned() -> None:
    """Lets everything that can go on go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def readers(lanes: Lanes, count: int) -> list[Reader]:
    made = [Reader(lanes) for _ in range(count)]
    await turned()
    return made


def under_way(made: list[Reader]) -> list[int]:
    return [place for place, reader in enumerate(made) if reader.under_way]


async def test_a_write_waits_for_nobody() -> None:
    lanes = Lanes(beside_writes=1, without_writes=1)
    made = await readers(lanes, 3)
    async with AsyncExitStack() as writes, asyncio.timeout(20):
        for _ in range(100):
            await writes.enter_async_context(lanes.first())
    for reader in made:
        await reader.end()


async def test_records_go_a_few_at_a_time_and_hold_up_no_route() -> None:
    lanes = Lanes(records=2)
    entered: list[int] = []
    end = asyncio.Event()

    async def record(number: int) -> None:
        async with lanes.record():
            entered.append(number)
            await end.wait()

    tasks = [asyncio.ensure_future(record(number)) for number in range(4)]
    await turned()
    assert entered == [0, 1]
    async with asyncio.timeout(20), lanes.first():
        assert entered == [0, 1]
    end.set()
    await asyncio.gather(*tasks)
    assert entered == [0, 1, 2, 3]


async def test_records_that_waited_for_long_go_without_room_but_never_more_than_some_at_a_time() -> None:
    bounded, unbounded = Lanes(records=1, record_waits=0.01, most_records=3), Lanes(records=1, record_waits=0.01)
    under_way = {bounded: 0, unbounded: 0}
    end = asyncio.Event()

    async def record(lanes: Lanes, number: int) -> None:
        async with lanes.record(str(number)):
            under_way[lanes] += 1
            await end.wait()

    tasks = [asyncio.ensure_future(record(lanes, number)) for number in range(6) for lanes in under_way]
    while min(under_way[bounded] - 3, under_way[unbounded] - 6) < 0:  # noqa: ASYNC110  (the wait is over for all)
        await asyncio.sleep(0.005)
    assert under_way[bounded] == 3
    end.set()
    await asyncio.gather(*tasks)
    assert under_way[bounded] == 6


async def test_of_records_that_waited_for_long_the_first_goes_as_soon_as_there_are_fewer_than_the_most() -> None:
    lanes = Lanes(records=1, record_waits=0.05, most_records=2)
    entered: list[str] = []
    ends = {name: asyncio.Event() for name in ("hangs", "second", "third", "fourth")}

    async def record(name: str) -> None:
        async with lanes.record(name):
            entered.append(name)
            await ends[name].wait()

    tasks = [asyncio.ensure_future(record(name)) for name in ("hangs", "second", "third")]
    await asyncio.sleep(0.06)
    tasks.append(asyncio.ensure_future(record("fourth")))
    await turned()
    assert entered == ["hangs", "second"]
    ends["second"].set()
    await turned()
    assert entered == ["hangs", "second", "third"], "it has waited for long enough, and there is a place"
    ends["hangs"].set()
    ends["third"].set()
    ends["fourth"].set()
    await asyncio.gather(*tasks)


async def test_a_record_that_waited_for_long_and_is_given_up_holds_no_place() -> None:
    lanes = Lanes(records=1, record_waits=0.01, most_records=1)
    ends = asyncio.Event()

    async def record() -> None:
        async with lanes.record():
            await ends.wait()

    first, *others = [asyncio.ensure_future(record()) for _ in range(3)]
    await asyncio.sleep(0.03)
    others[0].cancel()
    await turned()
    ends.set()
    async with asyncio.timeout(20):
        await asyncio.gather(first, others[1])


async def test_beside_records_few_reads_go_on() -> None:
    lanes = Lanes(beside_writes=1, without_writes=3)
    async with lanes.record():
        made = await readers(lanes, 3)
        assert under_way(made) == [0]
    await turned()
    assert under_way(made) == [0, 1, 2]
    for reader in made:
        await reader.end()


async def test_beside_writes_few_reads_go_on_and_in_the_order_of_coming() -> None:
    lanes = Lanes(beside_writes=2, without_writes=4)
    async with lanes.first():
        made = await readers(lanes, 6)
        assert under_way(made) == [0, 1]
        await made[0].end()
        assert under_way(made) == [1, 2]
    await turned()
    assert under_way(made) == [1, 2, 3, 4], "without writes there is more room at once"
    for reader in made[1:]:
        await reader.end()


async def test_reads_under_way_when_a_write_comes_go_on_but_none_is_added() -> None:
    lanes = Lanes(beside_writes=1, without_writes=3)
    made = await readers(lanes, 3)
    async with lanes.first():
        made += await readers(lanes, 1)
        assert under_way(made) == [0, 1, 2]
        await made[0].end()
        await made[1].end()
        assert under_way(made) == [2], "one is room enough beside a write"
        await made[2].end()
        assert under_way(made) == [3]
    await made[3].end()


async def test_a_read_nobody_waits_for_any_more_holds_no_place() -> None:
    lanes = Lanes(beside_writes=1, without_writes=1)
    made = await readers(lanes, 3)
    made[1].task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made[1].task
    await made[0].end()
    assert under_way(made) == [2]
    await made[2].end()


async def test_a_read_cancelled_in_the_instant_of_its_turn_gives_it_to_the_next() -> None:
    lanes = Lanes(beside_writes=1, without_writes=1)
    async with lanes.patient():
        made = await readers(lanes, 2)
    made[0].task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made[0].task
    await turned()
    assert under_way(made) == [1]
    await made[1].end()


async def test_a_read_goes_after_the_longest_wait_whatever_hangs() -> None:
    lanes = Lanes(beside_writes=1, without_writes=1, longest_wait=0.01)
    async with lanes.first(), asyncio.timeout(20):
        made = await readers(lanes, 3)
        assert under_way(made) == [0]
        while under_way(made) != [0, 1, 2]:
            await turned()
        for reader in made:
            await reader.end()
        (alone,) = await readers(lanes, 1)
        assert alone.under_way, "nothing is counted twice"
        await alone.end()


async def test_those_who_wait_take_turns_by_whom_the_calls_belong_to() -> None:
    lanes = Lanes(beside_writes=1, without_writes=1)
    order: list[str] = []

    async def call(owner: str, number: int) -> None:
        async with lanes.patient(owner):
            order.append(f"{owner}{number}")
            await asyncio.sleep(0)

    async with lanes.patient("first"):
        calls = [asyncio.ensure_future(call("many", number)) for number in range(50)]
        calls += [asyncio.ensure_future(call(owner, 0)) for owner in ("one", "other")]
        await turned()
    await asyncio.gather(*calls)
    assert order[:4] == ["many0", "one0", "other0", "many1"]
    assert len(order) == 52


async def test_records_of_one_rollout_do_not_stand_before_anothers() -> None:
    lanes = Lanes(records=1)
    order: list[str] = []

    async def record(owner: str) -> None:
        async with lanes.record(owner):
            order.append(owner)

    async with lanes.record("first"):
        calls = [asyncio.ensure_future(record(owner)) for owner in ["storm"] * 20 + ["ours"]]
        await turned()
    await asyncio.gather(*calls)
    assert order.index("ours") == 1
