"""Every limit against every kind of sample. A case is a sentence."""

from __future__ import annotations

import math

import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.judging.limits import judge
from tidegate.core.model.answers import Failed, FailedReason
from tidegate.core.model.finding import Context, State
from tidegate.core.model.samples import NoData, NotAsked, Open, Sample, SeriesSample, TooFew, Value

SECONDS = Metric.model_validate({"name": "p99", "query": "q", "unit": "seconds"})
SHARE = Metric.model_validate({"name": "errors", "query": "q", "unit": "ratio", "warmUp": "5m"})
MAX = {"max": "200ms"}
MIN = {"min": "200ms"}
UP = {"maxIncrease": "20%"}
UP_FLOOR = {"maxIncrease": "20%", "floor": "100ms"}
DOWN = {"maxDecrease": "20%"}
INF, NAN = math.inf, math.nan


def one(value: float | None) -> Value:
    return Value((SeriesSample("", value),))


def line(limit: dict[str, str], metric: str = "p99") -> Threshold:
    return Threshold.model_validate({"metric": metric, **limit})


@pytest.mark.parametrize(
    ("why", "limit", "candidate", "baseline", "state"),
    [
        ("at the limit is within it", MAX, one(0.2), NotAsked(), State.OK),
        ("above max is a breach", MAX, one(0.201), NotAsked(), State.BREACHED),
        ("at min is within it", MIN, one(0.2), NotAsked(), State.OK),
        ("below min is a breach", MIN, one(0.199), NotAsked(), State.BREACHED),
        ("infinity is beyond max", MAX, one(INF), NotAsked(), State.BREACHED),
        ("minus infinity is below every max", MAX, one(-INF), NotAsked(), State.OK),
        ("infinity is above every min", MIN, one(INF), NotAsked(), State.OK),
        ("minus infinity is below every min", MIN, one(-INF), NotAsked(), State.BREACHED),
        ("not a number is nothing observed", MAX, one(NAN), NotAsked(), State.TOO_FEW_REQUESTS),
        (
            "an answer that can never be used is no data at once",
            MAX,
            NoData("5,000 series", certain=True),
            NotAsked(),
            State.NO_DATA,
        ),
        ("no data is told", MAX, NoData("nothing"), NotAsked(), State.NO_DATA),
        ("a failed query is no data", MAX, Failed(FailedReason.TIMEOUT), NotAsked(), State.NO_DATA),
        ("too few is neither", MAX, TooFew("3 requests"), NotAsked(), State.TOO_FEW_REQUESTS),
        ("a series with too few is too few", MAX, one(None), NotAsked(), State.TOO_FEW_REQUESTS),
        ("an open query is open", MAX, Open(), NotAsked(), State.OPEN),
        ("a query not asked is not asked", MAX, NotAsked(), NotAsked(), State.NOT_ASKED),
        ("exactly 20% more is within", UP, one(0.12), one(0.1), State.OK),
        ("more than 20% more is a breach", UP, one(0.1201), one(0.1), State.BREACHED),
        ("far less than the baseline is fine for maxIncrease", UP, one(0.0), one(0.1), State.OK),
        ("20% less is within", DOWN, one(0.08), one(0.1), State.OK),
        ("more than 20% less is a breach", DOWN, one(0.0799), one(0.1), State.BREACHED),
        ("below the floor nothing is a breach", UP_FLOOR, one(0.099), one(0.01), State.OK),
        ("at the floor it is", UP_FLOOR, one(0.1), one(0.01), State.BREACHED),
        ("below the floor a baseline of 0 is no matter", UP_FLOOR, one(0.05), one(0.0), State.OK),
        ("from a baseline of 0 any rise is infinite", UP, one(0.1), one(0.0), State.BREACHED),
        ("from a baseline of 0 a rise to the floor is", UP_FLOOR, one(0.1), one(0.0), State.BREACHED),
        ("0 against 0 is no rise", UP, one(0.0), one(0.0), State.OK),
        ("from a baseline of 0 a fall is no rise", UP, one(-0.1), one(0.0), State.OK),
        ("from a baseline of 0 any fall is infinite", DOWN, one(-0.1), one(0.0), State.BREACHED),
        ("from a baseline of 0 a rise is no fall", DOWN, one(0.1), one(0.0), State.OK),
        ("an infinite baseline is not risen from", UP, one(0.1), one(INF), State.OK),
        ("from an infinite baseline any number has fallen", DOWN, one(0.1), one(INF), State.BREACHED),
        ("from minus infinity any number has risen", UP, one(0.1), one(-INF), State.BREACHED),
        ("infinity against infinity is the same", UP, one(INF), one(INF), State.OK),
        ("infinity has risen from any number", UP_FLOOR, one(INF), one(0.2), State.BREACHED),
        ("infinity has risen from 0", UP_FLOOR, one(INF), one(0.0), State.BREACHED),
        ("infinity has not fallen", DOWN, one(INF), one(0.1), State.OK),
        ("minus infinity is below the floor", UP_FLOOR, one(-INF), one(0.1), State.OK),
        ("minus infinity has fallen from any number", DOWN, one(-INF), one(0.1), State.BREACHED),
        ("a baseline in which nothing was observed is too little", UP, one(0.1), one(NAN), State.TOO_FEW_REQUESTS),
        ("a baseline without data is no data", UP, one(0.1), NoData("nothing"), State.NO_DATA),
        ("a baseline with too few is too few", UP, one(0.1), one(None), State.TOO_FEW_REQUESTS),
        ("a baseline not answered yet is open", UP, one(0.1), Open(), State.OPEN),
        ("a negative baseline is compared by its size", UP, one(-0.05), one(-0.1), State.BREACHED),
    ],
)
def test_a_limit_and_a_sample(
    why: str, limit: dict[str, str], candidate: Sample, baseline: Sample, state: State
) -> None:
    assert judge(line(limit), SECONDS, candidate, baseline, Context()).state is state, why


