"""A broken limit stands until the evidence has fallen again, and the test then begins anew."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import TypeVar

from tidegate.api.rollout.thresholds import Regression, Split
from tidegate.api.values.scalars import Percent, Quantity
from tidegate.core.count_tests.protocol import Closed, CountTest, level_of, stand
from tidegate.core.count_tests.regression import RegressionTest
from tidegate.core.count_tests.segment import Segment
from tidegate.core.count_tests.split import BEFORE, Portion, SplitTest
from tidegate.core.count_tests.state import packed, unpacked
from tidegate.core.model.finding import State
from tidegate.core.statistics.accumulators import NONE, Compared, Conclusion, Limited, Suspicion
from tidegate.core.statistics.dispersion import Dispersion
from tidegate.core.statistics.windows import Window

LEVEL = level_of(0.05)
GOOD, BAD = Window(900, 4, 100, 0), Window(900, 4, 100, 60)
BOTH = Window(900, 540, 100, 60)


T = TypeVar("T", bound=CountTest)


def after(trial: T, windows: list[Window], begin: float = 0.0) -> T:
    found: CountTest = trial
    for place, window in enumerate(windows):
        found = found.after(Closed({"": window}, begin + 60 * place, begin + 60 * (place + 1)))
    assert isinstance(found, type(trial))
    return found


ONE_BY_ONE = Dispersion(pairs=1e6)
"""Errors are known to come one by one."""


def against_baseline(warm_from: float = 0.0) -> RegressionTest:
    segment = Segment(Compared(0.2), Suspicion(0.0, NONE), dispersion=ONE_BY_ONE)
    return RegressionTest(Regression(), 0.05, 0.0, warm_from, segments={"": segment})


def against_limit() -> RegressionTest:
    segment = Segment(Compared(0.2), Suspicion(0.0, NONE), Limited(0.05), dispersion=ONE_BY_ONE)
    return RegressionTest(Regression(limit=Quantity("5%")), 0.05, 0.0, limit=0.05, segments={"": segment})


def test_it_stands_from_the_level_until_it_fell_by_as_much() -> None:
    assert stand(None, LEVEL - 0.1, LEVEL) == (None, False)
    assert stand(None, LEVEL + 2, LEVEL) == (LEVEL + 2, False)
    assert stand(LEVEL + 2, LEVEL + 7, LEVEL) == (LEVEL + 7, False)
    assert stand(LEVEL + 7, 7.1, LEVEL) == (LEVEL + 7, False)
    assert stand(LEVEL + 7, 7.0, LEVEL) == (None, True)


def test_an_hour_of_failure_is_over_after_a_few_good_windows() -> None:
    for trial in (against_baseline(), against_limit()):
        broken = after(trial, [GOOD] * 30 + [BAD] * 60)
        assert broken.result().conclusion is Conclusion.REGRESSED
        well = after(broken, [GOOD] * 3, 90 * 60)
        assert well.result().conclusion is not Conclusion.REGRESSED
        assert well.peak is None
        again = after(well, [BAD] * 3, 93 * 60)
        assert again.result().conclusion is Conclusion.REGRESSED


FINE = Window(900, 0, 100, 0)


def test_a_regression_is_over_when_nothing_fails_any_more_in_either_arm() -> None:
    """Then no evidence moves, and alone by that it would stand for ever."""
    for bad, windows in ((Window(900, 0, 100, 60), 1), (Window(900, 0, 100, 5), 3), (Window(900, 0, 100, 100), 1)):
        broken = after(against_baseline(), [bad] * 20)
        assert broken.result().conclusion is Conclusion.REGRESSED
        still = after(broken, [FINE] * (windows - 1), 1200.0)
        assert still.result().conclusion is Conclusion.REGRESSED
        well = after(broken, [FINE] * windows, 1200.0)
        assert well.result().conclusion is not Conclusion.REGRESSED
        assert well.peak is None
        assert well.calm == 0
        assert after(well, [bad] * 6, 3600.0).result().conclusion is Conclusion.REGRESSED


def test_a_candidate_that_is_as_bad_as_ever_stays_regressed_through_the_gaps_between_its_errors() -> None:
    draws = Random(7)  # noqa: S311  (no secret)
    trial: CountTest = after(against_baseline(), [Window(900, 0, 10, 1)] * 20)
    for place in range(5000):
        trial = after(trial, [Window(900, 0, 10, sum(draws.random() < 0.1 for _ in range(10)))], 1200.0 + 60 * place)
        assert trial.result().conclusion is Conclusion.REGRESSED


def test_a_candidate_that_goes_on_failing_while_the_baseline_has_no_requests_is_not_mended() -> None:
    """Without the baseline's requests no evidence moves either."""
    trial = after(against_baseline(), [Window(900, 0, 100, 5)] * 20)
    assert after(trial, [Window(0, 0, 100, 5)] * 100, 1200.0).result().conclusion is Conclusion.REGRESSED


