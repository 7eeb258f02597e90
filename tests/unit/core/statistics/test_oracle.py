"""The arithmetic beside SciPy's, which the operator itself does without."""

from __future__ import annotations

import math
import subprocess
import sys
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import betaln, logsumexp
from scipy.stats import betabinom, binom, chi2_contingency
from scipy.stats import norm as normal
from scipy.stats import t as student

from tests.unit.core.statistics.exact import ratio_interval
from tidegate.core.statistics import change_point, traffic_split
from tidegate.core.statistics.averages import SHIFTS, TAILS, Past, Steps, growth
from tidegate.core.statistics.confidence import GRID, rate_interval
from tidegate.core.statistics.dispersion import MOST, Dispersion
from tidegate.core.statistics.mixture import log_beta, log_mean_exp, multiples
from tidegate.core.statistics.rate_tests import START, Absolute, Relative
from tidegate.core.statistics.windows import Sums, Window

ALPHA = 0.05
COUNTS = st.tuples(st.integers(1, 4000), st.integers(0, 12), st.integers(1, 4000), st.integers(0, 12)).map(
    lambda one: Window(one[0] + 12, one[1], one[2] + 12, one[3])
)
WINDOWS = st.lists(COUNTS, min_size=1, max_size=4)


def chance(window: Window, ratio: float) -> float:
    """That a bad request is the candidate's, when its rate is `ratio` times the baseline's."""
    return window.share * ratio / (window.share * ratio + 1 - window.share)


def whose(window: Window, ratio: float) -> float:
    """Log probability of whose the bad requests are."""
    bad = window.candidate_bad + window.baseline_bad
    return float(binom.logpmf(window.candidate_bad, bad, chance(window, ratio)))


@given(WINDOWS, st.floats(0, 1))
def test_the_relative_test_is_a_mixture_of_conditional_binomials(windows: list[Window], margin: float) -> None:
    null = 1 + margin
    each = [sum(whose(one, null * m) - whose(one, null) for one in windows) for m in multiples()]
    expected = logsumexp(each) - math.log(len(each))
    assert log_mean_exp(Relative(margin).after(START, windows)) == pytest.approx(expected, abs=1e-6)


@given(WINDOWS, st.floats(0.001, 0.02))
def test_the_absolute_test_is_a_mixture_of_binomials(windows: list[Window], limit: float) -> None:
    def log_probability(rate: float) -> float:
        return sum(float(binom.logpmf(one.candidate_bad, one.candidate, rate)) for one in windows)

    each = [log_probability(limit * m) - log_probability(limit) for m in multiples() if limit * m < 1]
    assert len(each) == len(multiples())
    expected = logsumexp(each) - math.log(len(each))
    assert log_mean_exp(Absolute(limit).after(START, windows)) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(st.floats(0.5, 1e6), st.floats(0.5, 1e6))
def test_the_beta_function(a: float, b: float) -> None:
    assert log_beta(a, b) == pytest.approx(float(betaln(a, b)), rel=1e-9, abs=1e-6)


@given(st.integers(1, 20_000), st.integers(0, 20_000), st.floats(0.01, 0.99))
def test_the_split_is_a_beta_binomial_against_a_binomial(requests: int, mine: int, share: float) -> None:
    mine = min(mine, requests)
    mixed = betabinom.logpmf(mine, requests, 100 * share, 100 * (1 - share))
    expected = float(mixed - binom.logpmf(mine, requests, share))
    assert traffic_split.log_evidence(share, requests - mine, mine) == pytest.approx(expected, rel=1e-6, abs=1e-5)


@settings(max_examples=40)
@given(st.integers(20, 5000), st.integers(1, 19))
def test_the_ends_of_the_rates_that_are_possible(requests: int, bad: int) -> None:
    def refuted(rate: float) -> float:
        evidence = betaln(0.5 + bad, 0.5 + requests - bad) - betaln(0.5, 0.5)
        return float(evidence - bad * math.log(rate) - (requests - bad) * math.log1p(-rate) - math.log(1 / ALPHA))

    low, high = rate_interval(requests, bad, ALPHA)
    best = bad / requests
    assert low == pytest.approx(brentq(refuted, 1e-12, best), rel=1e-4, abs=1e-8)
    assert high == pytest.approx(brentq(refuted, best, 1 - 1e-12), rel=1e-4, abs=1e-8)


