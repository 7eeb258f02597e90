"""Windows closed from raw samples: when, by which queries, and always the same however many at once."""

from __future__ import annotations

import math

import pytest

from tests.unit.core.count_tests.sampled import ASKS, METRIC, RATIO, ROLLOUT, SPEC, STEP, Store, both, pending, series
from tidegate.adapters.prometheus.samples import matrix
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.count_tests.counts import Wanted, closed_windows
from tidegate.core.count_tests.open_windows import (
    BEFORE,
    LAG,
    PATIENCE,
    SLACK,
    TOLERANCE,
    raw_queries,
    step_of,
)
from tidegate.core.model.answers import Answer, Failed, FailedReason, Matrix, Query, SeriesValue, Vector
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.raw_samples import Distribution, RawHistogram
from tidegate.core.model.samples import Asked, NoData, Open
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.counter_increase import LOOKBACK
from tidegate.core.statistics.windows import Sums, Window
from tidegate.core.tick.draft import Draft


def test_a_window_is_the_metrics_own_up_to_a_minute_and_never_less_than_the_interval() -> None:
    for window, interval, expected in (("2m", 10, 60), ("20s", 10, 20), ("20s", 30, 30), ("2m", 300, 300)):
        metric = METRIC.model_copy(update={"window": type(METRIC.window)(window)})
        assert step_of(metric, interval) == expected


def test_nothing_is_asked_before_a_window_can_be_closed() -> None:
    assert raw_queries(METRIC, ASKS, pending(STEP + LAG - 0.01)) == []
    asked = raw_queries(METRIC, ASKS, pending(STEP + LAG))
    assert [(one.arm, one.part) for one in asked] == [
        (arm, f"raw-{part}") for arm in ArmName for part in ("bad", "total")
    ]


def test_a_window_is_closed_by_the_newest_sample_and_not_by_our_clock() -> None:
    late = both((-10, 100), (50, 110), (STEP + LAG - 0.1, 120))
    assert late.closed(pending(150)) == (), "the scrape that ends the window may be on its way still"
    there = both((-10, 100), (50, 110), (STEP + LAG, 120))
    assert there.closed(pending(STEP + LAG)) == (Window(0, 0, 10, 0),)


def test_a_short_window_waits_for_a_scrape_no_longer_than_it_lasts_itself() -> None:
    short = both((-1, 100), (1.9, 110), (4.0, 120))
    assert short.closed(pending(4.0, step=2.0)) == (Window(0, 0, 10, 0),)


def test_counters_that_do_not_come_any_more_are_no_data_and_nothing_is_passed_over() -> None:
    gone = both((-10, 100), (50, 110), (75, 120))
    assert gone.closed(pending(75 + STEP + TOLERANCE)) == (Window(0, 0, 10, 0),)
    found = gone.closed(pending(75 + STEP + TOLERANCE + 1))
    assert found == NoData("errors: the newest sample of the candidate's counters is older than 60s")


def test_no_counter_is_looked_for_further_back_than_the_look_back() -> None:
    long = METRIC.model_copy(update={"window": type(METRIC.window)("30m")})
    gone = both((-10, 100), (50, 110), (75, 120))
    found = gone.closed(pending(75 + LOOKBACK + TOLERANCE + 1), long)
    assert found == NoData("errors: the newest sample of the candidate's counters is older than 300s")


def test_counters_of_an_arm_that_had_requests_and_has_none_left_are_no_data() -> None:
    """As when the pods that `$pods` stands for are others, which nobody scrapes."""
    served = Wanted(served=(ArmName.CANDIDATE,))
    found = Store({}).closed(pending(500), wanted=served)
    assert found == NoData("errors: the newest sample of the candidate's counters is older than 60s")


def test_only_an_arm_that_can_be_done_without_is_waited_for_less_long() -> None:
    lives = {(one.arm, one.life) for one in raw_queries(METRIC, ASKS, pending(STEP + LAG))}
    assert lives == {(ArmName.BASELINE, PATIENCE), (ArmName.CANDIDATE, None)}
    assert {one.life for one in raw_queries(METRIC, ASKS, pending(STEP + LAG), tuple(ArmName))} == {None}


