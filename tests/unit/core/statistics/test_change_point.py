"""Evidence mixed over when a regression began: the same as adding up every start, and no more under the null than before."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.statistics.exact import regressed
from tidegate.core.statistics import change_point
from tidegate.core.statistics.accumulators import BY_HALF, NONE, Compared, Conclusion, Limited, Suspicion
from tidegate.core.statistics.rate_tests import START, Relative
from tidegate.core.statistics.windows import Window

ALPHA = 0.05
GROWTHS = st.lists(st.lists(st.floats(-3, 6), min_size=3, max_size=3), min_size=1, max_size=12)


def after_start(windows: int) -> float:
    """The weight of the starts after so many windows."""
    return 0.2 / (1 + math.log(1 + (windows - 1) / 60))


def before_version_3(windows: int) -> float:
    """The same, of status version 1 and 2."""
    return 0.3 / (1 + math.log(windows))


def weight(start: int, to_come: Callable[[int], float] = after_start) -> float:
    return 1 - to_come(1) if start == 1 else to_come(start - 1) - to_come(start)


def added(growth: float, start: int) -> float:
    return growth if start == 1 else min(growth, 2.9)


@given(GROWTHS)
def test_it_is_the_sum_over_every_start(growths: list[list[float]]) -> None:
    last = len(growths)
    each = [
        sum(weight(s) * math.exp(sum(added(g[place], s) for g in growths[s - 1 :])) for s in range(1, last + 1))
        for place in range(3)
    ]
    to_come = 1 - sum(weight(s) for s in range(1, last + 1))
    expected = sum(each) / 3 + to_come
    assert math.exp(change_point.log_evidence(change_point.after((), 0, growths), last)) == pytest.approx(
        expected, rel=1e-9
    )


@given(GROWTHS)
def test_what_was_gathered_with_the_weights_of_version_2_goes_on_with_those_of_now(growths: list[list[float]]) -> None:
    """What has begun has what is left of the weight: for growths of a mean factor of 1 the mean of E is 1 as before."""
    last = len(growths)
    old = [math.log(0.7) + growth for growth in growths[0]]
    if last > 1:
        old = [math.log(0.7) + sum(growth[place] for growth in growths) for place in range(3)]
        old += [
            math.log(
                sum(
                    weight(start, before_version_3)
                    * math.exp(sum(added(one[place], start) for one in growths[start - 1 :]))
                    for start in range(2, last + 1)
                )
            )
            for place in range(3)
        ]
    less = (1 - after_start(last)) / (1 - before_version_3(last))
    found = change_point.reweighted(old, last)
    assert [math.exp(one) for one in found] == pytest.approx([less * math.exp(one) for one in old])
    begun = sum(weight(start, before_version_3) for start in range(1, last + 1))
    assert less * begun + after_start(last) == pytest.approx(1)
    assert change_point.log_evidence(change_point.reweighted((), 0), 0) == 0.0


@given(GROWTHS, st.integers(0, 11))
def test_a_stop_between_changes_nothing(growths: list[list[float]], cut: int) -> None:
    cut = min(cut, len(growths))
    halfway = change_point.after((), 0, growths[:cut])
    assert change_point.after(halfway, cut, growths[cut:]) == pytest.approx(change_point.after((), 0, growths))


def test_weights_of_all_starts_are_one() -> None:
    assert sum(map(weight, range(1, 10_000))) == pytest.approx(1 - after_start(9_999), abs=1e-9)
    assert all(weight(s) > 0 for s in range(1, 10_000))


@given(
    st.floats(0, 1.0),
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.integers(0, 12),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=4),
    st.sampled_from([math.inf, change_point.MOST]),
)
def test_under_the_null_the_next_window_adds_nothing_on_average(
    margin: float, baseline: int, candidate: int, bad: int, earlier: list[tuple[int, int]], most: float
) -> None:
    test = Compared(margin, most=most)
    before = test.after([Window(900, min(a, 900), 100, min(b, 100)) for a, b in earlier])
    share = candidate / (baseline + candidate)
    chance = share * (1 + margin) / (share * (1 + margin) + 1 - share)
    bad = min(bad, baseline, candidate)
    mean = 0.0
    for mine in range(bad + 1):
        after = before.after([Window(baseline, bad - mine, candidate, mine)])
        probability = math.comb(bad, mine) * chance**mine * (1 - chance) ** (bad - mine)
        mean += probability * math.exp(change_point.log_evidence(after.logs, after.counted))
    assert mean <= math.exp(change_point.log_evidence(before.logs, before.counted)) * (1 + 1e-9)


def test_a_regression_after_good_hours_is_found_at_once_and_not_after_as_many_bad_ones() -> None:
    good, worse = Window(570, 3, 30, 0), Window(570, 3, 30, 1)
    hours = [good] * 1200
    test, found = Compared(0.2).after(hours), 0
    while test.conclusion(ALPHA) is not Conclusion.REGRESSED:
        test, found = test.after([worse]), found + 1
    plain = Relative(0.2).after(START, [*hours, *[worse] * found])
    assert found < 30
    assert not regressed(plain, ALPHA)


def test_the_requests_that_are_shown_begin_where_suspicion_did() -> None:
    quiet, bad = Window(570, 3, 30, 0), Window(570, 3, 30, 3)
    test, found = Compared(0.2), Suspicion(0.0, NONE)
    for place, window in enumerate([quiet, quiet, bad, bad], start=1):
        found = found.after(test.growths([window])[0][BY_HALF], window, 60.0 * place)
    assert (found.since, found.counts) == (120.0, Window(1140, 6, 60, 6))


@pytest.mark.parametrize("before", [0, 1, 60])
@pytest.mark.parametrize("usual", [0.0, 0.005])
def test_a_spike_of_one_window_is_no_regression_and_several_are(before: int, usual: float) -> None:
    good = Window(57_000, 57_000 * usual, 3_000, 3_000 * usual)
    spike = replace(good, candidate_bad=3_000)
    well = [good] * before
    test = Compared(0.2, most=change_point.MOST)
    assert test.after([*well, spike, *well]).conclusion(ALPHA) is not Conclusion.REGRESSED
    assert test.after([*well, *[spike] * 5]).conclusion(ALPHA) is Conclusion.REGRESSED


def test_where_one_window_may_decide_it_does() -> None:
    outage = Window(900, 1, 100, 100)
    assert Compared(0.2).after([outage]).conclusion(ALPHA) is Conclusion.REGRESSED


def test_a_limit_looks_at_starts_as_well() -> None:
    test = Limited(0.01).after([Window(0, 0, 600, 3)] * 600)
    hit = test.after([Window(0, 0, 600, 30)] * 7)
    assert hit.conclusion(ALPHA, Window(0, 0, 600 * 607, 3 * 600 + 30 * 7)) is Conclusion.REGRESSED