@settings(max_examples=40)
@given(WINDOWS)
def test_the_ends_of_the_ratios_that_are_possible(windows: list[Window]) -> None:
    def log_probability(ratio: float) -> float:
        return sum(whose(one, ratio) for one in windows)

    level = float(logsumexp([log_probability(one) for one in GRID])) - math.log(len(GRID)) - math.log(1 / ALPHA)
    low, high = ratio_interval(windows, ALPHA)
    for end in (low, high):
        if 0 < end < math.inf:
            assert log_probability(end) == pytest.approx(level, abs=1e-4)
    if low == 0:
        assert log_probability(GRID[0]) > level
    if high == math.inf:
        assert log_probability(GRID[-1]) > level


BLOCKS = st.tuples(st.integers(1, 5000), st.floats(0.01, 0.99)).map(
    lambda one: (one[0] + 1.0, 1.0 + one[0] // 2 * one[1])
)


@given(BLOCKS, BLOCKS)
def test_what_two_blocks_say_of_dispersion_is_pearsons_statistic_of_their_table(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    table = [[bad, requests - bad] for requests, bad in (one, other)]
    expected = float(chi2_contingency(table, correction=False).statistic)
    found = Dispersion().after_blocks([one, other])
    assert (found.squares, found.pairs) == pytest.approx((min(expected, MOST), 1.0), rel=1e-6, abs=1e-9)


def learnt(deviation: float) -> Past:
    """A baseline of which nothing but its deviation from window to window is known."""
    return Past(Steps(squares=deviation**2 * 1e9, pairs=1e9))


@given(st.floats(0.01, 20), st.floats(0.05, 1), st.floats(0, 1), st.floats(0.2, 5))
def test_a_window_of_averages_is_a_likelihood_ratio_of_students_t(
    times: float, deviation: float, margin: float, fewer: float
) -> None:
    past = learnt(deviation)
    sums = Sums(60 * fewer, 6 * fewer, 60, 6 * times)
    scale = TAILS * past.scale * math.sqrt(math.sqrt(max(fewer, 1)) + 1)
    difference = math.log(times)
    expected = [
        float(student.logpdf((difference - math.log1p(margin) - math.log(shift)) / scale, 3))
        - float(student.logpdf((difference - math.log1p(margin)) / scale, 3))
        for shift in SHIFTS
    ]
    capped = [min(one, change_point.MOST) for one in expected]
    assert growth(sums, past, margin, 60.0) == pytest.approx(capped, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("shift", range(len(SHIFTS)))
@pytest.mark.parametrize("truth", [-5.0, -1.0, 0.0, 0.1, math.log1p(0.2)])
@pytest.mark.parametrize("deviation", [0.05, 0.2, 0.8])
def test_under_the_null_a_window_of_averages_adds_nothing_on_average(
    shift: int, truth: float, deviation: float
) -> None:
    """Student's t of the scale of the test, and normal differences whose standard deviation is the one that was learnt."""
    past = learnt(deviation)
    spread = past.scale * math.sqrt(2)

    def weighted(difference: float) -> float:
        sums = Sums(60, 6, 60, 6 * math.exp(truth + difference))
        return math.exp(growth(sums, past, 0.2, 60.0)[shift])

    for scale, density in ((TAILS * spread, partial(student.pdf, df=3)), (spread, normal.pdf)):
        mean, _ = quad(
            lambda t, scale=scale, density=density: weighted(scale * t) * float(density(t)),
            -200,
            200,
            limit=400,
            points=[0.0],
        )
        assert mean <= 1 + 1e-3


def test_the_operator_itself_needs_neither_numpy_nor_scipy() -> None:
    code = (
        "import sys, tidegate.runtime.compose, tidegate.cli.main, tidegate.cli.operator, tidegate.core.decide; "
        "print([name for name in ('numpy', 'scipy', 'pandas') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert said.stdout.strip() == "[]"