def test_a_native_histogram_that_was_away_counts_from_its_first_sample() -> None:
    ratio = {"histogram": 'seconds{w="$workload"}', "slowerThan": "200ms", "native": True}
    metric = Metric.model_validate({"name": "slow", "ratio": ratio, "window": "1m"})

    def histogram(pod: str, *samples: tuple[float, float, float]) -> RawHistogram:
        read = ((at, Distribution(count, ((0.0, 0.2, fast), (0.2, 0.4, count - fast)))) for at, count, fast in samples)
        return RawHistogram((("pod", pod),), tuple(read))

    came = (
        histogram("back", (40, 90, 80), (75, 95, 84)),
        histogram("new", (50, 7, 5), (75, 8, 5)),
        histogram("old", (-9, 3, 3), (55, 4, 3)),
    )
    known = 'histogram_count(last_over_time(seconds{w="b"}[86400s] offset 375s))'
    raw = raw_queries(metric, ASKS, pending(75))
    answers: dict[Query, Answer | None] = {raw[0]: Matrix(), raw[1]: Matrix((), came)}
    answers[Query("default", known)] = Vector((SeriesValue((("pod", "back"),), 61.0),))
    observed = Observation(75.0, ROLLOUT, SPEC, asked=Asked(answers))
    draft = Draft(observed, Memory(), SPEC, RolloutStatus())
    assert closed_windows(draft, metric, ASKS, pending(75)) == ({"": Window(0, 0, 7 + 1, 2 + 1)},)
    assert {one.promql for one in draft.wanted} <= {known}


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_native_histogram_whose_sum_is_no_number_is_left_out_of_an_average(wrong: float) -> None:
    """One observation of NaN or infinity spoils a process' sum for ever: what it served cannot be told, and the others' can."""
    average = {"histogram": 'seconds{w="$workload"}', "native": True}
    metric = Metric.model_validate({"name": "latency", "unit": "seconds", "average": average, "window": "1m"})

    def histogram(pod: str, *samples: tuple[float, float, float]) -> RawHistogram:
        read = ((at, Distribution(count, ((0.0, 1.0, count),), total)) for at, count, total in samples)
        return RawHistogram((("pod", pod),), tuple(read))

    well = histogram("a", (-9, 0, 0.0), (40, 10, 1.0), (75, 20, 2.0))
    others = (
        histogram("b", (-9, 5, 0.5), (30, 15, 1.5), (50, 35, wrong), (75, 45, wrong)),
        histogram("c", (40, 9, wrong)),
    )
    raw = raw_queries(metric, ASKS, pending(75))
    asked = Asked({raw[0]: Matrix((), (well,)), raw[1]: Matrix((), (well, *others))})
    draft = Draft(Observation(75.0, ROLLOUT, SPEC, asked=asked), Memory(), SPEC, RolloutStatus())
    assert closed_windows(draft, metric, ASKS, pending(75)) == ({"": Sums(10, 1.0, 20, 2.0)},)


@pytest.mark.parametrize("arm", list(ArmName))
def test_a_process_whose_sum_is_no_number_makes_its_arm_no_faster(arm: ArmName) -> None:
    """Its requests are left out with their sum: else they would have taken no time."""
    average = {"histogram": 'seconds{w="$workload"}'}
    metric = Metric.model_validate({"name": "latency", "unit": "seconds", "average": average, "window": "1m"})

    def given(**pods: list[tuple[float, float]]) -> Matrix:
        values = (
            {"metric": {"pod": pod}, "values": [[at, str(value)] for at, value in one]} for pod, one in pods.items()
        )
        return matrix(list(values))

    total = given(a=[(-9, 0), (40, 10), (75, 20)], b=[(-9, 0), (40, 30), (75, 40)])
    sums = given(a=[(-9, 0), (40, 1), (75, 2)], b=[(-9, 0), (40, 3), (75, 4)])
    spoilt = given(a=[(-9, 0), (40, 1), (75, 2)], b=[(-9, 0), (40, math.nan), (75, math.nan)])
    raw = raw_queries(metric, ASKS, pending(75))
    answers = {(other, "raw-sum"): sums for other in ArmName} | {(arm, "raw-sum"): spoilt}
    asked = Asked({query: answers.get((query.arm or arm, query.part), total) for query in raw})
    draft = Draft(Observation(75.0, ROLLOUT, SPEC, asked=asked), Memory(), SPEC, RolloutStatus())
    whole, rest = (40.0, 4.0), (10.0, 1.0)
    baseline, candidate = (rest, whole) if arm is ArmName.BASELINE else (whole, rest)
    assert closed_windows(draft, metric, ASKS, pending(75)) == ({"": Sums(*baseline, *candidate)},)


