"""What stopped a run, in numbers; and runs that no limit ended."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.backtest.past import Given, run, spec
from tidegate.cli.backtest.text import show_lines, words
from tidegate.simulation.backtest.cause import Cause

CALM: dict[str, Callable[[float], Given]] = {'"shop"': lambda _: 0.012}


def late(usual: float, from_then_on: float, since: float = 400) -> Callable[[float], Given]:
    return lambda t: usual if t < since else from_then_on


async def cause(past: dict[str, Callable[[float], Given]], **changes: object) -> Cause | None:
    (one,) = (await run(past, spec(**changes))).runs
    assert one.stopped
    return one.cause


async def test_a_limit_names_itself_with_both_values() -> None:
    found = await cause(CALM | {"shop-canary": late(0.01, 0.2)})
    assert found == Cause("errors max 5%", "errors", "5%", "", 0.2, 0.012, "ratio")


async def test_of_several_series_the_one_that_lasted_is_named_with_its_own_numbers() -> None:
    """The worse one comes and goes."""
    past = {
        "shop-canary": lambda t: {"a": 0.3 if t % 40 < 10 else 0.0, "b": 0.01 if t < 400 else 0.1},
        '"shop"': lambda _: {"a": 0.02, "b": 0.03},
    }
    found = await cause(past, guards=[{"metric": "errors", "max": "5%", "for": "1m"}])
    assert found == Cause("errors max 5%", "errors", "5%", '{pod="b"}', 0.1, 0.03, "ratio")


async def test_a_comparison_names_what_it_compared() -> None:
    guards = [{"metric": "errors", "maxIncrease": "50%", "floor": "0.1%", "name": "rise"}]
    found = await cause({"shop-canary": lambda _: 0.01, '"shop"': late(0.01, 0.001)}, guards=guards)
    assert found == Cause("rise", "errors", "50%", "", 0.01, 0.001, "ratio")


async def test_a_spread_is_a_share_of_all_series() -> None:
    guards = [{"metric": "errors", "maxSpread": "50%"}]
    past = CALM | {"shop-canary": lambda t: {"a": 0.01, "b": 0.01 if t < 300 else 0.03}}
    found = await cause(past, guards=guards)
    assert found is not None
    assert (found.limit, found.series, found.value, found.baseline) == (
        "errors maxSpread 50%",
        "",
        pytest.approx(1),
        None,
    )


async def test_a_threshold_of_a_step_is_a_cause_like_any() -> None:
    steps: list[dict[str, Any]] = [
        {"name": "canary", "weight": 10, "duration": "5m", "thresholds": [{"metric": "errors", "max": "3%"}]}
    ]
    found = await cause(CALM | {"shop-canary": lambda _: 0.04}, guards=[], steps=steps)
    assert found == Cause("errors max 3%", "errors", "3%", "", 0.04, 0.012, "ratio")


async def test_after_the_promotion_it_is_the_baseline_that_is_beyond_the_limit() -> None:
    found = await cause({"shop-canary": lambda _: 0.01, '"shop"': lambda _: 0.5})
    assert found == Cause("errors max 5%", "errors", "5%", "", 0.5, None, "ratio")


async def test_a_run_that_ends_for_lack_of_data_has_no_cause_and_counts_for_no_stop() -> None:
    missing_data = {"noData": {"after": "1m", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}
    past = CALM | {"shop-canary": lambda t: None if 200 < t < 400 else 0.01}
    found = await run(past, spec(missingData=missing_data), 4000, every=1000)
    assert [one.reason for one in found.runs if one.stopped] == ["NoData"]
    assert [one.cause for one in found.runs] == [None] * len(found.runs)
    assert (found.rate.stopped, found.rate.runs) == (0, len(found.runs) - 1)
    assert f"Ended for lack of data, and not counted: 1 of {len(found.runs)} runs." in words(found)


async def test_a_series_that_the_baseline_lacks_is_told_as_not_comparable(capsys: pytest.CaptureFixture[str]) -> None:
    guards = [{"metric": "errors", "maxIncrease": "50%", "floor": "0.1%"}]
    past = {
        "shop-canary": lambda _: {"a": 0.01, "b": 0.01},
        '"shop"': lambda t: {"a": 0.01} if t > 300 else {"a": 0.01, "b": 0.01},
    }
    found = await run(past, spec(guards=guards))
    (line,) = found.limits()
    after = line.judged - 31  # the first is at the start
    assert (line.not_comparable, line.too_few, line.missing, line.beyond) == (after, 0, 0, 0)
    assert {labels: one.not_comparable for labels, one in line.series.items()} == {'{pod="a"}': 0, '{pod="b"}': after}
    show_lines(found, sys.stdout)
    said = capsys.readouterr().out.splitlines()
    assert all("NOT COMPARABLE" in row for row in said if row.startswith("LIMIT"))
    assert next(row for row in said if '{pod="b"}' in row).split()[-3:] == [str(after), "0%", "0%"]


async def test_several_series_have_a_row_each_with_the_limit_that_each_would_have_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    past = CALM | {"shop-canary": lambda t: {"a": 0.011, "b": 0.04 if 300 < t < 400 else 0.02}}
    found = await run(past, spec(guards=[{"metric": "errors", "max": "5%", "for": "30s"}]))
    (line,) = found.limits()
    assert {labels: round(one.needed, 6) for labels, one in line.series.items()} == {
        '{pod="a"}': 0.011,
        '{pod="b"}': 0.04,
    }
    show_lines(found, sys.stdout)
    rows = [text.split() for text in capsys.readouterr().out.splitlines() if "{pod=" in text]
    assert [(row[-1], row[-2]) for row in rows] == [("4%", "4%"), ("1.1%", "1.1%")]
