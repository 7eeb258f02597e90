"""Kinds of lines and metrics that a backtest treats like any: spreads, missing series, slow requests."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from tests.unit.backtest.past import run, spec
from tidegate.cli.backtest.text import show_lines, show_suggestions
from tidegate.simulation.backtest.arms import Assumed


def grouped(**changes: object) -> dict[str, Any]:
    return {
        "name": "errors",
        "query": 'sum by (pod) (errors{d="$workload"})',
        "unit": "ratio",
        "window": "30s",
        **changes,
    }


async def test_series_too_far_apart_are_a_stop_and_the_spread_is_told_as_a_share(
    capsys: pytest.CaptureFixture[str],
) -> None:
    past = {"shop-canary": lambda t: {"a": 0.01, "b": 0.01 if t < 300 else 0.03}, "shop": lambda _: 0.01}
    of = spec(metrics=[grouped(unit="none")], guards=[{"metric": "errors", "maxSpread": "50%"}])
    found = await run(past, of)
    assert found.runs[0].outcome == "Reverted"
    assert "is 100%, above maxSpread 50%" in found.runs[0].message
    show_lines(found, sys.stdout)
    assert " 100% " in capsys.readouterr().out
    show_suggestions(found, sys.stdout)
    said = capsys.readouterr().out
    assert "25%" in said
    assert "the limit now" in said


@pytest.mark.parametrize("leap", [True, False])
async def test_with_fewer_series_than_asked_for_a_checkpoint_decides_nothing(*, leap: bool) -> None:
    past = {"shop-canary": lambda t: {"a": 0.01, "b": 0.01} if t < 100 else {"a": 0.01}, "shop": lambda _: 0.01}
    of = spec(metrics=[grouped(minSeries=2)], guards=[{"metric": "errors", "max": "5%"}])
    found = await run(past, of, leap=leap)
    assert found.runs[0].outcome == "Running"
    (line,) = found.limits()
    assert line.too_few > 20


@pytest.mark.parametrize("leap", [True, False])
async def test_a_group_that_came_and_went_is_missed_however_quiet_the_rest_is(*, leap: bool) -> None:
    ratio = {"bad": 'bad{d="$workload"}', "total": 'all{d="$workload"}', "by": ["pod"]}
    three = {"a": 1000.0, "b": 1000.0, "c": 1000.0}
    past = {"all{": lambda t: three if 200 < t < 240 else {"a": 1000.0, "b": 1000.0}, "bad{": lambda _: None}
    of = spec(
        metrics=[{"name": "errors", "ratio": ratio, "window": "30s"}], guards=[{"metric": "errors", "maxSpread": "50%"}]
    )
    found = await run(past, of, assumed=Assumed.BASELINE, leap=leap)
    assert found.runs[0].outcome == "Running"


@pytest.mark.parametrize("native", [False, True])
async def test_slow_requests_of_a_histogram_are_a_share_like_any(*, native: bool) -> None:
    ratio = {"histogram": 'd{d="$workload"}', "slowerThan": "250ms", "native": native}
    metric = {"name": "slow", "ratio": ratio, "window": "30s"}
    fast = "histogram_fraction" if native else "_bucket"
    past = {fast: lambda t: 990.0 if t < 400 else 600.0, 'd{d="': lambda _: 1000.0, "d_count": lambda _: 1000.0}
    found = await run(past, spec(metrics=[metric], guards=[{"metric": "slow", "max": "5%"}]), assumed=Assumed.BASELINE)
    assert found.runs[0].message == "slow of the candidate is 40%, above max 5% (window 30s, 1000 requests)"
    assert not math.isnan(next(found.limits()).worst or math.nan)


AVERAGE: dict[str, Any] = {
    "name": "latency",
    "unit": "seconds",
    "average": {"sum": 'took{d="$workload"}', "count": 'all{d="$workload"}', "by": ["pod"]},
    "window": "30s",
}


async def test_an_average_is_judged_by_segment_and_has_other_limits_suggested(
    capsys: pytest.CaptureFixture[str],
) -> None:
    slow = {"a": 100.0, "b": 400.0}
    past = {
        'took{d="shop-canary"': lambda t: {"a": 100.0, "b": 100.0} if t < 400 else slow,
        "took{": lambda _: {"a": 100.0, "b": 100.0},
        "all{": lambda _: {"a": 1000.0, "b": 1000.0},
    }
    limits = [{"metric": "latency", "max": "300ms"}, {"metric": "latency", "maxIncrease": "50%", "floor": "50ms"}]
    found = await run(past, spec(metrics=[AVERAGE], guards=limits), assumed=Assumed.CANDIDATE)
    assert 'latency of the candidate{pod="b"} is 400ms, above max 300ms' in found.runs[0].message
    show_suggestions(found, sys.stdout)
    said = capsys.readouterr().out
    kept = [line for line in said.splitlines() if "the tightest that stops none" in line]
    assert [limit in line for line, limit in zip(kept, (" 400ms ", " 300% "), strict=True)] == [True, True]