@pytest.mark.parametrize("native", [True, False])
def test_a_histogram_of_the_other_kind_is_said_and_not_taken_for_no_requests(native: bool) -> None:  # noqa: FBT001
    ratio = {"histogram": "seconds", "slowerThan": "200ms", "native": True} if native else RATIO
    metric = Metric.model_validate({"name": "slow", "ratio": ratio, "window": "1m"})
    other = RawHistogram((), ((40, Distribution(1.0, ((0.0, 0.2, 1.0),))),))
    given = Matrix((series("p", (40, 1)),)) if native else Matrix((), (other,))
    asked = Asked(dict.fromkeys(raw_queries(metric, ASKS, pending(75)), given))
    draft = Draft(Observation(75.0, ROLLOUT, SPEC, asked=asked), Memory(), SPEC, RolloutStatus())
    found = closed_windows(draft, metric, ASKS, pending(75))
    assert isinstance(found, NoData)
    assert ("not native histograms" if native else "'native: true'") in found.message


def test_without_any_sample_no_window_is_closed() -> None:
    assert Store({}).closed(pending(500)) == ()


@pytest.mark.parametrize(("now", "begin"), [(100.0, 0.0), (100.4, 0.7), (3500.2, 0.0)])
def test_a_query_reaches_back_over_the_look_back_and_some_slack(now: float, begin: float) -> None:
    (first, *_) = raw_queries(METRIC, ASKS, pending(now, begin))
    reach = math.ceil(now - begin + LOOKBACK + SLACK)
    assert first.promql == f'bad{{w="a"}}[{reach}s]'


def test_after_a_long_absence_an_hour_is_asked_for_at_once_and_closed_by_our_own_clock() -> None:
    away = pending(4 * 3600.0)
    (first, *_) = raw_queries(METRIC, ASKS, away)
    assert first.promql == f'bad{{w="a"}}[{3600 + 310}s] offset {3 * 3600}s'
    steady = both(*((float(at), float(at + 400)) for at in range(-400, 4 * 3600, 15)))
    found = steady.closed(away)
    assert isinstance(found, tuple)
    assert len(found) == (3600 - TOLERANCE) // STEP
    assert found == (Window(0, 0, 60, 0),) * len(found)


def test_a_stretch_of_a_long_absence_in_which_nothing_was_scraped_is_passed_over() -> None:
    silent = both((-10, 100), (4 * 3600, 5000))
    found = silent.closed(pending(4 * 3600.0))
    assert isinstance(found, tuple)
    assert sum(one.candidate for one in found) == 0
    assert len(found) > 50


def test_strangers_are_asked_for_once_and_only_when_there_are_any() -> None:
    plain = both((-10, 100), (50, 110), (75, 120))
    plain.closed(pending(75))
    assert all(one.part.startswith("raw") for one in plain.asked)
    plain.series[ArmName.CANDIDATE, "total"].append(series("new", (40, 7), (75, 8)))
    assert plain.closed(pending(75)) == (Window(0, 0, 10 + 7, 0),)
    (known,) = [one for one in plain.asked if one.part.startswith("known")]
    reach = math.floor(75 + LOOKBACK)
    assert known.promql == f'last_over_time(all{{w="b"}}[{int(BEFORE)}s] offset {reach}s)'
    assert (known.part, known.arm) == ("known-total", ArmName.CANDIDATE)


def test_a_counter_that_was_away_for_longer_than_the_look_back_goes_on_where_it_was() -> None:
    back = both((-LOOKBACK - 5, 90), (40, 107), (75, 108))
    back.series[ArmName.CANDIDATE, "total"].append(series("steady", (-5, 3), (55, 3), (75, 3)))
    assert back.closed(pending(75)) == (Window(0, 0, 17, 0),)


def test_a_source_that_knows_nothing_from_before_counts_from_its_first_sample() -> None:
    fresh = both((40, 1007), (55, 1010), (75, 1011))
    assert fresh.closed(pending(75)) == (Window(0, 0, 3, 0),)


def test_a_pod_that_comes_after_the_sources_first_data_is_new_all_the_same() -> None:
    fresh = both((40, 1007), (55, 1010), (150, 1011))
    fresh.series[ArmName.CANDIDATE, "total"].append(series("new", (100, 20), (150, 21)))
    assert fresh.closed(pending(150)) == (Window(0, 0, 3, 0), Window(0, 0, 20, 0))


def test_a_new_pod_after_the_source_was_away_is_new() -> None:
    away = both((-LOOKBACK - 60, 90), (40, 107), (75, 108))
    away.series[ArmName.CANDIDATE, "total"].append(series("new", (40, 7), (75, 8)))
    assert away.closed(pending(75)) == (Window(0, 0, 17 + 7, 0),)


def test_a_new_pod_after_the_source_was_away_in_the_midst_of_many_windows_is_new() -> None:
    away = both((-10, 90), (50, 107), (515, 200), (560, 201))
    away.series[ArmName.CANDIDATE, "total"].append(series("new", (515, 7), (560, 8)))
    found = away.closed(pending(560))
    assert isinstance(found, tuple)
    assert [one.candidate for one in found] == [17, *(0,) * 7, 93 + 7]


