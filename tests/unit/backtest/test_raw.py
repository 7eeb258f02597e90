"""Tests on counts over history: raw samples by the hour, the tick at every window, and what cannot be known of then."""

from __future__ import annotations

import pytest

from tests.unit.backtest.past import START, Past, order, spec
from tidegate.api.metric import Metric
from tidegate.api.scalars import Quantity
from tidegate.core.evidence.counting import Distribution, RawHistogram
from tidegate.core.observed import Matrix
from tidegate.simulation.counter import Counter
from tidegate.simulation.history_arms import Assumed, as_of_then, assumptions
from tidegate.simulation.history_backtest import Backtest, backtest
from tidegate.simulation.history_raw import PIECE, RawPast
from tidegate.simulation.script import Level

METRIC = {
    "name": "errors",
    "ratio": {"bad": 'bad{d="$workload"}', "total": 'all{d="$workload"}'},
    "window": "1m",
    "warmUp": "1m",
}
STEPS = [{"name": "canary", "weight": 10, "duration": "2h"}]


class Scraped:
    """Counters of a past that was scraped every 15 s; by a part of the selector, since when which share was bad."""

    def __init__(self, shares: dict[str, list[tuple[float, str]]], rate: float = 10.0) -> None:
        metric = Metric.model_validate(METRIC)
        self.asked: list[tuple[str, float, float]] = []
        self._counters = {}
        for name, levels in shares.items():
            instants = [at for at, _ in levels]
            made = [Level(value=Quantity(share)) for _, share in levels]
            for part, selector in (("bad", "bad"), ("total", "all")):
                self._counters[f'{selector}{{d="{name}"}}'] = Counter.of(instants, made, metric, part, [(0.0, rate)])

    async def __call__(self, selector: str, range_seconds: float, at: float) -> Matrix:
        self.asked.append((selector, range_seconds, at))
        return self._counters[selector].answer(f"x[{range_seconds:.0f}s]", at - START, START)


def rates(shares: dict[str, list[tuple[float, str]]]) -> Past:
    """What `increase` gives of the same, near enough for the panels."""

    def of(name: str, part: str, t: float) -> float:
        share = [Quantity(share) for at, share in shares[name] if at <= t][-1]
        return 600.0 * (float(share.rstrip("%")) / 100 if part == "bad" else 1.0)

    return Past(
        {f'{part}{{d="{name}"}}': lambda t, n=name, p=part: of(n, p, t) for name in shares for part in ("bad", "all")}
    )


async def judged(shares: dict[str, list[tuple[float, str]]], seconds: float = 7800, **changes: object) -> Backtest:
    guards = [{"name": "worse", "metric": "errors", "regression": {}}]
    of = spec(**{"metrics": [METRIC], "guards": guards, "steps": STEPS, **changes})
    return await backtest(rates(shares), order(of, seconds, assumed=Assumed.CANDIDATE), ask_raw=Scraped(shares))


async def test_a_regression_of_the_past_is_found_when_it_was() -> None:
    shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%"), (3600.0, "4%")]}
    (run,) = (await judged(shares)).runs
    assert (run.outcome, run.reason) == ("Reverted", "GuardBreached")
    assert 3600 <= run.end - START <= 3600 + 600
    assert "worse than the baseline's by more than 20%" in run.message


async def test_a_candidate_of_the_past_that_was_no_worse_is_let_through() -> None:
    shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%")]}
    found = await judged(shares)
    assert found.runs[0].outcome == "Succeeded"
    assert list(found.suggestions()) == []


async def test_a_limit_that_both_broke_then_held_and_is_not_told_as_calm() -> None:
    shares = {name: [(0.0, "0.5%"), (3600.0, "30%"), (4200.0, "0.5%")] for name in ("shop", "shop-canary")}
    guards = [{"name": "promise", "metric": "errors", "regression": {"limit": "5%"}}]
    (run,) = (await judged(shares, 10_000, guards=guards)).runs
    assert run.outcome == "Succeeded"
    assert run.held
    assert any("a shared incident" in one.message for one in run.told)


async def test_every_hour_is_asked_for_once() -> None:
    source = Scraped({"shop": [(0.0, "1%")]})
    past = RawPast(source)
    for at in (300.0, 330.0, 3590.0, 3610.0, 7300.0):
        await past.answer('all{d="shop"}[360s]', START + at)
    assert len(source.asked) == len(set(source.asked))
    assert all(reach == PIECE and at % PIECE == 0 for _, reach, at in source.asked)


async def test_an_answer_is_cut_out_across_the_hour() -> None:
    edge = (START // PIECE + 1) * PIECE - START
    past = RawPast(Scraped({"shop": [(0.0, "1%")]}))
    (found,) = (await past.answer('all{d="shop"}[60s] offset 30s', START + edge + 60)).series
    assert [round(time - START - edge, 3) for time, _ in found.samples] == pytest.approx(
        [time - edge for time in (15.0 * k for k in range(2000)) if edge - 30 < time <= edge + 30]
    )


async def test_histograms_are_cut_out_as_well() -> None:
    one = RawHistogram((), tuple((START + 15.0 * k, Distribution(k, ())) for k in range(10)))

    async def ask(_selector: str, _reach: float, at: float) -> Matrix:
        return Matrix(histograms=(one,)) if at - PIECE < START <= at else Matrix()

    found = await RawPast(ask).answer("h[30s]", START + 60)
    assert [time - START for time, _ in found.histograms[0].samples] == [45.0, 60.0]
    assert found.series == ()
    with pytest.raises(ValueError, match="no range selector"):
        await RawPast(ask).answer("h", START)


def test_a_split_that_nobody_made_then_is_left_out_and_said() -> None:
    lines = [{"metric": "errors", "split": {}, "onBreach": "Hold"}, {"metric": "errors", "max": "5%"}]
    of = spec(metrics=[METRIC], guards=lines)
    assert [line.identity for line in as_of_then(of, Assumed.CANDIDATE).guards] == ["errors max 5%"]
    assert any("lines with `split` are left out" in one for one in assumptions(of, Assumed.CANDIDATE))
