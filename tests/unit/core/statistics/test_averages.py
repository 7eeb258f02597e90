"""A sequential test on averages: it bears spikes, daily drift and arms that differ a little, and finds what lasts."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core.statistics.averages import (
    CAUTIOUS,
    GUARD,
    LEAST,
    TAILS,
    WIDE,
    Averages,
    Past,
    Steps,
    Wide,
    expected,
    growth,
    suspicious,
)
from tidegate.core.statistics.averages import MOST as MOST_SQUARE
from tidegate.core.statistics.change_point import MOST
from tidegate.core.statistics.windows import Sums

LEVEL = math.log(20)
QUIET = Past().after_blocks([(300.0, 30.0)] * 72, 60.0)


def sums(candidate: float, baseline: float = 0.1, requests: float = 60.0) -> Sums:
    return Sums(requests, requests * baseline, requests, requests * candidate)


def test_one_window_against_an_oracle() -> None:
    """Student's t with three degrees of freedom, of scipy 1.16: logpdf((ln 3 - ln 1.2 - ln 2.5)/s) - logpdf((ln 3 - ln 1.2)/s)."""
    past = Past(Steps(squares=0.01), level=math.log(0.1), blocks=72.0)
    assert past.scale == pytest.approx(math.sqrt(0.1))
    scale = TAILS * math.sqrt(0.1 * (1 + 1 / 5))
    beside = (math.log(3) - math.log(1.2)) / scale
    away = (math.log(3) - math.log(1.2) - math.log(2.5)) / scale

    def logpdf(t: float) -> float:
        return math.lgamma(2) - math.lgamma(1.5) - math.log(math.sqrt(3 * math.pi)) - 2 * math.log1p(t * t / 3)

    found = growth(sums(0.3), past, 0.2, 60.0)[2]
    assert found == pytest.approx(min(logpdf(away) - logpdf(beside), MOST), abs=0.02)


def test_the_scale_is_learnt_and_bounded() -> None:
    assert Past().scale == CAUTIOUS
    assert QUIET.scale < CAUTIOUS / 1.5
    still = Past()
    for _ in range(3000):
        still = still.after(60.0, 6.0, 60.0)
    assert still.scale == LEAST


def test_one_spike_decides_nothing() -> None:
    assert max(growth(sums(50.0), QUIET, 0.2, 60.0)) == MOST
    assert Averages(0.2).after(growth(sums(50.0), QUIET, 0.2, 60.0)).evidence < LEVEL


def test_two_windows_of_five_times_as_much_are_found() -> None:
    test = Averages(0.2)
    for _ in range(2):
        test = test.after(growth(sums(0.5), QUIET, 0.2, 60.0))
    assert test.evidence >= LEVEL


def test_what_both_arms_have_is_nobodys_fault() -> None:
    test = Averages(0.2)
    for _ in range(60):
        test = test.after(growth(sums(0.5, baseline=0.5), QUIET, 0.2, 60.0))
    assert test.evidence < 1


def test_a_baseline_that_is_faster_than_ever_makes_no_candidate_slow() -> None:
    test = Averages(0.2)
    for _ in range(60):
        test = test.after(growth(sums(0.1, baseline=0.02), QUIET, 0.2, 60.0))
    assert test.evidence < 1


def test_a_fault_is_not_learnt_as_normal_before_the_guard_is_over() -> None:
    past = QUIET
    for _ in range(5 * GUARD):
        past = past.after(60.0, 60.0, 60.0)
    assert past.level == pytest.approx(math.log(0.1))


def test_arms_that_differ_by_less_than_the_margin_are_borne() -> None:
    chance = Random(3)  # noqa: S311  (no secret)
    test, past = Averages(0.2), QUIET
    for _ in range(500):
        window = sums(0.11 * math.exp(chance.gauss(0, 0.1)), 0.1 * math.exp(chance.gauss(0, 0.1)))
        test, past = test.after(growth(window, past, 0.2, 60.0)), past.after(window.baseline, window.baseline_sum, 60.0)
    assert test.evidence < LEVEL


def test_without_requests_of_both_arms_nothing_is_said() -> None:
    for window in (Sums(0, 0, 10, 5), Sums(10, 5, 0, 0), Sums(10, 0, 10, 5)):
        assert set(growth(window, QUIET, 0.2, 60.0)) == {0.0}