def test_a_crash_between_two_scrapes_is_a_reset_of_both_counters_where_else_more_were_bad_than_asked() -> None:
    """A total from 12 to 10 alone would be another replica's; but the bad ones fell from 11 to 7 at that instant."""
    crashed = both(
        (-10, 12), (50, 10), (75, 10), (115, 14), (135, 14), bad=((-10, 11), (50, 7), (75, 7), (115, 7), (135, 7))
    )
    found = crashed.closed(pending(135))
    assert isinstance(found, tuple)
    assert [(one.candidate, one.candidate_bad) for one in found] == [(10, 7), (2, 0)]


def test_what_stands_for_no_count_is_said_and_not_closed() -> None:
    wrong = both((-10, 100), (50, 101), (75, 101), bad=((-10, 0), (50, 5), (75, 5)))
    found = wrong.closed(pending(75))
    assert isinstance(found, NoData)
    assert found.message == "errors: 5 bad requests of 1 cannot be: are the two counters of the same requests?"


@pytest.mark.parametrize(
    ("why", "total", "bad", "expected"),
    [
        ("one more than requests", 600, 601, (600, 600)),
        ("three more than requests", 2, 5, (2, 2)),
        ("four more than requests", 2, 6, None),
        ("a hundredth more", 1000, 1010, (1000, 1000)),
        ("more than a hundredth more", 1000, 1011, None),
        ("as many", 600, 600, (600, 600)),
    ],
)
def test_a_counter_that_a_scrape_found_a_little_ahead_of_the_other_is_no_contradiction(
    why: str, total: float, bad: float, expected: tuple[float, float] | None
) -> None:
    """Else an outage of all requests, or one request that was fast before it was counted, would end the test for good."""
    store = both((-10, 0), (50, total), (75, total), bad=((-10, 0), (50, bad), (75, bad)))
    found = store.closed(pending(75))
    counts = [(one.candidate, one.candidate_bad) for one in found] if isinstance(found, tuple) else None
    assert counts == ([expected] if expected else None), why


def test_more_fast_requests_than_requests_are_none_that_were_slow() -> None:
    ratio = {"histogram": 'seconds{w="$workload"}', "slowerThan": "250ms"}
    metric = Metric.model_validate({"name": "slow", "ratio": ratio, "window": "1m"})
    counters_ = {(ArmName.CANDIDATE, "total"): (0, 600, 600), (ArmName.CANDIDATE, "fast"): (0, 601, 601)}
    store = Store({key: [series("p", *zip((-10, 50, 75), found, strict=True))] for key, found in counters_.items()})
    found = store.closed(pending(75), metric)
    assert isinstance(found, tuple)
    (window,) = found
    assert (window.candidate, window.candidate_bad) == (600, 0)


def test_a_part_that_is_counted_where_all_are_not_is_said() -> None:
    """A histogram whose `_count` was dropped by relabelling."""
    ratio = {"histogram": 'seconds{w="$workload"}', "slowerThan": "250ms"}
    slow = Metric.model_validate({"name": "slow", "ratio": ratio, "window": "1m"})
    for part, metric in (("fast", slow), ("bad", METRIC)):
        store = Store({(ArmName.CANDIDATE, part): [series("p", (-10, 0), (50, 1158), (75, 1158))]})
        found = store.closed(pending(75), metric)
        assert isinstance(found, NoData)
        assert found.message == f"{metric.name}: the {part} requests have a counter, and all of them together have none"


def test_an_answer_that_is_missing_or_failed_closes_nothing() -> None:
    asked = raw_queries(METRIC, ASKS, pending(75))
    failed = Failed(FailedReason.TIMEOUT)
    for answer, expected in ((None, Open()), (failed, failed)):
        answers: dict[Query, Answer | None] = dict.fromkeys(asked, Matrix())
        answers[asked[2]] = answer
        observed = Observation(75.0, ROLLOUT, SPEC, asked=Asked(answers))
        assert closed_windows(Draft(observed, Memory(), SPEC, RolloutStatus()), METRIC, ASKS, pending(75)) == expected


def test_values_instead_of_samples_are_no_data() -> None:
    answers: dict[Query, Answer | None] = dict.fromkeys(raw_queries(METRIC, ASKS, pending(75)), Vector(()))
    observed = Observation(75.0, ROLLOUT, SPEC, asked=Asked(answers))
    found = closed_windows(Draft(observed, Memory(), SPEC, RolloutStatus()), METRIC, ASKS, pending(75))
    assert isinstance(found, NoData)
