"""The queries of one tick, where one asker has less patience than another."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, replace

import pytest

from tests.simulated.shop import Shop, value
from tidegate.adapters.clock import SystemClock
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.reconcile.asking import QUERY_LIFE, SHORTEST_LIFE, Asking

QUERY = Query("default", "errors")


@dataclass
class Source:
    """Answers when it is told to."""

    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    timeouts: list[float] = field(default_factory=list)
    rollouts: list[str] = field(default_factory=list)

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        del query
        self.timeouts.append(timeout)
        self.rollouts.append(rollout)
        return await self.answer


def asking(source: Source) -> Asking:
    return Asking(replace(Shop().world, metrics=source, clock=SystemClock()), None, "shop/web")


async def test_a_source_is_told_which_rollout_asks() -> None:
    """Its fair shares rest on that."""
    source = Source()
    one = asking(source)
    one.ask([QUERY, replace(QUERY, promql="latency")])
    await asyncio.sleep(0)
    assert source.rollouts == ["shop/web", "shop/web"]
    await one.end()


async def test_a_query_that_is_open_can_be_given_less_time() -> None:
    source = Source()
    one = asking(source)
    one.ask([QUERY])
    one.ask([replace(QUERY, life=0.01)])
    await one.wait()
    answer = one.asked().answer(QUERY)
    assert isinstance(answer, Failed)
    assert answer.reason is FailedReason.TIMEOUT
    assert source.timeouts == [QUERY_LIFE], "it is not asked twice"
    assert not one.open


async def test_an_answer_in_the_time_left_is_taken() -> None:
    source = Source()
    one = asking(source)
    one.ask([QUERY])
    one.ask([replace(QUERY, life=30.0)])
    source.answer.set_result(value(0.5))
    await one.wait()
    assert one.asked().answer(QUERY) == value(0.5)


async def test_less_time_is_given_once() -> None:
    """A tick decides again after each answer: that must not put the deadline off."""
    source = Source()
    one = asking(source)
    for life in (None, 0.01, 30.0, 60.0):
        one.ask([replace(QUERY, life=life)])
    assert len(asyncio.all_tasks()) == 3, "this test, the query, and its shorter life"
    await asyncio.wait_for(one.wait(), 20)
    assert isinstance(one.asked().answer(QUERY), Failed)


async def test_what_is_open_is_left_with_its_task() -> None:
    source = Source()
    one = asking(source)
    one.ask([QUERY])
    one.ask([replace(QUERY, life=30.0)])
    await asyncio.sleep(0)
    await one.end()
    assert source.answer.cancelled()


@pytest.mark.parametrize(
    ("why", "due_in", "own", "given"),
    [
        ("until the next evaluation is due", 3.0, None, 3.0),
        ("long intervals", 60.0, None, QUERY_LIFE),
        ("a checkpoint right before the next evaluation", 0.01, None, SHORTEST_LIFE),
        ("no evaluation is due", math.inf, None, QUERY_LIFE),
        ("a life of its own", 3.0, 2.0, 2.0),
        ("a life of its own that is longer", 3.0, 8.0, 3.0),
    ],
)
async def test_a_query_lives_at_most_until_the_next_evaluation(
    why: str, due_in: float, own: float | None, given: float
) -> None:
    source, shop = Source(), Shop()
    until = shop.clock.monotonic() + due_in
    one = Asking(replace(shop.world, metrics=source), None, "shop/web", until)
    one.ask([replace(QUERY, life=own)])
    await asyncio.sleep(0)
    assert source.timeouts == [pytest.approx(given, abs=1e-6)], why
    await one.end()
