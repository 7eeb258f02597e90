"""A sequential test on averages: it bears spikes, daily drift and arms that differ a little, and finds what lasts."""

from __future__ import annotations

import math
from random import Random

import pytest

from tidegate.core.statistics.averages import CAUTIOUS, GUARD, LEAST, Averages, Past, growth
from tidegate.core.statistics.change_point import MOST
from tidegate.core.statistics.windows import Sums

LEVEL = math.log(20)
QUIET = Past().after_blocks([(300.0, 30.0)] * 72, 60.0)


def sums(candidate: float, baseline: float = 0.1, requests: float = 60.0) -> Sums:
    return Sums(requests, requests * baseline, requests, requests * candidate)


def test_one_window_against_an_oracle() -> None:
    """Student's t with three degrees of freedom, of scipy 1.16: logpdf((ln 3 - ln 1.2 - ln 2.5)/s) - logpdf((ln 3 - ln 1.2)/s)."""
    past = Past(squares=0.01, pairs=0.0, level=math.log(0.1), blocks=72.0)
    scale = math.sqrt(0.1 * 2)
    assert past.scale == pytest.approx(math.sqrt(0.1))
    beside = (math.log(3) - math.log(1.2)) / scale
    away = (math.log(3) - math.log(1.2) - math.log(2.5)) / scale

    def logpdf(t: float) -> float:
        return math.lgamma(2) - math.lgamma(1.5) - math.log(math.sqrt(3 * math.pi)) - 2 * math.log1p(t * t / 3)

    found = growth(sums(0.3), past, 0.2)[2]
    assert found == pytest.approx(min(logpdf(away) - logpdf(beside), MOST), abs=0.02)


def test_the_scale_is_learnt_and_bounded() -> None:
    assert Past().scale == CAUTIOUS
    assert QUIET.scale < CAUTIOUS / 1.5
    still = Past()
    for _ in range(3000):
        still = still.after(60.0, 6.0, 60.0)
    assert still.scale == LEAST


def test_one_spike_decides_nothing() -> None:
    assert max(growth(sums(50.0), QUIET, 0.2)) == MOST
    assert Averages(0.2).after(growth(sums(50.0), QUIET, 0.2)).evidence < LEVEL


def test_two_windows_of_five_times_as_much_are_found() -> None:
    test = Averages(0.2)
    for _ in range(2):
        test = test.after(growth(sums(0.5), QUIET, 0.2))
    assert test.evidence >= LEVEL


def test_what_both_arms_have_is_nobodys_fault() -> None:
    test = Averages(0.2)
    for _ in range(60):
        test = test.after(growth(sums(0.5, baseline=0.5), QUIET, 0.2))
    assert test.evidence < 1


def test_a_baseline_that_is_faster_than_ever_makes_no_candidate_slow() -> None:
    test = Averages(0.2)
    for _ in range(60):
        test = test.after(growth(sums(0.1, baseline=0.02), QUIET, 0.2))
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
        test, past = test.after(growth(window, past, 0.2)), past.after(window.baseline, window.baseline_sum, 60.0)
    assert test.evidence < LEVEL


def test_without_requests_of_both_arms_nothing_is_said() -> None:
    for window in (Sums(0, 0, 10, 5), Sums(10, 5, 0, 0), Sums(10, 0, 10, 5)):
        assert set(growth(window, QUIET, 0.2)) == {0.0}


def test_an_average_that_wanders_for_minutes_is_no_calm_one() -> None:
    """Neighbouring minutes are alike, blocks of five are not: the scale must be that of the blocks."""
    past = Past()
    for minute in range(600):
        value = 0.1 * (1.5 if minute // 10 % 2 else 1.0)
        past = past.after(60.0, 60.0 * value, 60.0)
    assert past.scale > 0.3
