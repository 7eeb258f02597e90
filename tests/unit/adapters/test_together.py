"""Questions on one namespace are put one by one, or by one call where many wait."""

from __future__ import annotations

import asyncio

import pytest

from tidegate.adapters.kubernetes import together
from tidegate.adapters.kubernetes.together import AT_A_TIME, MANY, WORTH, Crowds, Listed
from tidegate.ports.errors import Missing, Rejected, Unavailable


class Answering:
    """Answers a name with its capitals, once it may go; knows what it was asked."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.one: list[str] = []
        self.all: list[frozenset[str]] = []
        self.gone: set[str] = set()
        self.length = 0
        self.stuck: dict[str, asyncio.Event] = {}
        self.error: Exception | None = None
        self.crowds: Crowds[str, str] = Crowds(self._one, self._all)

    async def _one(self, namespace: str, name: str) -> str:
        assert namespace == "shop"
        self.one.append(name)
        await self.stuck.get(name, self.go).wait()
        if name in self.gone:
            raise Missing(name)
        return name.upper()

    async def _all(self, _namespace: str, names: frozenset[str]) -> Listed[str, str]:
        self.all.append(names)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return Listed({name: name.upper() for name in names - self.gone}, self.length)

    def ask(self, *names: str) -> list[asyncio.Task[str]]:
        return [asyncio.create_task(self.crowds.ask("shop", name)) for name in names]

    async def crowd(self) -> tuple[list[str], list[asyncio.Task[str]]]:
        """As many as are asked one by one hang, and as many as make a crowd wait behind them."""
        first = self.ask(*(f"first{number}" for number in range(AT_A_TIME)))
        await settled()
        names = [f"n{number}" for number in range(MANY)]
        return names, [*first, *self.ask(*names)]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_few_are_asked_one_by_one_a_few_at_a_time() -> None:
    answering = Answering()
    names = [f"n{number}" for number in range(AT_A_TIME + MANY - 1)]
    tasks = answering.ask(*names[:AT_A_TIME])
    await settled()
    tasks += answering.ask(*names[AT_A_TIME:])
    await settled()
    assert answering.one == names[:AT_A_TIME]
    answering.go.set()
    assert await asyncio.gather(*tasks) == [name.upper() for name in names]
    assert (sorted(answering.one), answering.all) == (sorted(names), [])


async def test_a_crowd_is_answered_by_one_call() -> None:
    answering = Answering()
    names, tasks = await answering.crowd()
    await settled()
    answering.go.set()
    await asyncio.gather(*tasks)
    assert answering.all == [frozenset(names)]
    assert len(answering.one) == AT_A_TIME


@pytest.mark.parametrize(("more", "lists"), [(MANY, 1), (2 * MANY, 2)])
async def test_a_list_that_is_long_is_read_again_for_more_who_wait_only(more: int, lists: int) -> None:
    answering = Answering()
    answering.length = WORTH * 2 * MANY
    stuck = asyncio.Event()
    answering.stuck = {"stuck": stuck}
    tasks = answering.ask("stuck")  # somebody waits all the time, so that what was learnt is kept
    for count in (MANY, more):
        answering.go.clear()
        crowd = answering.ask(*(f"first{number}" for number in range(AT_A_TIME)))
        await settled()
        crowd += answering.ask(*(f"n{number}" for number in range(count)))
        await settled()
        answering.go.set()
        await asyncio.gather(*crowd)
    assert len(answering.all) == lists
    stuck.set()
    await asyncio.gather(*tasks)


async def test_what_the_one_call_does_not_answer_is_asked_for_itself() -> None:
    answering = Answering()
    answering.gone = {"n3"}
    names, tasks = await answering.crowd()
    answering.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[AT_A_TIME + 3], Missing)
    assert results[AT_A_TIME + 4] == "N4"
    assert (len(answering.all), answering.one[AT_A_TIME:]) == (1, ["n3"])
    assert len(names) == MANY


@pytest.mark.parametrize("error", [Rejected("may not list"), Unavailable("no answer in time")])
async def test_where_the_one_call_fails_each_is_asked_for_itself(error: Exception) -> None:
    answering = Answering()
    answering.error = error
    names, tasks = await answering.crowd()
    answering.go.set()
    assert (await asyncio.gather(*tasks))[AT_A_TIME:] == [name.upper() for name in names]
    assert len(answering.all) == 1


async def test_the_same_is_asked_once_by_all_who_wait_and_who_gives_up_takes_it_from_nobody() -> None:
    answering = Answering()
    first, second = answering.ask("a", "a")
    answering.ask(*(f"n{number}" for number in range(AT_A_TIME)))
    await settled()
    first.cancel()
    await settled()
    answering.go.set()
    assert await second == "A"
    assert answering.one.count("a") == 1


async def test_what_is_asked_while_a_call_is_under_way_needs_a_newer_answer() -> None:
    answering = Answering()
    tasks = answering.ask("a")
    await settled()
    tasks += answering.ask("a")
    await settled()
    answering.go.set()
    assert await asyncio.gather(*tasks) == ["A", "A"]
    assert answering.one == ["a", "a"]


async def test_what_waits_for_long_behind_calls_that_hang_is_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "PATIENCE", 0.01)
    answering = Answering()
    tasks = answering.ask(*(f"first{number}" for number in range(AT_A_TIME)))
    await settled()
    tasks += answering.ask("late")
    async with asyncio.timeout(10):
        while "late" not in answering.one:  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0.001)
    answering.go.set()
    assert await tasks[-1] == "LATE"
    assert answering.one.count("late") == 1


async def test_nothing_is_kept_of_a_namespace_where_nobody_waits() -> None:
    answering = Answering()
    answering.go.set()
    assert await answering.ask("a")[0] == "A"
    await settled()
    assert len(answering.crowds) == 0