def test_an_average_that_wanders_for_minutes_is_no_calm_one() -> None:
    """Neighbouring minutes are alike, blocks of five are not: the scale must be that of the blocks."""
    past = Past()
    for minute in range(600):
        value = 0.1 * (1.5 if minute // 10 % 2 else 1.0)
        past = past.after(60.0, 60.0 * value, 60.0)
    assert past.scale > 0.3


@given(st.lists(st.floats(-2, 2), min_size=9 * WIDE, max_size=60), st.floats(1, 10))
def test_the_scale_of_wide_blocks_against_numpy(values: list[float], windows: float) -> None:
    found = Wide()
    for value in values:
        found = found.after(value, windows)
    means = np.array(values[: len(values) // WIDE * WIDE]).reshape(-1, WIDE).mean(axis=1)
    squares = np.minimum(np.diff(means) ** 2 / 2 * windows * WIDE, MOST_SQUARE)
    expected = squares.mean() * (1 - math.sqrt(2 / len(squares)))
    assert found.square == pytest.approx(float(expected), abs=1e-9)


def drifting(memory: float, seed: int) -> Past:
    """A baseline whose logarithm wanders with a standard deviation of 0.2, and is left so much of it a minute later."""
    chance = Random(seed)  # noqa: S311  (no secret)
    past, level = Past(), 0.0
    for _ in range(6 * 60):
        level = memory * level + math.sqrt(1 - memory**2) * chance.gauss(0, 0.2)
        past = past.after(60.0, 6.0 * math.exp(level), 60.0)
    return past


def test_a_drift_over_a_quarter_of_an_hour_widens_the_scale_and_independent_minutes_do_not() -> None:
    """Of an autoregressive average the variance of sums is (1 + r) / (1 - r) times that of independent ones."""
    widened, steady = ([drifting(memory, seed) for seed in range(20)] for memory in (0.95, 0.0))
    for past in widened:
        assert past.wide.square > 0.04
    assert np.mean([past.scale / math.sqrt(past.steps.squares / past.steps.pairs) for past in widened]) > 1.2
    assert np.mean([past.scale for past in steady]) < 0.2 * 1.2


def test_few_wide_blocks_say_nothing() -> None:
    found = Wide()
    for value in (0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0):
        found = found.after(value, 5.0)
    assert (found.steps.pairs, found.square) == (2.0, 0.0)


def test_a_variance_that_grows_from_block_to_wide_block_grows_on() -> None:
    """Blocks of variance 0.02, wide ones of four times as much less a standard error: twice that in the scale, not once."""
    narrow, wide = Steps(squares=2.0, pairs=100.0), Steps(squares=0.08 * 32, pairs=32.0)
    square = (CAUTIOUS**2 + 2.0) / 101
    ratio = 0.08 * 0.75 / square
    assert ratio > 2
    assert Past(narrow, wide=Wide(wide)).scale == pytest.approx(math.sqrt(square) * ratio)
    assert Past(narrow, wide=Wide(Steps(squares=0.02 * 32, pairs=32.0))).scale == pytest.approx(math.sqrt(square))


LEVELLED = Past(Steps(0.04 * 100, 100.0, math.log(0.1)), math.log(0.1), 72.0)
"""A baseline of 0.1 for hours, with a scale of a fifth."""


@pytest.mark.parametrize(
    ("why", "past", "now", "reference", "uncertain"),
    [
        ("it is as ever: its level of hours", LEVELLED, 0.0999, 0.1, 1 / 72),
        ("a little slow for a minute: hardly more", LEVELLED, 0.12, 0.1 * 1.2**0.2, 0.2),
        ("a little fast for a minute: its level", LEVELLED, 0.08, 0.1, 1 / 72),
        ("slow as it never is: what it is now", LEVELLED, 0.3, 0.3, 1.0),
        (
            "slow in the last minutes and well again: those",
            replace(LEVELLED, open=(240.0, 60.0), filled=240.0),
            0.1,
            0.22,
            0.2,
        ),
        ("nothing is known of its level: what it is now", Past(), 0.3, 0.3, 1.0),
    ],
)
def test_what_the_candidate_is_compared_with(
    why: str, past: Past, now: float, reference: float, uncertain: float
) -> None:
    found = expected(sums(0.1, baseline=now), past, 60.0)
    assert (math.exp(found[0]), found[1]) == (pytest.approx(reference, rel=0.01), pytest.approx(uncertain)), why


@given(st.floats(0.02, 2), st.floats(0.02, 2), st.floats(10, 300))
def test_windows_that_may_become_evidence_are_told_beforehand(
    candidate: float, baseline: float, seconds: float
) -> None:
    """Whatever the open block holds by then."""
    window, past = sums(candidate, baseline), LEVELLED
    may = suspicious(window, past, 0.2)
    for _ in range(40):
        if max(growth(window, past, 0.2, seconds)) > 0:
            assert may
        past = past.after(window.baseline, window.baseline_sum, seconds)
