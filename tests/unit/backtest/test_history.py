from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tests.unit.backtest.past import START, Past, Series
from tidegate.core.model.answers import SeriesValue, Vector
from tidegate.ports.errors import Unavailable
from tidegate.simulation.backtest.history import AT_ONCE, MOST_POINTS, History, Progress, Stretch


def test_a_long_stretch_is_asked_for_in_pieces_that_prometheus_gives_in_one_answer() -> None:
    stretch = Stretch(START, 30.0, 4 * MOST_POINTS - 10)
    pieces = stretch.pieces()
    assert len(pieces) == 4
    assert all((end - start) / 30 + 1 <= MOST_POINTS for start, end in pieces)
    assert pieces[0][0] == START
    assert pieces[-1][1] == stretch.end
    assert [after[0] - before[1] for before, after in pairwise(pieces)] == [30.0] * 3


async def test_pieces_are_put_together_and_every_piece_is_asked_for_once() -> None:
    past = Past({"up": lambda t: t})
    progress = Progress()
    history = History(past, Stretch(START, 1.0, 2 * MOST_POINTS + 5), progress)
    await history.load(["up", "up"])
    await history.load(["up"])
    assert len(past.asked) == progress.wanted == progress.done == 3
    recording = history.recording("up")
    assert recording is not None
    for index in (0, MOST_POINTS - 1, MOST_POINTS, 2 * MOST_POINTS + 4):
        assert recording.vector(index) == Vector((SeriesValue((), float(index)),))


async def test_an_instant_is_answered_by_the_point_before_it_and_never_by_an_older_one() -> None:
    stretch = Stretch(START, 10.0, 6)
    history = History(Past({"up": lambda t: None if t == 20 else t}), stretch)
    await history.load(["up"])
    recording = history.recording("up")
    assert recording is not None
    found = [recording.vector(stretch.index(START + t)) for t in (-1, 0, 9.9, 10, 19.9, 20, 29.9, 30, 99)]
    empty = Vector(())
    zero, ten, thirty, fifty = (Vector((SeriesValue((), t),)) for t in (0.0, 10.0, 30.0, 50.0))
    assert found == [empty, zero, zero, ten, ten, empty, empty, thirty, fifty]


async def test_nan_is_a_value_and_series_come_and_go() -> None:
    history = History(Past({"up": lambda t: {"a": math.nan} if t < 10 else {"b": 1.0}}), Stretch(START, 10.0, 2))
    await history.load(["up"])
    recording = history.recording("up")
    assert recording is not None
    (first,) = recording.vector(0).series
    assert first.labels == (("pod", "a"),)
    assert math.isnan(first.value)
    assert recording.vector(1) == Vector((SeriesValue((("pod", "b"),), 1.0),))


async def test_an_instant_that_no_recording_has_is_asked_for_once() -> None:
    past = Past({"up": lambda t: t})
    history = History(past, Stretch(START, 10.0, 6))
    assert history.recording("up") is None
    for _ in range(2):
        assert await history.instant("up", START + 7) == Vector((SeriesValue((), 7.0),))
    assert past.asked == [("up", START + 7, START + 7)]


async def test_so_many_queries_are_under_way_at_once_and_the_first_error_is_told_alone() -> None:
    gate, full = asyncio.Event(), asyncio.Event()
    under_way = most = 0

    async def failing(_promql: str, _start: float, _end: float, _step: float) -> Sequence[Series]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == AT_ONCE:
            full.set()
        try:
            await gate.wait()
        finally:
            under_way -= 1
        raise Unavailable("nobody there")

    loading = asyncio.create_task(History(failing, Stretch(START, 1.0, 100 * MOST_POINTS)).load(["up"]))
    async with asyncio.timeout(30):
        await full.wait()
    gate.set()
    with pytest.raises(Unavailable, match="nobody there"):
        await loading
    assert most == AT_ONCE
