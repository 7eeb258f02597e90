from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest

from tests.unit.backtest.past import START, run, spec
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.status import Clock
from tidegate.api.rollout.thresholds import Guard
from tidegate.core.judging.duration import clocks_after, sustained_state
from tidegate.core.model.finding import Finding, SeriesFinding, State
from tidegate.simulation.backtest.history import Stretch
from tidegate.simulation.backtest.suggest import Rate, overlapping, rounded, suggestion, tightest, written
from tidegate.simulation.backtest.tracks import Samples, Track, severity, severity_of_limit

NAN = math.nan


def guard(**given: object) -> Guard:
    return Guard.model_validate({"metric": "errors", **given})


def track(line: Guard, values: list[float]) -> Track:
    metric = spec().metrics[0]
    return Track(line, Stretch(START, 10.0, len(values)), Samples(metric, {}), severities={"": array("d", values)})


@pytest.mark.parametrize(
    ("lasts", "values", "kept"),
    [
        ("0s", [1, 3, 2], 3),
        ("10s", [1, 3, 2], 2),
        ("20s", [1, 3, 2], 1),
        ("30s", [1, 3, 2], -math.inf),
        ("10s", [5, 1, 5, 1, 4, 4, 1], 4),
        ("10s", [5, NAN, 3], 3),
        ("0s", [NAN, NAN], -math.inf),
        ("10s", [math.inf, math.inf, 1], math.inf),
    ],
)
def test_the_tightest_limit_that_is_kept(lasts: str, values: list[float], kept: float) -> None:
    made = track(guard(max="5%", **{"for": lasts}), values)
    assert tightest(made, range(len(values)), 20.0) == kept


def breached(line: Guard, values: list[float], limit: float) -> bool:
    """By the core's own clocks, sample for sample."""
    clocks: tuple[Clock, ...] = ()
    for number, value in enumerate(values):
        if math.isnan(value):
            continue
        state = State.BREACHED if value > limit else State.OK
        finding = Finding(line, state, "", series=(SeriesFinding("", state, value),))
        clocks = clocks_after(clocks, finding, number * 10.0, 20.0)
        if sustained_state(finding, clocks, line.for_.seconds) is State.BREACHED:
            return True
    return False


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_limit_at_which_the_cores_clocks_begin_to_complete(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  (a dice, not a key)
    values = [dice.choice([1.0, 2.0, 3.0, 4.0, 5.0, NAN, 6.0]) for _ in range(60)]
    line = guard(max="5%", **{"for": f"{dice.choice([0, 10, 15, 20, 40])}s"})
    kept = tightest(track(line, values), range(len(values)), 20.0)
    assert not breached(line, values, kept)
    assert kept == -math.inf or breached(line, values, kept - 0.5)


def test_what_a_limit_would_have_stopped() -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": "ratio"})
    kept = [0.011, 0.012, 0.013, 0.0312]
    found = suggestion(guard(max="2%"), metric, kept)
    assert [(one.bound, one.what, one.rate.stopped) for one in found.choices] == [
        ("1%", "0.5 times the limit", 4),
        ("2%", "the limit now", 1),
        ("3%", "1.5 times the limit", 1),
        ("3.2%", "the tightest that stops none", 0),
        ("4%", "2 times the limit", 0),
    ]
    assert found.tightest == 0.0312


@pytest.mark.parametrize(
    ("worst", "limit", "what"),
    [
        (0.03, "3%", "the tightest that stops none"),
        (0.02, "2%", "the limit now, the tightest that stops none"),
    ],
)
def test_a_limit_with_two_meanings_is_one_row_and_says_what_it_comes_of(worst: float, limit: str, what: str) -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": "ratio"})
    found = suggestion(guard(max="2%"), metric, [0.011, worst])
    assert [one.what for one in found.choices if one.bound == limit] == [what]


def test_what_no_share_can_reach_is_not_offered() -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": "ratio"})
    found = suggestion(guard(max="60%"), metric, [0.011, 0.03])
    assert [one.bound for one in found.choices] == ["3%", "30%", "60%", "90%"]


@pytest.mark.parametrize(("unit", "one"), [("ratio", 1.0), ("percent", 100.0)])
def test_a_share_that_must_stay_close_to_all_is_tuned_by_what_it_leaves(unit: str, one: float) -> None:
    metric = Metric.model_validate({"name": "available", "query": "x", "unit": unit})
    found = suggestion(guard(min="99.9%"), metric, [-0.99874 * one, -0.9991 * one])
    assert [(choice.bound, choice.what, choice.rate.stopped) for choice in found.choices] == [
        ("99.95%", "0.5 times as far from 100%", 2),
        ("99.9%", "the limit now", 1),
        ("99.87%", "the tightest that stops none", 0),
        ("99.85%", "1.5 times as far from 100%", 0),
        ("99.8%", "2 times as far from 100%", 0),
    ]


async def test_its_room_is_a_share_of_what_it_leaves() -> None:
    metrics = [{"name": "errors", "query": 'available{d="$workload"}', "unit": "ratio", "window": "30s"}]
    guards = [{"metric": "errors", "min": "99%"}]
    found = await run({"shop-canary": lambda _: 0.9975, "shop": lambda _: 1.0}, spec(metrics=metrics, guards=guards))
    (line,) = found.limits()
    assert line.room == pytest.approx(0.75)


def test_from_ten_runs_on_one_in_ten_may_be_stopped() -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": "ratio"})
    found = suggestion(guard(max="50%"), metric, [0.01 * number for number in range(1, 21)])
    (tenth,) = [one for one in found.choices if "one in ten" in one.what]
    assert (tenth.bound, tenth.rate) == ("18%", Rate(2, 20))


def test_a_limit_that_no_value_keeps_is_not_suggested() -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": "ratio"})
    found = suggestion(guard(max="2%"), metric, [0.01, math.inf])
    assert found.tightest is None
    assert not any("stops none" in one.what for one in found.choices)


@pytest.mark.parametrize(
    ("given", "unit", "value", "base", "expected", "limit"),
    [
        ({"max": "200ms"}, "seconds", 0.25, None, 0.25, 0.2),
        ({"min": 3}, "none", 2.5, None, -2.5, -3),
        ({"maxIncrease": "20%"}, "seconds", 0.3, 0.2, 0.5, 0.2),
        ({"maxDecrease": "20%"}, "none", 30.0, 40.0, 0.25, 0.2),
        ({"maxIncrease": "20%", "floor": "1s"}, "seconds", 0.3, 0.2, -math.inf, 0.2),
        ({"maxIncrease": "20%"}, "seconds", 0.3, 0.0, math.inf, 0.2),
        ({"max": "200ms"}, "seconds", NAN, None, NAN, 0.2),
    ],
)
def test_how_far_a_value_goes_towards_the_limit(
    given: dict[str, Any], unit: str, value: float, base: float | None, expected: float, limit: float
) -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": unit})
    line = guard(**given)
    assert severity(line, metric, SeriesFinding("", State.OK, value, base)) == pytest.approx(expected, nan_ok=True)
    assert severity_of_limit(line, metric) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("severity_", "wider"), [(0.01234, 0.013), (0.05, 0.05), (123.4, 130), (-3.456, -3.4), (0.0, 0.0)]
)
def test_a_suggestion_is_rounded_to_the_wider_side(severity_: float, wider: float) -> None:
    assert rounded(severity_) == wider


