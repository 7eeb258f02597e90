"""Raw samples of the past: by the hour, each once, cut out across hours, and what old ones can no longer say."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest

from tests.unit.backtest.past import START
from tests.unit.backtest.scraped import CALM, REGRESSED, Scraped, judged
from tidegate.cli.backtest.text import show_runs
from tidegate.core.model.answers import Matrix
from tidegate.core.model.raw_samples import Distribution, RawHistogram, RawSeries
from tidegate.ports.errors import Rejected, Unavailable
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.gaps import Missing
from tidegate.simulation.backtest.raw import PIECE, SHORTEST, Lack, RawPast

SELECTOR = 'all{d="shop"}'
HOUR = (START // PIECE + 1) * PIECE
"""The first whole one after START."""


def every(seconds: float, first: float = HOUR, last: float = HOUR + PIECE) -> RawSeries:
    instants = [first + seconds * place for place in range(1, int((last - first) / seconds) + 1)]
    return RawSeries((), tuple((at, at - first) for at in instants))


class Fixed:
    """Always the same samples."""

    def __init__(self, *series: RawSeries) -> None:
        self.series = series
        self.asked = 0

    async def __call__(self, _selector: str, _range_seconds: float, _at: float) -> Matrix:
        self.asked += 1
        return Matrix(self.series)


async def test_every_hour_is_asked_for_once() -> None:
    source = Scraped(CALM)
    past = RawPast(source)
    for at in (300.0, 330.0, 3590.0, 3610.0, 7300.0):
        await past.answer(f"{SELECTOR}[360s]", START + at)
    assert len(source.asked) == len(set(source.asked)) == 3
    assert all(reach == PIECE and at % PIECE == 0 for _, reach, at in source.asked)


async def test_an_answer_is_cut_out_across_the_hour() -> None:
    edge = HOUR - START
    (found,) = (await RawPast(Scraped(CALM)).answer(f"{SELECTOR}[60s] offset 30s", HOUR + 60)).series
    assert [round(time - HOUR, 3) for time, _ in found.samples] == pytest.approx(
        [time - edge for time in (15.0 * k for k in range(2000)) if edge - 30 < time <= edge + 30]
    )


async def test_a_sample_right_at_the_hour_comes_once_whatever_the_source_takes_it_for() -> None:
    (found,) = (await RawPast(Fixed(every(15, HOUR - 60, HOUR + 60))).answer(f"{SELECTOR}[120s]", HOUR + 60)).series
    assert [time - HOUR for time, _ in found.samples] == [-45, -30, -15, 0, 15, 30, 45, 60]


async def test_which_series_have_samples_that_are_no_numbers_is_known_of_each_hour() -> None:
    bad = frozenset({(("pod", "b"),)})

    async def ask(_selector: str, _reach: float, at: float) -> Matrix:
        return Matrix((every(15, HOUR - PIECE),), incomplete=bad if at == HOUR else frozenset())

    past = RawPast(ask)
    assert (await past.answer("h[30s]", HOUR + 10)).incomplete == bad
    assert not (await past.answer("h[30s]", HOUR + 60)).incomplete


async def test_histograms_are_cut_out_as_well() -> None:
    one = RawHistogram((), tuple((START + 15.0 * k, Distribution(k, ((0.0, 1.0, k),))) for k in range(10)))

    async def ask(_selector: str, _reach: float, _at: float) -> Matrix:
        return Matrix(histograms=(one,))

    found = await RawPast(ask).answer("h[30s]", START + 60)
    assert [(time - START, at.count) for time, at in found.histograms[0].samples] == [(45.0, 3), (60.0, 4)]
    assert found.series == ()
    with pytest.raises(ValueError, match="no range selector"):
        await RawPast(ask).answer("h", START)


async def test_what_is_too_large_is_asked_for_in_halves() -> None:
    asked = []

    async def ask(_selector: str, reach: float, at: float) -> Matrix:
        asked.append(reach)
        if reach > PIECE / 4:
            raise Rejected("the answer is larger than 64 MiB")
        return Matrix((every(15, at - reach, at),))

    past = RawPast(ask)
    (found,) = (await past.answer(f"{SELECTOR}[1800s]", HOUR + 1800)).series
    assert len(found.samples) == 120
    assert asked == [PIECE, PIECE / 2, PIECE / 4, PIECE / 4]
    await past.answer(f"{SELECTOR}[900s]", HOUR + 2700)
    assert asked[4:] == [PIECE / 4]


async def test_what_is_refused_at_any_length_is_an_error() -> None:
    asked = []

    async def ask(_selector: str, reach: float, _at: float) -> Matrix:
        asked.append(reach)
        raise Rejected("Denied")

    with pytest.raises(Rejected, match="Denied"):
        await RawPast(ask).answer(f"{SELECTOR}[60s]", HOUR + 60)
    assert asked[-1] == SHORTEST
    assert len(asked) == 4


async def test_an_hour_that_could_not_be_asked_for_is_asked_for_again() -> None:
    errors = [Unavailable("away")]

    async def ask(_selector: str, _reach: float, _at: float) -> Matrix:
        if errors:
            raise errors.pop()
        return Matrix((every(15),))

    past = RawPast(ask)
    with pytest.raises(Unavailable, match="away"):
        await past.answer(f"{SELECTOR}[60s]", HOUR + 60)
    assert (await past.answer(f"{SELECTOR}[60s]", HOUR + 60)).series


async def test_an_hour_is_not_lost_with_the_tick_that_asked_for_it_first() -> None:
    gate, asked = asyncio.Event(), 0

    async def ask(_selector: str, _reach: float, _at: float) -> Matrix:
        nonlocal asked
        asked += 1
        await gate.wait()
        return Matrix((every(15),))

    past = RawPast(ask)
    first = asyncio.create_task(past.answer(f"{SELECTOR}[60s]", HOUR + 60))
    second = asyncio.create_task(past.answer(f"{SELECTOR}[60s]", HOUR + 60))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    gate.set()
    assert (await second).series
    assert asked == 1


async def test_so_many_samples_are_kept_and_those_not_looked_at_for_longest_go() -> None:
    source = Scraped(CALM)
    past = RawPast(source, most=3 * 340)  # an hour has 240, and counts for a little more
    for hour in (1, 2, 3, 1, 4, 1, 2):
        await past.answer(f"{SELECTOR}[60s]", HOUR + hour * PIECE - 60)
    assert [round((at - HOUR) / PIECE) for _, _, at in source.asked] == [1, 2, 3, 4, 2]


@pytest.mark.parametrize(
    ("series", "lack"),
    [
        ([every(15)], None),
        ([every(120)], None),
        ([every(300)], Lack.COARSE),
        ([every(300), every(30)], None),
        ([RawSeries((), ((HOUR + 1000, 1.0),))], None),
        ([], Lack.EMPTY),
        ([every(15, HOUR - 900, HOUR)], Lack.EMPTY),
    ],
)
async def test_samples_that_are_no_scrapes_answer_nothing_and_are_told(
    series: list[RawSeries], lack: Lack | None
) -> None:
    named = [RawSeries((("pod", str(number)),), one.samples) for number, one in enumerate(series)]
    past = RawPast(Fixed(*named))
    found = await past.answer(f"{SELECTOR}[3600s]", HOUR + PIECE)
    assert past.lacking(SELECTOR) == ([(HOUR, HOUR + PIECE, lack)] if lack else [])
    assert len(found.series) == (0 if lack else len(series))


def told(found: Backtest, capsys: pytest.CaptureFixture[str]) -> str:
    show_runs(found, sys.stdout)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("kept", "missing", "words"),
    [
        (lambda t: t > 9000, Missing.RAW, "has a value, but the raw samples were removed"),
        (lambda t: t % 300 == 0, Missing.SCRAPES, "has raw samples only minutes apart"),
    ],
)
async def test_where_old_samples_are_gone_or_thinned_out_nothing_is_shown_and_that_is_said(
    kept: Callable[[float], bool], missing: Missing, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await judged(REGRESSED, raw=Scraped(REGRESSED, kept=kept))
    (run,) = found.runs
    assert not run.stopped, run.message
    assert all(test.conclusion == "Inconclusive" for test in run.tests)
    assert {(gap.arm, gap.missing) for gap in found.gaps} == {("baseline", missing), ("candidate", missing)}
    assert words in told(found, capsys)


async def test_where_samples_are_all_there_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = await judged(CALM)
    assert found.gaps == []
    assert "raw samples" not in told(found, capsys)
