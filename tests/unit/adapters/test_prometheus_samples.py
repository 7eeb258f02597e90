"""Raw samples as sources write them, and what is made of them. The bodies follow the HTTP API's documentation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.adapters.fake_server import ONE, FakeServer, Reply, answers, running, success
from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.adapters.prometheus.answers import NoAnswer
from tidegate.adapters.prometheus.samples import matrix
from tidegate.core.model.answers import Failed, FailedReason, Matrix, Query
from tidegate.core.model.raw_samples import Distribution, RawHistogram, RawSeries

RAW = Query("default", "requests_total[7m]", part="raw-total")
TWO_PODS = [
    {
        "metric": {"__name__": "requests_total", "pod": "b", "code": "200"},
        "values": [[1700000000.123, "7"], [1700000030, "9"]],
    },
    {"metric": {"__name__": "requests_total", "pod": "a", "code": "200"}, "values": [[1700000001, "1e+06"]]},
]
NATIVE = {
    "metric": {"__name__": "seconds", "pod": "a"},
    "histograms": [
        [1700000000, {"count": "0", "sum": "0"}],
        [
            1700000030.5,
            {
                "count": "7",
                "sum": "-1.5",
                "buckets": [
                    [1, "-0.5", "-0.25", "1"],
                    [3, "-0.001", "0.001", "2"],
                    [0, "0.5", "1", "3"],
                    [0, "2", "+Inf", "1"],
                ],
            },
        ],
    ],
}


@asynccontextmanager
async def asking(reply: Reply) -> AsyncIterator[tuple[PrometheusSource, FakeServer]]:
    async with running(reply) as fake:
        source = PrometheusSource("default", SourceAddress(fake.url))
        try:
            yield source, fake
        finally:
            source.close()


def refused(result: list[Any]) -> str:
    with pytest.raises(NoAnswer) as caught:
        matrix(result)
    assert caught.value.failed.reason is FailedReason.BAD_ANSWER
    return caught.value.failed.message


def series(values: list[Any], name: str = "requests_total", **labels: str) -> dict[str, Any]:
    return {"metric": {"__name__": name, **labels}, "values": values}


async def test_a_query_for_raw_samples_is_answered_with_them() -> None:
    async with asking(answers(200, success("matrix", TWO_PODS))) as (source, fake):
        found = await source.sample(RAW, timeout=5)
    assert found == Matrix(
        (
            RawSeries((("code", "200"), ("pod", "b")), ((1700000000.123, 7.0), (1700000030.0, 9.0))),
            RawSeries((("code", "200"), ("pod", "a")), ((1700000001.0, 1e6),)),
        )
    )
    (asked,) = fake.asked
    assert (asked.path, asked.parameters["query"]) == ("/api/v1/query", ["requests_total[7m]"])


@pytest.mark.parametrize("part", ["value", "bad", "total", "probe", "draw"])
async def test_any_other_query_does_not_take_raw_samples_for_an_answer(part: str) -> None:
    async with asking(answers(200, success("matrix", TWO_PODS))) as (source, _):
        found = await source.sample(Query("default", "requests_total[7m]", part=part), timeout=5)
    message = "the query must return an instant vector or a scalar, not matrix"
    assert found == Failed(FailedReason.BAD_ANSWER, message)


@pytest.mark.parametrize("part", ["raw-total", "raw-bad", "raw-fast", "raw-histogram"])
async def test_an_instant_vector_is_no_answer_to_a_query_for_raw_samples(part: str) -> None:
    async with asking(answers(200, ONE)) as (source, _):
        found = await source.sample(Query("default", "up", part=part), timeout=5)
    message = "a query for raw samples must be a selector with a range, not vector"
    assert found == Failed(FailedReason.BAD_ANSWER, message)


async def test_no_series_is_an_answer() -> None:
    async with asking(answers(200, success("matrix", []))) as (source, _):
        assert await source.sample(RAW, timeout=5) == Matrix()


async def test_samples_beyond_the_limit_are_refused_with_what_to_do() -> None:
    async with asking(answers(200, b" " * (8 * 1024 * 1024 + 1))) as (source, _):
        found = await source.sample(RAW, timeout=10)
    assert isinstance(found, Failed)
    assert found.reason is FailedReason.BAD_ANSWER
    for words in ("larger than 8 MiB", "fewer labels", "shorter window"):
        assert words in found.message


def test_a_native_histogram_is_read_with_its_bounds_and_without_empty_buckets() -> None:
    assert matrix([NATIVE]) == Matrix(
        (),
        (
            RawHistogram(
                (("pod", "a"),),
                (
                    (1700000000.0, Distribution(0.0, ())),
                    (
                        1700000030.5,
                        Distribution(
                            7.0,
                            (
                                (-0.5, -0.25, 1.0),
                                (-0.001, 0.001, 2.0),
                                (0.5, 1.0, 3.0),
                                (2.0, float("inf"), 1.0),
                            ),
                        ),
                    ),
                ),
            ),
        ),
    )


def test_a_bucket_that_is_written_though_empty_is_left_out() -> None:
    written = {"count": "1", "sum": "1", "buckets": [[0, "1", "2", "1"], [0, "2", "4", "0"]]}
    (found,) = matrix([{"metric": {}, "histograms": [[1, written]]}]).histograms
    assert found.samples[0][1].buckets == ((1.0, 2.0, 1.0),)


def test_a_histogram_without_a_count_that_can_be_is_left_out() -> None:
    (found,) = matrix(
        [NATIVE | {"histograms": [[1, {"count": "NaN", "sum": "NaN"}], *NATIVE["histograms"]]}]
    ).histograms
    assert [at for at, _ in found.samples] == [1700000000.0, 1700000030.5]


def test_a_series_that_became_a_native_histogram_is_in_both_parts() -> None:
    found = matrix([NATIVE | {"values": [[1699999970, "3"]]}])
    assert [one.labels for one in found.series] == [one.labels for one in found.histograms] == [(("pod", "a"),)]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_a_value_that_cannot_be_a_count_is_left_out(value: str) -> None:
    found = matrix([series([[1, "1"], [2, value], [3, "4"]])])
    assert found.series[0].samples == ((1.0, 1.0), (3.0, 4.0))
    assert found.incomplete == {found.series[0].labels}


def test_a_series_without_any_count_is_left_out_whole() -> None:
    assert matrix([series([[1, "NaN"]]), series([], pod="a")]) == Matrix(incomplete=frozenset({()}))


def test_samples_come_in_order_of_time() -> None:
    assert matrix([series([[3, "1"], [1, "2"], [2, "9"]])]).series[0].samples == ((1.0, 2.0), (2.0, 9.0), (3.0, 1.0))


def test_series_that_differ_only_in_name_are_refused_with_both_names() -> None:
    message = refused([series([[1, "1"]], pod="a"), series([[1, "1"]], "errors_total", pod="a")])
    assert "the selector matches several metric names (requests_total, errors_total)" in message


def test_a_counter_and_a_histogram_that_differ_only_in_name_are_refused_too() -> None:
    assert "several metric names" in refused([series([[1, "1"]], pod="a"), NATIVE])


def test_a_series_that_comes_twice_is_refused() -> None:
    assert "requests_total occurs twice" in refused([series([[1, "1"]], pod="a"), series([[1, "2"]], pod="a")])


async def test_series_that_cannot_be_told_apart_do_not_close_the_source_to_other_queries() -> None:
    twice = success("matrix", [series([[1, "1"]], pod="a"), series([[1, "1"]], "errors_total", pod="a")])
    async with asking(answers(200, twice)) as (source, fake):
        for _ in range(7):
            assert isinstance(await source.sample(RAW, timeout=5), Failed)
    assert len(fake.asked) == 7


def test_series_of_two_names_that_other_labels_tell_apart_are_taken() -> None:
    assert len(matrix([series([[1, "1"]], pod="a"), series([[1, "1"]], "errors_total", pod="b")]).series) == 2


@pytest.mark.parametrize(
    ("case", "item"),
    [
        ("no object", "up"),
        ("no labels", {"values": []}),
        ("labels that are a list", {"metric": [], "values": []}),
        ("neither values nor histograms", {"metric": {}}),
        ("a value that is not a number", series([[1, "many"]])),
        ("a value that is nothing", series([[1, None]])),
        ("a sample without a value", series([[1]])),
        ("a time that no float holds", series([[10**400, "1"]])),
        ("an instant's value", {"metric": {}, "value": [1, "1"]}),
        ("a histogram that is a number", {"metric": {}, "histograms": [[1, "3"]]}),
        ("a histogram without a count", {"metric": {}, "histograms": [[1, {"buckets": []}]]}),
        ("a bucket without a count", {"metric": {}, "histograms": [[1, {"count": "1", "buckets": [[0, "1", "2"]]}]]}),
    ],
)
def test_what_is_no_series_of_samples_is_refused(case: str, item: Any) -> None:  # noqa: ANN401
    assert refused([item]).startswith("a series without samples"), case


def test_a_native_histogram_has_its_sum_where_the_source_gives_it() -> None:
    value = {"count": "4", "sum": "1.5", "buckets": [[3, "0", "1", "4"]]}
    item = {"metric": {}, "histograms": [[1700000000, value], [1700000015, {**value, "sum": "2.5"}]]}
    found = matrix([item]).histograms
    assert [one.sum for _, one in found[0].samples] == [1.5, 2.5]
