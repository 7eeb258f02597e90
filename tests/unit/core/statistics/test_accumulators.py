"""What a test has gathered: three answers, and what the requests so far could have shown."""

from __future__ import annotations

import math
from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.core.statistics.exact import ratio_interval
from tidegate.core.statistics import change_point
from tidegate.core.statistics.accumulators import (
    BY_HALF,
    LARGEST_SOUGHT,
    NONE,
    Compared,
    Conclusion,
    Limited,
    Suspicion,
    crossing,
    detectable,
    together,
)
from tidegate.core.statistics.confidence import GRID, rate_interval
from tidegate.core.statistics.windows import Window

ALPHA = 0.05
LEVEL = math.log(1 / ALPHA)
LIKELY = st.tuples(st.integers(1, 5000), st.integers(0, 60), st.integers(1, 3000), st.integers(0, 60)).map(
    lambda one: Window(one[0] + 60, one[1], one[2] + 60, one[3])
)
WINDOWS = st.lists(LIKELY, min_size=1, max_size=6)
STEP = math.log(GRID[1] / GRID[0]) + 1e-6
"""Of the grid: an end between two of its points is off by no more than this."""


def test_nothing_gathered_shows_nothing() -> None:
    assert Compared(0.2).conclusion(ALPHA) is Conclusion.INCONCLUSIVE
    assert Compared(0.2).possible(ALPHA) == (0.0, math.inf)
    assert Limited(0.05).conclusion(ALPHA, NONE) is Conclusion.INCONCLUSIVE


@pytest.mark.parametrize(
    ("why", "window", "conclusion"),
    [
        ("five times as bad", Window(9000, 45, 1000, 25), Conclusion.REGRESSED),
        ("an outage", Window(900, 1, 100, 100), Conclusion.REGRESSED),
        ("as bad, and many", Window(500_000, 5000, 500_000, 5000), Conclusion.SHOWN_OK),
        ("as bad, and few", Window(900, 9, 100, 1), Conclusion.INCONCLUSIVE),
        ("nothing bad, and nothing to compare with", Window(900, 0, 100, 0), Conclusion.INCONCLUSIVE),
        ("just what is tolerated", Window(500_000, 5000, 500_000, 6000), Conclusion.INCONCLUSIVE),
    ],
)
def test_the_three_answers(why: str, window: Window, conclusion: Conclusion) -> None:
    assert Compared(0.2).after([window]).conclusion(ALPHA) is conclusion, why


@settings(max_examples=150)
@given(WINDOWS, st.sampled_from([0.0, 0.2, 1.0]), st.sampled_from([0.05, 0.01]))
def test_shown_ok_is_what_the_interval_of_the_ratio_says(windows: list[Window], margin: float, alpha: float) -> None:
    found = Compared(margin).after(windows).conclusion(alpha)
    high = ratio_interval(windows, alpha)[1]
    if found is Conclusion.SHOWN_OK:
        assert high <= (1 + margin) * (1 + 1e-9)
    elif found is Conclusion.INCONCLUSIVE:
        assert high >= (1 + margin) * (1 - 1e-9)


def test_shown_ok_begins_with_the_request_that_the_interval_says() -> None:
    """The counts grow until it is shown."""
    for ratio, base in ((0.2, 0.01), (0.7, 0.02), (1.0, 0.05)):
        windows = (Window(9 * n, 9 * n * base, n, n * base * ratio) for n in range(200, 200_000, 97))
        shown, interval = next(
            (
                Compared(0.2).after([one]).conclusion(ALPHA) is Conclusion.SHOWN_OK,
                ratio_interval([one], ALPHA)[1] <= 1.2,
            )
            for one in windows
            if Compared(0.2).after([one]).conclusion(ALPHA) is Conclusion.SHOWN_OK
            or ratio_interval([one], ALPHA)[1] <= 1.2
        )
        assert shown
        assert interval


def test_below_a_limit_begins_with_the_request_that_the_interval_says() -> None:
    for total in (Window(0, 0, float(n), n * 0.01) for n in range(100, 20_000, 10)):
        shown = Limited(0.02).after([total]).conclusion(ALPHA, total) is Conclusion.SHOWN_OK
        interval = rate_interval(total.candidate, total.candidate_bad, ALPHA)[1] <= 0.02
        assert shown is interval, total
        if shown:
            return
    raise AssertionError("it is never shown")


def test_what_speaks_for_a_worse_candidate_never_shows_it_ok() -> None:
    profile = tuple(-50.0 * abs(math.log(one / 3)) for one in GRID)
    assert Compared(0.2, profile=profile, null=-50.0).conclusion(ALPHA) is Conclusion.INCONCLUSIVE


@settings(max_examples=150)
@given(WINDOWS, st.sampled_from([1, 30, 3000]))
def test_what_is_possible_lies_where_the_interval_lies(windows: list[Window], times: int) -> None:
    """However many requests there were."""
    many = [Window(*(times * one for one in astuple(window))) for window in windows]
    for mine, exact in zip(Compared(0.2).after(many).possible(ALPHA), ratio_interval(many, ALPHA), strict=True):
        far = not 0.1 <= exact <= 10
        assert mine == exact or abs(math.log(mine) - math.log(exact)) < (STEP if far else 0.03), (mine, exact)