@pytest.mark.parametrize(
    ("given", "unit", "severity_", "text"),
    [
        ({"max": "1%"}, "ratio", 0.013, "1.3%"),
        ({"max": "1%"}, "percent", 80.0, "80%"),
        ({"max": "1s"}, "seconds", 0.24, "240ms"),
        ({"max": "1s"}, "seconds", 1.5, "1.5s"),
        ({"min": 3}, "none", -2.4, "2.4"),
        ({"maxIncrease": "20%"}, "seconds", 0.25, "25%"),
    ],
)
def test_a_limit_is_written_as_in_a_rollout(given: dict[str, Any], unit: str, severity_: float, text: str) -> None:
    metric = Metric.model_validate({"name": "errors", "query": "x", "unit": unit})
    assert written(guard(**given), metric, severity_) == text


async def test_a_suggested_limit_would_have_kept_history_and_a_tighter_one_not() -> None:
    def past(t: float) -> float:
        return 0.01 + 0.03 * ((t // 50) % 7 == 3) + 0.002 * ((t // 10) % 3)

    guards = [{"metric": "errors", "max": "1%", "for": "20s"}]
    answers = {"shop-canary": past, "shop": lambda _: 0.0}
    found = await run(answers, spec(guards=guards), 3600, every=600)
    ((_, made),) = found.suggestions()
    kept = next(one for one in made.choices if "stops none" in one.what)
    for limit, stopped in ((kept.bound, 0), (f"{float(kept.bound[:-1]) - 0.1:g}%", 1)):
        again = await run(answers, spec(guards=[{"metric": "errors", "max": limit, "for": "20s"}]), 3600, every=600)
        assert min(again.rate.stopped, 1) == stopped, limit


def test_runs_that_share_history_are_known() -> None:
    assert overlapping([0, 100, 150], 60)
    assert not overlapping([150, 0, 75], 60)