def test_one_good_request_after_a_total_failure_mends_nothing() -> None:
    trial = after(against_baseline(), [Window(900, 0, 2, 2)] * 3)
    assert after(trial, [Window(900, 0, 1, 0)], 180.0).result().conclusion is Conclusion.REGRESSED


def test_how_bad_it_was_is_not_told_by_what_came_after_the_peak() -> None:
    broken = after(against_baseline(), [Window(900, 0, 100, 5)] * 20)
    few, all_ = Suspicion(0.0, Window(90, 0, 10, 2), 1.0), Window(9000, 90, 2000, 4)
    segment = replace(broken.segments[""], suspicion=few, counts=all_)
    later = replace(broken, segments={"": segment}, calm=1000.0)
    assert after(later, [FINE], 1200.0).result().conclusion is Conclusion.REGRESSED


def test_some_evidence_that_it_is_worse_is_not_enough_to_say_so() -> None:
    found = after(against_limit(), [Window(900, 270, 100, 42)])
    while not 0 < found.segments[""].compared.evidence < LEVEL or found.result().conclusion is not Conclusion.REGRESSED:
        found = after(found, [Window(900, 270, 100, 42)])
        assert found.segments[""].compared.evidence < LEVEL
    assert found.result().shared


def test_the_comparison_goes_on_over_the_end_of_an_incident_without_a_gap() -> None:
    found = after(against_limit(), [GOOD] * 3 + [BOTH] * 5 + [GOOD] * 5)
    assert found.peak is None
    assert found.segments[""].compared.counted == 13
    limited = found.segments[""].limited
    assert limited is not None
    assert limited.counted < 5


def test_a_comparison_with_an_arm_that_gets_nothing_says_nothing_good() -> None:
    for window in (Window(0, 0, 100, 5), Window(900, 5, 0, 0), NONE):
        assert after(against_baseline(), [window] * 5).result().state is State.TOO_FEW_REQUESTS


def test_what_is_shown_of_a_regression_is_what_came_since_it_began() -> None:
    found = after(against_baseline(), [GOOD] * 30 + [BAD] * 3).result()
    assert found.conclusion is Conclusion.REGRESSED
    assert found.counts == Window(2700, 12, 300, 180)


RIGHT, OFF = Window(800, 0, 200, 0), Window(700, 0, 300, 0)


def raised() -> SplitTest:
    """From a weight at which 2500 requests had shown that the split is off."""
    return SplitTest(Split(), 0.0, 20.0, 0.0, {"": Portion(dispersion=ONE_BY_ONE)}, BEFORE, 2500.0)


def test_a_split_that_was_off_at_the_weight_before_is_so_until_as_many_requests_show_it_no_more() -> None:
    assert raised().result().state is State.BREACHED
    assert after(raised(), [RIGHT] * 2).result().state is State.BREACHED
    mended = after(raised(), [RIGHT] * 3)
    assert (mended.result().state, mended.peak, mended.needed) == (State.OK, None, 0.0)
    assert after(mended, [RIGHT] * 500, 180.0).result().state is State.OK
    assert after(mended, [OFF] * 10, 180.0).result().state is State.BREACHED


def test_a_split_that_is_still_off_at_another_weight_is_found_there_anew() -> None:
    still = after(raised(), [OFF] * 3)
    assert still.peak is not None
    assert still.peak > level_of(0.001)
    assert still.needed <= 3000
    assert after(still, [RIGHT] * 40, 180.0).result().state is not State.BREACHED