@given(WINDOWS, st.floats(0.001, 0.3))
def test_below_a_limit_is_shown_by_the_interval_of_the_rate(windows: list[Window], limit: float) -> None:
    total = together(windows)
    found = Limited(limit).after(windows).conclusion(ALPHA, total)
    high = rate_interval(total.candidate, total.candidate_bad, ALPHA)[1]
    assert found is not Conclusion.SHOWN_OK or high <= limit
    assert found is not Conclusion.INCONCLUSIVE or high > limit


@given(WINDOWS, st.integers(1, 5))
def test_it_can_be_carried_on_from_what_was_kept(windows: list[Window], place: int) -> None:
    whole = Compared(0.2).after(windows)
    first = Compared(0.2).after(windows[:place])
    kept = Compared(0.2, first.logs, first.counted, first.profile, first.null).after(windows[place:])
    assert kept.counted == whole.counted
    assert kept.logs == pytest.approx(whole.logs, abs=1e-6)
    assert kept.profile == pytest.approx(whole.profile, abs=1e-6)
    assert kept.null == pytest.approx(whole.null, abs=1e-6)


@given(st.integers(100, 50_000), st.floats(0.002, 0.1), st.integers(50, 5000), st.sampled_from([0.0, 0.2]))
def test_what_is_detectable_would_have_been_found_and_less_would_not(
    baseline: int, rate: float, candidate: int, margin: float
) -> None:
    total = Window(baseline, rate * baseline, candidate, 0)
    ratio = detectable(total, margin, ALPHA)

    def found(times: float) -> bool:
        bad = min(candidate * rate * times, candidate)
        window = Window(baseline, rate * baseline, candidate, bad)
        return Compared(margin).after([window]).conclusion(ALPHA) is Conclusion.REGRESSED

    if ratio is None:
        assert not found(LARGEST_SOUGHT)
    else:
        assert found(ratio * 1.01)
        assert not found(ratio / 1.01) or ratio <= (1 + margin) * 1.01


def test_more_requests_let_smaller_regressions_be_detected() -> None:
    ratios = [detectable(Window(9 * many, 0.09 * many, many, 0), 0.2, ALPHA) for many in (100, 1000, 10_000, 100_000)]
    known = [one for one in ratios if one is not None]
    assert len(known) == 4
    assert known == sorted(known, reverse=True)
    assert known[-1] < 1.5


@pytest.mark.parametrize("total", [NONE, Window(900, 0, 100, 0), Window(0, 0, 100, 4), Window(900, 9, 0, 0)])
def test_without_bad_requests_of_the_baseline_nothing_is_said_to_be_detectable(total: Window) -> None:
    assert detectable(total, 0.2, ALPHA) is None


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([Window(900, 9, 100, 2), Window(900, 9, 100, 4), Window(900, 9, 100, 1), Window(900, 0, 100, 0)]),
    st.lists(LIKELY, max_size=3),
)
def test_a_crossing_is_the_first_window_after_which_the_evidence_is_on_the_other_side(
    each: Window, before: list[Window]
) -> None:
    test = Compared(0.2).after(before)
    side, place = test.evidence >= LEVEL, 0
    expected = math.inf
    after = test
    while place < 400:
        place += 1
        after = after.after([each])
        if (after.evidence >= LEVEL) is not side:
            expected = place
            break
    found = crossing(test.logs, test.counted, test.growths([each])[0], LEVEL)
    assert found == expected or (expected == math.inf and found > 400)


def test_what_never_grows_never_crosses() -> None:
    test = Compared(0.2).after([Window(900, 9, 100, 1)])
    assert crossing(test.logs, test.counted, test.growths([Window(900, 9, 100, 0)])[0], LEVEL) == math.inf


def test_a_suspicion_begins_where_something_last_spoke_against_it() -> None:
    found, good, bad = Suspicion(0.0, NONE), Window(900, 9, 100, 0), Window(900, 9, 100, 8)
    for place, window in enumerate([good, bad, good, good, good, good, bad, bad]):
        found = found.after(Compared(0.2).growths([window])[0][BY_HALF], window, 60.0 * (place + 1))
    assert found.since >= 60
    assert found.counts.candidate_bad >= 16
    calm = found
    for place in range(40):
        calm = calm.after(Compared(0.2).growths([good])[0][BY_HALF], good, 480 + 60.0 * (place + 1))
    assert (calm.since, calm.counts, calm.height) == (480 + 40 * 60, NONE, 0.0)


def test_windows_together_are_their_sums() -> None:
    assert together([Window(1, 0, 2, 1), Window(10, 3, 20, 4)]) == Window(11, 3, 22, 5)
    assert together([]) == NONE


@pytest.mark.parametrize(
    ("share", "before", "minutes"), [(0.5, 0, 2), (0.95, 0, 5), (0.99, 0, 24), (0.95, 120, 14), (0.99, 120, 45)]
)
def test_the_fewer_requests_the_baseline_has_the_longer_it_takes(share: float, before: int, minutes: int) -> None:
    """The figures of docs/limits.md: 600 requests a minute in all, from 0.5% of them bad to 5% of the candidate's."""

    def minute(rate: float) -> Window:
        others = 600 * (1 - share)
        return Window(others, others * 0.005, 600 * share, 600 * share * rate)

    found = Compared(0.2, most=change_point.MOST).after([minute(0.005)] * before)
    taken = 0
    while found.conclusion(0.05) is not Conclusion.REGRESSED:
        found, taken = found.after([minute(0.05)]), taken + 1
    assert taken == minutes
