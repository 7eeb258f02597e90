"""One test a segment: nothing is pooled, the segment is named, and an incident of both arms is nobody's fault."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tidegate.api.rollout.thresholds import Regression
from tidegate.api.status_budget import MAX_SERIES
from tidegate.api.values.scalars import Quantity, Unit
from tidegate.core.count_tests.average_segment import AverageSegment
from tidegate.core.count_tests.protocol import Closed
from tidegate.core.count_tests.regression import RegressionTest
from tidegate.core.count_tests.segment import Segment
from tidegate.core.count_tests.state import VERSION, SegmentState, packed, unpacked
from tidegate.core.count_tests.state import State as KeptState
from tidegate.core.model.finding import State
from tidegate.core.statistics.accumulators import Conclusion
from tidegate.core.statistics.averages import Wide
from tidegate.core.statistics.mixture import log_mean_exp
from tidegate.core.statistics.usual import Pending, Usual
from tidegate.core.statistics.windows import Sums, Window

A, B, C = (f'{{component="{name}"}}' for name in "abc")
GOOD = Window(500, 1, 500, 1)
WORSE = Window(500, 1, 500, 60)
BOTH = Window(500, 300, 500, 300)


def fresh(*, limit: float | None = None, floor: float = 0.0) -> RegressionTest:
    test = Regression() if limit is None else Regression(limit=Quantity(f"{limit:.0%}"))
    return RegressionTest(test, 0.05, 0.0, limit=limit, floor=floor, grouped=True)


def after(trial: RegressionTest, windows: list[dict[str, Window]]) -> RegressionTest:
    for place, window in enumerate(windows):
        trial = trial.after(Closed(window, 60.0 * place, 60.0 * (place + 1)))
    return trial


def test_together_they_are_the_mean_of_their_evidence() -> None:
    found = after(fresh(), [{A: GOOD, B: WORSE}] * 2)
    logs = [one.evidence for one in found.segments.values()]
    assert found.evidence == pytest.approx(log_mean_exp(logs))
    assert found.evidence < max(logs)


def test_the_segment_that_is_worse_is_named_with_its_own_numbers() -> None:
    found = after(fresh(), [{A: GOOD, B: WORSE, C: GOOD}] * 5).result()
    assert (found.conclusion, found.labels) == (Conclusion.REGRESSED, B)
    assert found.counts == Window(2500, 5, 2500, 300)
    assert [one.series for one in found.segments] == [A, B, C]


def test_a_segment_that_fails_in_both_arms_makes_no_arm_worse_when_one_gets_more_of_it() -> None:
    """Pooled, the candidate has 45 % bad requests and the baseline 9 %."""
    broken, fine = Window(100, 100, 900, 900), Window(1000, 0, 1000, 0)
    found = after(fresh(), [{A: broken, B: fine}] * 60)
    assert found.result().conclusion is not Conclusion.REGRESSED
    assert found.peak is None


def test_of_a_limit_the_segment_that_is_not_shared_is_named() -> None:
    found = after(fresh(limit=0.05), [{A: BOTH, B: WORSE, C: GOOD}] * 6).result()
    assert (found.state, found.shared, found.labels) == (State.BREACHED, False, B)


def test_a_limit_that_both_arms_break_in_a_segment_is_shared() -> None:
    found = after(fresh(limit=0.05), [{A: BOTH, B: GOOD}] * 6).result()
    assert (found.state, found.shared, found.labels) == (State.BREACHED, True, A)


def test_of_a_limit_that_both_arms_break_in_many_segments_each_must_show_more_to_be_the_candidates() -> None:
    """32 % against 20 %, six times: at the level of one test that is worse, among thirty segments it is chance."""
    close = Window(500, 100, 500, 160)
    alone = after(fresh(limit=0.05), [{A: close}] * 6)
    several = after(fresh(limit=0.05), [{f'{{component="{number}"}}': close for number in range(30)}] * 6)
    assert not alone.result().shared
    assert several.result().shared


def test_a_segment_in_which_the_baseline_has_no_requests_is_undecided() -> None:
    found = after(fresh(limit=0.05), [{A: Window(0, 0, 500, 300), B: GOOD}] * 6).result()
    assert found.state is State.TOO_FEW_REQUESTS
    assert "the baseline has no requests there" in found.words


def test_below_the_floor_nothing_acts() -> None:
    """0.2 % against 0.01 % is many times as bad, and no reason to revert."""
    tiny = Window(100_000, 10, 100_000, 200)
    assert after(fresh(), [{A: tiny}] * 10).result().conclusion is Conclusion.REGRESSED
    assert after(fresh(floor=0.01), [{A: tiny}] * 10).result().conclusion is not Conclusion.REGRESSED
    assert after(fresh(floor=0.01), [{A: WORSE}] * 10).result().conclusion is Conclusion.REGRESSED


def test_spikes_hours_apart_are_no_regression_where_there_is_a_floor() -> None:
    calm, spike = Window(500, 0, 500, 0), Window(500, 0, 500, 150)
    windows = ([{A: calm}] * 199 + [{A: spike}]) * 3

    def ever_broken(trial: RegressionTest) -> bool:
        peaks = []
        for place, window in enumerate(windows):
            trial = trial.after(Closed(window, 60.0 * place, 60.0 * (place + 1)))
            peaks.append(trial.peak)
        return any(peak is not None for peak in peaks)

    assert ever_broken(fresh())
    assert not ever_broken(fresh(floor=0.001))


def test_segments_without_requests_are_left_out_and_listed() -> None:
    found = after(fresh(), [{A: GOOD, B: Window(0, 0, 5, 0)}] * 3).result()
    assert found.state is State.OK
    assert f"left out, no requests of both arms: {B}" in found.words


def test_fewer_segments_than_must_speak_are_too_few() -> None:
    two = {A: GOOD, B: GOOD}
    assert after(replace(fresh(), least=2), [two] * 3).result().state is State.OK
    found = after(replace(fresh(), least=3), [two] * 3).result()
    assert found.state is State.TOO_FEW_REQUESTS
    assert "2 segments have requests of both arms, at least 3 are needed (minSeries)" in found.words
    broken = after(replace(fresh(), least=3), [{A: GOOD, B: WORSE}] * 5).result()
    assert broken.state is State.BREACHED


def test_segments_of_the_past_alone_weigh_nothing_and_more_than_fit_are_dropped() -> None:
    past = {f'{{component="{number}"}}': [(1000.0, 5.0)] * 20 for number in range(80)}
    learnt = fresh().learning(past, 60.0)
    assert len(learnt.segments) == MAX_SERIES
    found = after(learnt, [{A: GOOD, B: WORSE}] * 5)
    alone = after(fresh(), [{A: GOOD, B: WORSE}] * 5)
    assert len(found.segments) == MAX_SERIES
    assert found.evidence == pytest.approx(alone.evidence)
    assert found.result().labels == B
    assert {A, B} <= found.segments.keys()
    assert "left out" not in found.result().words


def test_it_goes_on_from_what_status_keeps() -> None:
    trial = fresh()
    for place in range(12):
        trial = trial.after(Closed({A: GOOD, B: WORSE if place > 8 else GOOD}, 60.0 * place, 60.0 * place + 60))
        state = unpacked(packed(trial.state()))
        assert state is not None
        peak, calm, _ = state.numbers
        known = {key: trial.fresh(0.0).remembering(state.segments[key], 0.0) for key, one in trial.segments.items()}
        assert known.keys() == trial.segments.keys()
        trial = replace(trial, segments=known, peak=None if math.isnan(peak) else peak, calm=calm)
    assert trial.result().labels == B
    assert trial.result().conclusion is Conclusion.REGRESSED


def test_nothing_that_a_segment_knows_is_lost_in_status() -> None:
    trial = after(fresh(floor=0.001).learning({A: [(1000.0, 5.0)] * 20}, 60.0), [{A: GOOD}, {A: WORSE}, {A: GOOD}])
    one = trial.segments[A]
    assert isinstance(one, Segment)
    assert one.compared.pending.credit != one.compared.pending.gained
    state = unpacked(packed(trial.state()))
    assert state is not None
    read = trial.fresh(0.0).remembering(state.segments[A], 0.0)
    assert isinstance(read, Segment)
    assert read.dispersion == one.dispersion
    for mine, kept in (
        (read.compared.pending.credit, one.compared.pending.credit),
        (read.compared.pending.gained, one.compared.pending.gained),
        (read.compared.logs, one.compared.logs),
    ):
        assert mine == pytest.approx(kept, rel=1e-6)


def relabelled(state: KeptState, version: str) -> str:
    """As that version's text: the format is the same, what is in it is the test's."""
    return f"{version}." + packed(state).removeprefix(f"{VERSION}.")


def test_a_state_of_version_1_is_read_and_what_it_lacks_is_learnt_anew() -> None:
    trial = after(fresh(), [{A: GOOD, B: WORSE}] * 3)
    kept = trial.state()
    older = {key: SegmentState(one.numbers[:22], one.logs[:8]) for key, one in kept.segments.items()}
    state = unpacked(relabelled(replace(kept, segments=older), "1"))
    assert state is not None
    assert state.version == "1"
    one = trial.fresh(0.0).remembering(state.segments[B], 0.0)
    assert isinstance(one, Segment)
    assert one.evidence == pytest.approx(trial.segments[B].evidence, rel=1e-6)
    assert (one.compared.pending, one.dispersion.usual) == (Pending(), Usual())
    assert one.after(WORSE, 240.0, 60.0).evidence > one.evidence


def test_an_average_of_version_1_is_read() -> None:
    trial = replace(fresh(), unit=Unit.SECONDS)
    slow = Sums(60, 6, 60, 30)
    for place in range(3):
        trial = trial.after(Closed({A: slow}, 60.0 * place, 60.0 * (place + 1)))
    kept = trial.state().segments[A]
    one = trial.fresh(0.0).remembering(SegmentState(kept.numbers[:-5], kept.logs), 0.0)
    assert isinstance(one, AverageSegment)
    assert one.evidence == pytest.approx(trial.segments[A].evidence)
    assert one.past.wide == Wide()
    whole = trial.fresh(0.0).remembering(kept, 0.0)
    assert isinstance(whole, AverageSegment)
    assert whole.state(0.0) == kept


def reweighted(windows: int) -> float:
    """By how much the evidence that was gathered up to version 2 counts for more, or less (logarithm): what has begun has another weight."""
    return math.log((1 - 0.2 / (1 + math.log(1 + (windows - 1) / 60))) / (1 - 0.3 / (1 + math.log(windows))))


@pytest.mark.parametrize("version", ["1", "2"])
def test_evidence_of_an_older_version_is_weighted_anew(version: str) -> None:
    trial = after(fresh(), [{A: GOOD, B: WORSE}] * 4)
    limited = after(replace(fresh(), limit=0.01), [{A: GOOD, B: WORSE}] * 4)
    slow = replace(fresh(), unit=Unit.SECONDS)
    for place in range(4):
        slow = slow.after(Closed({A: Sums(60, 6, 60, 30)}, 60.0 * place, 60.0 * (place + 1)))
    for one in (trial, limited, slow):
        read = one.going_on(unpacked(relabelled(one.state(), version)))
        now = one.going_on(unpacked(packed(one.state())))
        for key, segment in one.segments.items():
            assert now.segments[key].evidence == pytest.approx(segment.evidence, rel=1e-6)
            share = 0.2 / (1 + math.log(1 + 3 / 60))
            begun = math.exp(segment.evidence) - share
            expected = begun * math.exp(reweighted(4)) + share
            assert math.exp(read.segments[key].evidence) == pytest.approx(expected, rel=1e-5)


def test_a_version_before_this_one_counts_anew_after_a_rollback() -> None:
    """It reads no text of a version that it does not know, and this one's is none of those that it knows."""
    assert packed(after(fresh(), [{A: GOOD}]).state()).split(".")[0] not in {"1", "2"}


@pytest.mark.parametrize("text", ["4.abc", "3.!!", "1.!!", "2.!!", "1." + "A" * 40, "nonsense"])
def test_a_state_of_another_version_or_none_is_not_read(text: str) -> None:
    assert unpacked(text) is None


@pytest.mark.parametrize("grouped", [False, True])
def test_a_spike_of_one_window_decides_nothing_unless_a_limit_is_asked_for(*, grouped: bool) -> None:
    spike = Window(500, 0, 500, 500)
    windows = [{A: replace(GOOD, baseline_bad=0, candidate_bad=0)}] * 10 + [{A: spike}]
    assert after(replace(fresh(), grouped=grouped), windows).result().conclusion is not Conclusion.REGRESSED
    assert after(replace(fresh(limit=0.05), grouped=grouped), windows).result().conclusion is Conclusion.REGRESSED
