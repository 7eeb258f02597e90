"""Does a regression last? Bad requests in single minutes add up to nothing, those that go on to as much as before."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import poisson

from tidegate.core.count_tests.segment import Segment
from tidegate.core.statistics import change_point
from tidegate.core.statistics.accumulators import NONE, Compared, Suspicion
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.mixture import multiples
from tidegate.core.statistics.usual import HALF, REMEMBERED, Pending, Usual, predicted
from tidegate.core.statistics.windows import Window

LEVEL = math.log(20)
GROWTHS = st.lists(st.tuples(st.floats(-3, change_point.MOST), st.floats(-3, 6)), min_size=1, max_size=12)
GOOD, SPIKE = Window(500, 0, 500, 0), Window(500, 0, 500, 150)


@given(st.integers(1, 5000), st.integers(0, 30), st.floats(1e-4, 0.1), st.floats(0, 1), st.floats(1, 8))
def test_what_is_predicted_is_a_likelihood_ratio_of_poisson_counts(
    candidate: int, bad: int, rate: float, margin: float, dispersion: float
) -> None:
    bad = min(bad, candidate)
    usual = HALF * rate * (1 + margin) * candidate
    found = predicted(Window(100, 0, candidate, bad), rate, margin, multiples(), dispersion)
    expected = [float(poisson.logpmf(bad, usual * m) - poisson.logpmf(bad, usual)) / dispersion for m in multiples()]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def carried(growths: list[tuple[float, float]], gained: float = 0.0) -> tuple[list[float], list[Pending]]:
    """What each window adds, and what is carried on after it."""
    adds, kept, pending = [], [], Pending((0.0,), (gained,))
    for growth, other in growths:
        (more,), pending = pending.after([growth], [other])
        adds.append(more)
        kept.append(pending)
    return adds, kept


@given(GROWTHS)
def test_the_sum_lags_behind_by_as_much_as_the_prediction_ever_did(growths: list[tuple[float, float]]) -> None:
    """While no credit is lost and there is enough to take from: the sum of the arms, less the furthest the prediction was behind it."""
    behind = list(accumulate(min(other, change_point.MOST) - growth for growth, other in growths))
    adds, kept = carried(growths, gained=1000.0)
    assume(max(one.credit[0] for one in kept) < change_point.MOST)
    total = sum(growth for growth, _ in growths)
    assert sum(adds) == pytest.approx(total + min(0.0, *behind), abs=1e-9)


@given(GROWTHS)
def test_no_window_adds_more_than_the_arms_say_and_none_takes_more_than_was_gained(
    growths: list[tuple[float, float]],
) -> None:
    adds, kept = carried(growths)
    lowest = total = 0.0
    for more, (growth, _) in zip(adds, growths, strict=True):
        total += more
        assert more <= growth + 1e-12
        if more < growth - 1e-9:
            assert total >= lowest - 1e-9
        lowest = min(lowest, total)
    assert all(0 <= one.credit[0] <= change_point.MOST for one in kept)
    assert kept[-1].gained[0] == pytest.approx(total - lowest, abs=1e-9)


@given(
    st.floats(0, 1.0),
    st.integers(12, 5000),
    st.integers(12, 5000),
    st.integers(0, 12),
    st.floats(0, 0.2),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4),
)
def test_under_the_null_the_next_window_adds_nothing_on_average(
    margin: float, baseline: int, candidate: int, bad: int, rate: float, earlier: list[tuple[int, int]]
) -> None:
    """Whatever the usual rate is said to be."""

    def after(test: Compared, window: Window) -> Compared:
        test, growth = test.lasting(window, test.growths([window])[0], rate, 1.0)
        return test.after([window], 1.0, [growth])

    before = Compared(margin, most=change_point.MOST)
    for a, b in earlier:
        before = after(before, Window(900, a, 100, b))
    share = candidate / (baseline + candidate)
    chance = share * (1 + margin) / (share * (1 + margin) + 1 - share)
    mean = 0.0
    for mine in range(bad + 1):
        found = after(before, Window(baseline, bad - mine, candidate, mine))
        mean += math.comb(bad, mine) * chance**mine * (1 - chance) ** (bad - mine) * math.exp(found.evidence)
    assert mean <= math.exp(before.evidence) * (1 + 1e-9)


def found(windows: list[Window], floor: float = 0.001) -> int | None:
    """After how many windows a regression is found."""
    dispersion = Dispersion().after_blocks([(2500.0, 0.0)] * 72)
    one = Segment(Compared(0.2, most=change_point.MOST), Suspicion(0.0, NONE), dispersion=dispersion, floor=floor)
    for place, window in enumerate(windows, start=1):
        one = one.after(window, 60.0 * place, 60.0)
        if one.evidence >= LEVEL:
            return place
    return None


def test_spikes_hours_apart_do_not_add_up() -> None:
    """Three in the candidate and none in the baseline are chance in one of eight pairs."""
    recurring = ([GOOD] * 199 + [SPIKE]) * 3
    assert found(recurring) is None
    assert found(recurring, floor=0.0) is not None, "without a usual rate and without a floor they do"


@pytest.mark.parametrize("bad", [150.0, 3.0])
def test_what_goes_on_is_found_as_soon_as_before(bad: float) -> None:
    steady = [GOOD] * 30 + [Window(500, 0, 500, bad)] * 30
    assert found(steady) == found(steady, floor=0.0)


def test_minutes_without_a_bad_request_are_paid_for_by_those_with_several() -> None:
    """A candidate at 0.6 %, of whose minutes every other one has no bad request."""
    gaps = [GOOD] * 30 + [Window(500, 0, 500, 6), GOOD] * 30
    sooner, later = found(gaps, floor=0.0), found(gaps)
    assert sooner is not None
    assert later is not None
    assert later <= sooner + 2


def test_the_usual_rate_is_that_of_the_last_hours() -> None:
    assert Usual().rate == 0.0
    long = Usual()
    for _ in range(1000):
        long = long.with_block(1000.0, 10.0)
    assert (long.rate, long.blocks) == (pytest.approx(0.01), REMEMBERED)
    assert long.requests == pytest.approx(1000.0 * REMEMBERED)
    for _ in range(int(REMEMBERED)):
        long = long.with_block(1000.0, 0.0)
    assert long.rate == pytest.approx(0.01 * (1 - 1 / REMEMBERED) ** REMEMBERED)


def test_it_is_learnt_with_the_dispersion_from_blocks_with_requests() -> None:
    found = Dispersion().after_blocks([(1000.0, 5.0), (0.0, 0.0), (3000.0, 3.0), (10.0, 10.0)])
    assert found.usual == Usual(4010.0, 18.0, 3.0)