def test_how_many_requests_it_took_is_told_when_it_is_shown() -> None:
    trial = SplitTest(Split(), 0.0, 20.0, 0.0, {"": Portion(dispersion=ONE_BY_ONE)})
    found = after(trial, [OFF])
    assert (found.result().state, found.needed) == (State.BREACHED, 1000)
    assert after(found, [OFF] * 5, 60.0).needed == 1000


def test_what_one_arm_alone_receives_is_never_shared() -> None:
    alone = after(against_limit(), [Window(0, 0, 100, 60)] * 5).result()
    assert alone.conclusion is Conclusion.REGRESSED
    assert not alone.shared


def test_what_breaks_the_limit_with_all_the_traffic_is_never_shared() -> None:
    broken = after(against_limit(), [GOOD] * 5 + [BOTH] * 3)
    assert not replace(broken, comparable=False).result().shared


def test_what_both_break_is_shared_and_what_one_breaks_is_not() -> None:
    assert after(against_limit(), [GOOD] * 5 + [BOTH] * 3).result().shared
    assert not after(against_limit(), [GOOD] * 5 + [BAD] * 3).result().shared


def test_only_a_comparison_leaves_the_warm_up_out() -> None:
    assert after(against_baseline(600.0), [BAD] * 5).result().counts == NONE
    found = after(against_limit(), [BAD] * 5).result()
    assert found.conclusion is Conclusion.REGRESSED
    assert not found.shared


def test_a_split_that_is_mended_is_over() -> None:
    trial = SplitTest(Split(), 0.0, 10.0, 0.0, {"": Portion(dispersion=ONE_BY_ONE)})
    off = after(trial, [Window(800, 0, 200, 0)] * 10)
    assert off.result().conclusion is Conclusion.REGRESSED
    mended = after(off, [Window(900, 0, 100, 0)] * 10, 600.0)
    assert mended.result().conclusion is not Conclusion.REGRESSED


def test_looking_ahead_agrees_with_going_there() -> None:
    worse = Window(950, 5, 50, 1)
    trial: CountTest = after(against_baseline(), [worse] * 2)
    ahead = trial.ahead({"": worse})
    assert 1 < ahead < math.inf
    assert after(trial, [worse] * int(ahead - 1), 120.0).result().conclusion is Conclusion.INCONCLUSIVE
    assert after(trial, [worse] * int(ahead), 120.0).result().conclusion is Conclusion.REGRESSED
    assert after(against_baseline(), [GOOD] * 2).ahead({"": GOOD}) == math.inf


def test_a_margin_of_its_own_is_borne() -> None:
    segment = Segment(Compared(9.0), Suspicion(0.0, NONE), dispersion=ONE_BY_ONE)
    lenient = RegressionTest(Regression(margin=Percent("900%")), 0.05, 0.0, 0.0, segments={"": segment})
    double = Window(900, 9, 100, 2)
    assert after(against_baseline(), [double] * 200).result().conclusion is Conclusion.REGRESSED
    assert after(lenient, [double] * 200).result().conclusion is Conclusion.SHOWN_OK


def test_what_is_rounded_with_every_window_is_hardly_off_after_two_weeks_of_them() -> None:
    """The same window again and again is rounded the same way each time."""
    limit, windows = 1e-4, 20_000
    good, bad = Window(0, 0, 3, 0), Window(0, 0, 3, 1)
    exact = Limited(limit)
    kept = replace(against_limit(), limit=limit, segments={"": Segment(Compared(0.2), Suspicion(0.0, NONE), exact)})
    fresh = kept.segments[""]
    for place in range(windows):
        window = bad if place % 3000 == 1500 else good
        exact = exact.after([window])
        grown = replace(fresh, limited=(kept.segments[""].limited or exact).after([window]))
        state = unpacked(packed(replace(kept, segments={"": grown}).state()))
        assert state is not None
        kept = replace(kept, segments={"": fresh.remembering(state.segments[""], 0.0)})
    assert math.isclose(kept.segments[""].evidence, exact.evidence, abs_tol=0.01)