def series(**values: float | None) -> Value:
    return Value(tuple(SeriesSample(name, value) for name, value in values.items()))


@pytest.mark.parametrize(
    ("why", "candidate", "state", "worst"),
    [
        ("every series must be within", series(a=0.1, b=0.3), State.BREACHED, "b"),
        ("the worst of two breaches is named", series(a=0.3, b=0.9, c=0.4), State.BREACHED, "b"),
        ("a breach is worse than nothing observed", series(a=NAN, b=0.3), State.BREACHED, "b"),
        ("nothing observed in one is no pass of the others", series(a=0.1, b=NAN), State.TOO_FEW_REQUESTS, "b"),
        ("too few in one is no pass of the others", series(a=0.1, b=None), State.TOO_FEW_REQUESTS, "b"),
        ("infinity is the worst", series(a=1e9, b=INF), State.BREACHED, "b"),
    ],
)
def test_several_series(why: str, candidate: Value, state: State, worst: str) -> None:
    finding = judge(line(MAX), SECONDS, candidate, NotAsked(), Context())
    assert finding.worst is not None
    assert (finding.state, finding.worst.series) == (state, worst), why


def test_for_min_the_lowest_is_the_worst() -> None:
    finding = judge(line(MIN), SECONDS, series(a=0.1, b=0.05), NotAsked(), Context())
    assert finding.worst is not None
    assert finding.worst.series == "b"


@pytest.mark.parametrize(("limit", "worst"), [(UP, "b"), (DOWN, "d")])
def test_for_a_relative_limit_the_one_farthest_from_its_baseline_is_the_worst(
    limit: dict[str, str], worst: str
) -> None:
    candidate, baseline = series(a=10, b=5, c=6, d=0.5), series(a=8, b=1, c=9, d=4.5)
    finding = judge(line(limit), SECONDS, candidate, baseline, Context())
    assert finding.worst is not None
    assert finding.worst.series == worst


@pytest.mark.parametrize(
    ("why", "candidate", "baseline", "state"),
    [
        ("series are compared by their labels", series(a=0.1, b=0.2), series(b=0.2, a=0.1), State.OK),
        ("one against one may differ in labels", series(canary=0.2), series(stable=0.1), State.BREACHED),
        ("one new series blocks nothing", series(a=0.1, b=0.2), series(a=0.1), State.OK),
        ("a breach of another one stands", series(a=0.2, b=0.2), series(a=0.1), State.BREACHED),
        ("too few in another one stands", series(a=None, b=0.2), series(a=0.1), State.TOO_FEW_REQUESTS),
        (
            "where none has a counterpart nothing is decided",
            series(a=0.1, b=0.2),
            series(c=0.1, d=0.1),
            State.TOO_FEW_REQUESTS,
        ),
        ("one against several has none by its place", series(a=0.1), series(c=0.1, d=0.1), State.TOO_FEW_REQUESTS),
    ],
)
def test_relative_limits_of_several_series(why: str, candidate: Value, baseline: Value, state: State) -> None:
    assert judge(line(UP), SECONDS, candidate, baseline, Context()).state is state, why


