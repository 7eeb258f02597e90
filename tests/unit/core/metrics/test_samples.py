from __future__ import annotations

import math

import pytest

from tidegate.api.rollout.metrics import Metric
from tidegate.api.status_budget import LONGEST_LABELS, MAX_SERIES
from tidegate.core.metrics import sample
from tidegate.core.metrics.samples import labelled
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, SeriesValue, Vector
from tidegate.core.model.samples import Asked, NoData, NotAsked, Open, TooFew, Value

VALUE = Query("default", "q")
BAD, TOTAL = Query("default", "bad", part="bad"), Query("default", "total", part="total")
RATIO = {"name": "errors", "ratio": {"bad": "bad", "total": "total"}, "minimumRequests": 50}
PLAIN = Metric.model_validate({"name": "errors", "query": "q"})
ZERO = Metric.model_validate({"name": "alerts", "query": "q", "whenEmpty": "Zero"})


def vector(**values: float) -> Vector:
    return Vector(
        tuple(SeriesValue(((("segment", name),) if name != "only" else ()), value) for name, value in values.items())
    )


def many(count: int) -> Vector:
    return vector(**{f"s{number}": 1.0 for number in range(count)})


def shares(bad: Answer, total: Answer) -> dict[str, float | None] | str:
    found = sample(Metric.model_validate(RATIO), Asked({BAD: bad, TOTAL: total}), (BAD, TOTAL))
    if isinstance(found, Value):
        return {one.series: one.value for one in found.series}
    return type(found).__name__


@pytest.mark.parametrize(
    ("why", "bad", "total", "wanted"),
    [
        ("bad over total", vector(only=5), vector(only=100), {"": 0.05}),
        ("a missing bad beside a present total is 0", vector(), vector(only=100), {"": 0.0}),
        ("so it is in each group", vector(a=5), vector(a=100, b=60), {'{segment="a"}': 0.05, '{segment="b"}': 0.0}),
        (
            "a group with too few has no share",
            vector(),
            vector(a=100, b=3),
            {'{segment="a"}': 0.0, '{segment="b"}': None},
        ),
        ("too few in all is too few", vector(), vector(only=49.9), "TooFew"),
        ("no request at all is too few, not missing data", vector(), vector(), "TooFew"),
        ("exactly enough is enough", vector(), vector(only=50), {"": 0.0}),
        ("too many groups are an error", vector(), many(MAX_SERIES + 1), "NoData"),
        ("a failed half is failed", Failed(FailedReason.TIMEOUT), vector(only=100), "Failed"),
    ],
)
def test_a_ratio(why: str, bad: Answer, total: Answer, wanted: object) -> None:
    assert shares(bad, total) == wanted, why


def test_a_total_that_is_no_number_was_not_observed() -> None:
    assert shares(vector(only=1), vector(only=math.nan)) == "TooFew"
    found = shares(vector(a=1, b=1), vector(a=math.nan, b=100))
    assert isinstance(found, dict)
    assert found == {'{segment="a"}': None, '{segment="b"}': 0.01}


@pytest.mark.parametrize(
    ("why", "metric", "answer", "wanted"),
    [
        ("empty is no data", PLAIN, vector(), NoData),
        ("empty is 0 where the metric says so", ZERO, vector(), Value),
        ("64 series are many", PLAIN, many(MAX_SERIES), Value),
        ("65 are an error", PLAIN, many(MAX_SERIES + 1), NoData),
        ("not answered yet is open", PLAIN, None, Open),
        ("a failure stays one", PLAIN, Failed(FailedReason.REFUSED), Failed),
        ("not a number is an answer all the same", PLAIN, vector(only=math.nan), Value),
    ],
)
def test_a_query(why: str, metric: Metric, answer: Answer | None, wanted: type) -> None:
    assert isinstance(sample(metric, Asked({VALUE: answer}), (VALUE,)), wanted), why


def test_a_query_that_was_not_asked_is_not_asked_and_too_few_is_a_sentence() -> None:
    assert isinstance(sample(PLAIN, Asked({}), (VALUE,)), NotAsked)
    found = sample(Metric.model_validate(RATIO), Asked({BAD: vector(), TOTAL: vector(only=7)}), (BAD, TOTAL))
    assert found == TooFew("errors: 7 requests in the window, at least 50 are needed")


def test_very_long_labels_are_cut_and_still_tell_two_series_apart() -> None:
    """Status keeps the labels of every series that is beyond a limit, and messages name the worst."""
    long = "x" * 5000
    one, other = (labelled((("agent", long + end), ("path", "/"))) for end in "ab")
    assert one != other
    assert len(one) <= LONGEST_LABELS + 16
    assert one.startswith('{agent="xxx')
    assert labelled((("path", "/" + "a" * 100),)) == '{path="/' + "a" * 100 + '"}'


REQUESTS = Query("default", "requests", part="requests")
COUNTED = Metric.model_validate({"name": "p99", "query": "q", "requests": "r", "minimumRequests": 10})


@pytest.mark.parametrize(
    ("why", "values", "requests", "wanted"),
    [
        ("enough", vector(only=0.2), vector(only=10), {"": 0.2}),
        ("too few in all", vector(only=0.2), vector(only=9), "TooFew"),
        ("none at all", vector(only=0.2), vector(), "TooFew"),
        ("a count that is no number is none", vector(only=0.2), vector(only=math.nan), "TooFew"),
        ("each by its labels", vector(a=0.2, b=0.3), vector(a=10, b=9), {'{segment="a"}': 0.2, '{segment="b"}': None}),
        ("one count for all", vector(a=0.2, b=0.3), vector(only=10), {'{segment="a"}': 0.2, '{segment="b"}': 0.3}),
        ("one count of another is not for all", vector(a=0.2), vector(b=10), "TooFew"),
        ("nothing observed", vector(only=math.nan), vector(only=100), {"": None}),
    ],
)
def test_a_query_with_requests_behind_it(why: str, values: Vector, requests: Vector, wanted: object) -> None:
    found = sample(COUNTED, Asked({VALUE: values, REQUESTS: requests}), (VALUE, REQUESTS))
    got = {one.series: one.value for one in found.series} if isinstance(found, Value) else type(found).__name__
    assert got == wanted, why


def test_a_number_of_series_beyond_all_use_is_certain_and_readable() -> None:
    found = sample(PLAIN, Asked({VALUE: many(5000)}), (VALUE,))
    assert isinstance(found, NoData)
    assert found.certain
    assert found.message == "errors: 5,000 series, more than 64: aggregate in the query"


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ((("path", 'a"b'),), '{path="a\\"b"}'),
        ((("path", "a\\b"),), '{path="a\\\\b"}'),
        ((("path", "a\nb\tc\r"),), '{path="a\\nb\\tc\\r"}'),
        ((("path", "\0\x1b[31m"),), '{path="\\x00\\x1b[31m"}'),
        ((("a.b/c", "é😀"),), '{"a.b/c"="é😀"}'),
        ((('a"', "x"),), '{"a\\""="x"}'),
    ],
)
def test_labels_are_written_as_promql_does_and_in_one_line(labels: tuple[tuple[str, str], ...], wanted: str) -> None:
    assert labelled(labels) == wanted
