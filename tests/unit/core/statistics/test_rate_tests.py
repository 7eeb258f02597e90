"""The sequential tests: golden values, properties, and what they must never do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.statistics.exact import ratio_interval, regressed
from tidegate.core.statistics import confidence, traffic_split
from tidegate.core.statistics.mixture import log_mean_exp, multiples
from tidegate.core.statistics.rate_tests import START, Absolute, Relative
from tidegate.core.statistics.windows import Window

GOLDEN = (
    (Window(950, 5, 50, 2), 1.462850),
    (Window(900, 4, 100, 3), 3.630491),
    (Window(500, 3, 500, 9), 4.553610),
)

counts = st.integers(0, 300)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    baseline, candidate = draw(counts), draw(counts)
    return Window(baseline, draw(st.integers(0, baseline)), candidate, draw(st.integers(0, candidate)))


def test_the_golden_values() -> None:
    ratios: tuple[float, ...] = START
    for window, expected in GOLDEN:
        ratios = Relative(0.0).after(ratios, [window])
        assert log_mean_exp(ratios) == pytest.approx(expected, abs=5e-7)


@given(windows(), st.floats(0, 1))
def test_more_bad_requests_of_the_candidate_are_more_evidence(window: Window, margin: float) -> None:
    if window.candidate_bad + 1 > window.candidate:
        return
    worse = Window(window.baseline, window.baseline_bad, window.candidate, window.candidate_bad + 1)
    test = Relative(margin)
    assert log_mean_exp(test.after(START, [worse])) >= log_mean_exp(test.after(START, [window])) - 1e-9


@given(windows(), st.floats(0, 1))
def test_more_bad_requests_of_the_baseline_are_less_evidence(window: Window, margin: float) -> None:
    if window.baseline_bad + 1 > window.baseline:
        return
    shared = Window(window.baseline, window.baseline_bad + 1, window.candidate, window.candidate_bad)
    test = Relative(margin)
    assert log_mean_exp(test.after(START, [shared])) <= log_mean_exp(test.after(START, [window])) + 1e-9


@given(windows(), st.integers(2, 5))
def test_splitting_a_window_at_the_same_share_changes_nothing(window: Window, parts: int) -> None:
    part = Window(
        window.baseline / parts, window.baseline_bad / parts, window.candidate / parts, window.candidate_bad / parts
    )
    whole, split_up = Relative(0.2).after(START, [window]), Relative(0.2).after(START, [part] * parts)
    assert split_up == pytest.approx(whole, abs=1e-9)


def test_no_bad_requests_and_no_candidate_change_nothing() -> None:
    assert Relative(0.2).after(START, [Window(900, 0, 100, 0), Window(900, 9, 0, 0)]) == pytest.approx(START)


def test_nothing_counted_changes_nothing() -> None:
    assert Relative(0.2).after(START, [Window(0, 0, 0, 0)]) == pytest.approx(START)
    assert Absolute(0.05).after(START, [Window(0, 0, 0, 0)]) == START


@given(st.floats(0.001, 0.3), st.floats(0.0, 1.0), st.integers(1, 12), st.integers(1, 12), st.sampled_from(range(14)))
def test_under_the_null_each_factor_of_the_relative_test_has_mean_at_most_one(
    rate: float, margin: float, baseline: int, candidate: int, place: int
) -> None:
    """By summing over all outcomes of one window: two binomials whose rates stand exactly at the null."""
    null = 1 + margin
    p_a, p_b = rate, min(rate * null, 1.0)
    mean = 0.0
    for x_a in range(baseline + 1):
        for x_b in range(candidate + 1):
            chance = binomial(baseline, x_a, p_a) * binomial(candidate, x_b, p_b)
            ratios = Relative(margin).after(START, [Window(baseline, x_a, candidate, x_b)])
            mean += chance * math.exp(ratios[place])
    assert mean <= 1 + 1e-9


@given(st.floats(0.005, 0.6), st.integers(1, 25), st.sampled_from(range(14)))
def test_under_the_null_each_factor_of_the_absolute_test_has_mean_one(limit: float, requests: int, place: int) -> None:
    mean = sum(
        binomial(requests, bad, limit) * math.exp(Absolute(limit).after(START, [Window(0, 0, requests, bad)])[place])
        for bad in range(requests + 1)
    )
    assert mean == pytest.approx(1.0, abs=1e-6)


def test_an_outage_is_found_in_one_window() -> None:
    assert regressed(Absolute(0.05).after(START, [Window(0, 0, 30, 30)]), 0.05)
    assert regressed(Relative(0.2).after(START, [Window(900, 5, 100, 100)]), 0.05)


def test_a_limit_that_nothing_can_be_above_is_refused() -> None:
    for limit in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            Absolute(limit)


def test_counts_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="7 bad requests of 5"):
        Window(5, 7, 1, 0)


def test_the_effects_run_from_small_to_large() -> None:
    assert multiples()[0] == pytest.approx(1.15)
    assert multiples()[-1] == pytest.approx(40)
    assert len(multiples()) == 14


def test_the_interval_of_the_ratio_holds_what_the_counts_say() -> None:
    low, high = ratio_interval([Window(100_000, 500, 100_000, 1000)], 0.05)
    assert 1.6 < low < 2 < high < 2.6


def test_without_bad_requests_the_ratio_can_be_anything() -> None:
    assert ratio_interval([Window(950, 0, 50, 0)], 0.05) == (0.0, math.inf)


def test_the_interval_of_a_rate_shrinks_with_the_requests_and_holds_the_rate() -> None:
    wide, narrow = confidence.rate_interval(100, 1, 0.05), confidence.rate_interval(100_000, 1000, 0.05)
    assert wide[0] < narrow[0] < 0.01 < narrow[1] < wide[1]


def test_zero_errors_in_380_requests_leave_more_than_half_a_percent_possible() -> None:
    low, high = confidence.rate_interval(380, 0, 0.05)
    assert low == 0.0
    assert 0.0079 < high < 0.02, "at least what a single look at a fixed time would leave: 0.79 %"


def test_the_split_is_found_astray_after_about_as_many_requests_as_promised() -> None:
    found = next(
        n for n in range(100, 10_000, 100) if traffic_split.log_evidence(0.05, n * 0.93, n * 0.07) >= math.log(1000)
    )
    assert 1_200 <= found <= 3_500
    assert not traffic_split.log_evidence(0.05, 9_500, 500) >= math.log(1000)


def test_at_the_ends_there_is_no_split_to_judge() -> None:
    assert traffic_split.log_evidence(0.0, 100, 3) == 0.0
    assert traffic_split.log_evidence(1.0, 0, 100) == 0.0


def binomial(n: int, k: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)