@pytest.mark.parametrize(
    ("why", "context", "state"),
    [
        ("before the warm-up nothing is compared", Context(watched=299), State.TOO_FEW_REQUESTS),
        ("after it, it is", Context(watched=300), State.BREACHED),
        ("without a baseline in traffic nothing is comparable", Context(comparable=False), State.NOT_COMPARABLE),
    ],
)
def test_when_relative_limits_rest(why: str, context: Context, state: State) -> None:
    assert judge(line(UP, "errors"), SHARE, one(0.5), one(0.1), context).state is state, why


@pytest.mark.parametrize("sample", [NoData("nothing"), one(NAN)])
def test_in_the_first_seconds_no_data_is_not_missing_data(sample: Sample) -> None:
    assert judge(line(MAX), SECONDS, sample, NotAsked(), Context(expected=False)).state is State.TOO_FEW_REQUESTS


@pytest.mark.parametrize(
    ("reason", "down"),
    [
        (FailedReason.REFUSED, True),
        (FailedReason.BAD_QUERY, False),
        (FailedReason.TIMEOUT, False),
        (FailedReason.ERROR, False),
        (FailedReason.BAD_ANSWER, False),
    ],
)
def test_a_bad_query_is_the_queries_fault_and_not_the_sources(reason: FailedReason, down: bool) -> None:  # noqa: FBT001
    finding = judge(line(MAX), SECONDS, Failed(reason, "x"), NotAsked(), Context())
    assert (finding.state is State.SOURCE_DOWN) is down


def test_a_finding_says_metric_arm_value_limit_baseline_window_and_requests() -> None:
    sample = Value((SeriesSample('{segment="b"}', 0.062, 1200.0),))
    message = judge(line(UP, "errors"), SHARE, sample, Value((SeriesSample("", 0.03),)), Context(window="120s")).message
    assert message == (
        'errors of the candidate{segment="b"} is 6.2%, higher than the baseline by more than maxIncrease 20% '
        "(baseline 3%, window 120s, 1200 requests)"
    )


def labelled(arm: str, **values: float) -> Value:
    """Series of one arm by path, each in the arm's own pod."""
    return Value(
        tuple(
            SeriesSample(f"{{path={path}, pod={arm}-{path}}}", number, None, (("path", path), ("pod", f"{arm}-{path}")))
            for path, number in values.items()
        )
    )


def test_series_without_a_counterpart_are_listed() -> None:
    candidate = series(a=0.1, **{f"new{number}": 0.3 for number in range(5)})
    message = judge(line(UP), SECONDS, candidate, series(a=0.1), Context()).message
    assert message.endswith("; not compared, the baseline has no such series: new0, new1, new2 and 2 more")


def test_series_without_a_counterpart_below_the_floor_are_fine() -> None:
    finding = judge(line(UP_FLOOR), SECONDS, series(a=0.05, b=0.05), series(c=0.1, d=0.1), Context())
    assert finding.state is State.OK


def test_where_no_series_has_a_counterpart_the_labels_that_differ_are_named() -> None:
    finding = judge(line(UP), SECONDS, labelled("canary", a=0.1, b=0.2), labelled("stable", a=0.1, b=0.2), Context())
    assert finding.state is State.TOO_FEW_REQUESTS
    assert finding.message.endswith(
        "no series of the candidate has a counterpart in the baseline: they differ in pod; aggregate that away in the query"
    )


@pytest.mark.parametrize(
    ("why", "values", "state", "spread"),
    [
        ("all the same", (0.2, 0.2), State.OK, "0%"),
        ("all infinite are the same", (INF, INF), State.OK, "0%"),
        ("one infinite lies infinitely apart", (0.2, INF), State.BREACHED, "+Inf"),
        ("around 0 any difference is infinite", (-0.1, 0.1), State.BREACHED, "+Inf"),
        ("nothing observed in one hides the spread", (0.2, NAN), State.TOO_FEW_REQUESTS, "1 of 2"),
    ],
)
def test_spreads_without_a_number(why: str, values: tuple[float, float], state: State, spread: str) -> None:
    finding = judge(line({"maxSpread": "50%"}), SECONDS, series(a=values[0], b=values[1]), NotAsked(), Context())
    assert (finding.state, spread in finding.message) == (state, True), (why, finding.message)


def test_an_answer_of_the_wrong_kind_is_no_data_and_not_a_source_that_is_down() -> None:
    failed = Failed(FailedReason.BAD_ANSWER, "the query gives a native histogram")
    finding = judge(line(MAX), SECONDS, failed, NotAsked(), Context(expected=False))
    assert finding.state is State.NO_DATA
    assert "native histogram" in finding.message
