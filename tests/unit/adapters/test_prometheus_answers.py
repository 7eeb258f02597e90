from __future__ import annotations

import json
import math

import pytest

from tests.unit.adapters.fake_server import error, success
from tidegate.adapters.prometheus.answers import INSTANT, NoAnswer, checked, vector
from tidegate.core.model.answers import Failed, FailedReason, SeriesValue

JSON = "application/json"


def judged(status: int, body: object, content_type: str = JSON) -> Failed:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(NoAnswer) as caught:
        vector(checked(status, content_type, content, INSTANT)["data"]["result"])
    return caught.value.failed


@pytest.mark.parametrize(
    ("case", "status", "body", "reason", "word"),
    [
        ("a page of HTML with 200 is no answer", 200, b"<html>login</html>", FailedReason.BAD_ANSWER, "not JSON"),
        ("JSON of another shape is no answer", 200, {"hello": 1}, FailedReason.BAD_ANSWER, "200"),
        ("a list is no answer", 200, [1, 2], FailedReason.BAD_ANSWER, "not JSON"),
        ("a matrix is no answer", 200, success("matrix", []), FailedReason.BAD_ANSWER, "matrix"),
        ("a string is no answer", 200, success("string", [1, "x"]), FailedReason.BAD_ANSWER, "string"),
        ("data that is no object is no answer", 200, {"status": "success", "data": 3}, FailedReason.BAD_ANSWER, ""),
        ("a result that is not a list is no answer", 200, success("vector", None), FailedReason.BAD_ANSWER, ""),
        ("a series without a value is no answer", 200, success("vector", [{"metric": {}}]), FailedReason.BAD_ANSWER, ""),
        ("labels that are no object are no answer", 200, success("vector", [{"metric": [], "value": [0, "1"]}]), FailedReason.BAD_ANSWER, "AttributeError"),
        ("a native histogram says what to ask for", 200, success("vector", [{"metric": {}, "histogram": [1, {}]}]), FailedReason.BAD_ANSWER, "histogram_quantile"),
        ("a parse error is the query's fault", 400, error("bad_data", "parse error"), FailedReason.BAD_QUERY, "parse error"),
        ("an execution error is the query's fault", 422, error("execution", "many-to-many"), FailedReason.BAD_QUERY, "many-to-many"),
        ("a store away is not the query's fault", 422, error("execution", "expanding series: proxy Series(): rpc error: code = Aborted desc = fetch series for {ext=1}"), FailedReason.PARTIAL, "expanding series: proxy Series()"),
        ("a block that cannot be read is not the query's fault", 422, error("execution", "expanding series: cannot populate chunk 8"), FailedReason.PARTIAL, "chunk 8"),
        ("a querier away is not the query's fault", 422, error("execution", "rpc error: code = Unavailable desc = connection refused"), FailedReason.PARTIAL, "connection refused"),
        ("a success in the body of a failure is none", 500, success("vector", []), FailedReason.ERROR, "500"),
        ("a proxy's failure is not the query's fault", 503, error("execution", "no healthy upstream"), FailedReason.ERROR, "upstream"),
        ("brackets without end are no answer", 200, b"[" * 200_000, FailedReason.BAD_ANSWER, "not JSON"),
        ("a 400 from a proxy is no bad query", 400, b"Bad Request", FailedReason.BAD_ANSWER, "400"),
        ("nobody is let in without a token", 401, b"", FailedReason.DENIED, "401"),
        ("a token for something else is refused", 403, b"forbidden", FailedReason.DENIED, "forbidden"),
        ("a redirect is not followed", 302, b"", FailedReason.BAD_ANSWER, "redirects"),
        ("a wrong path is no answer", 404, b"404 page not found", FailedReason.BAD_ANSWER, "404"),
        ("too many requests is a refusal", 429, b"slow down", FailedReason.ERROR, "429"),
        ("a query that took too long there timed out", 503, error("timeout", "query timed out"), FailedReason.TIMEOUT, "timed out"),
        ("a source that is starting refuses", 503, b"Service Unavailable", FailedReason.ERROR, "503"),
        ("a proxy without a backend refuses", 502, b"<html>", FailedReason.ERROR, "502"),
        ("a proxy's time-out is a time-out", 504, b"<html>", FailedReason.TIMEOUT, "504"),
    ],
)  # fmt: skip
def test_what_is_no_answer_says_why(case: str, status: int, body: object, reason: FailedReason, word: str) -> None:
    failed = judged(status, body)
    assert failed.reason is reason, case
    assert word in failed.message, case


def test_a_message_quotes_only_the_beginning_of_what_the_source_said() -> None:
    assert len(judged(500, b"x" * 100_000).message) < 300


def test_every_number_prometheus_writes_is_read() -> None:
    series = [{"metric": {"n": str(n)}, "value": [0, text]} for n, text in enumerate(["NaN", "+Inf", "-Inf", "1e-3"])]
    values = [item.value for item in vector(series).series]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 0.001]


def test_labels_are_sorted_and_come_without_the_metrics_name() -> None:
    found = vector([{"metric": {"z": "1", "__name__": "up", "a": "2"}, "value": [0, "1"]}])
    assert found.series == (SeriesValue((("a", "2"), ("z", "1")), 1.0),)


def test_a_scalar_is_one_series_without_labels() -> None:
    assert vector([1700000000, "2.5"]).series == (SeriesValue((), 2.5),)


def test_a_vector_of_two_is_not_taken_for_a_scalar() -> None:
    two = [{"metric": {"a": "1"}, "value": [0, "1"]}, {"metric": {"a": "2"}, "value": [0, "2"]}]
    assert [item.value for item in vector(two).series] == [1.0, 2.0]


def test_an_empty_vector_is_an_answer() -> None:
    body = json.dumps(success("vector", [])).encode()
    assert vector(checked(200, JSON, body, INSTANT)["data"]["result"]).series == ()
