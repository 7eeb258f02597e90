"""What a real Prometheus answers to queries for raw samples, and what it says beside its answers."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import yaml

from lab import binaries
from lab.ports import free_port
from lab.processes import Processes
from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.core.model.answers import Answer, Failed, FailedReason, Matrix, Query, Vector
from tidegate.core.model.raw_samples import Distribution, RawHistogram, RawSeries
from tidegate.core.statistics.counter_increase import Edges, counted, fast, observations

ELSEWHERE = "elsewhere"
"""Series with this label set to `yes` are read from a remote storage that is not there."""
START = float(int(time.time()) - 240)
"""Epoch seconds of the first sample written."""
COUNTED = ((0.0, 3.0), (30.125, 10.0), (60.25, 4.0), (90.0, 4.0))
"""Seconds after `START` and value: a counter with a reset."""
CUMULATIVE = 2


@dataclass(frozen=True)
class Written:
    """A Prometheus that takes samples with instants of our choice."""

    url: str

    async def write(self, *metrics: dict[str, Any]) -> None:
        """Takes OTLP metrics in."""
        content = {"resourceMetrics": [{"scopeMetrics": [{"metrics": list(metrics)}]}]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/v1/otlp/v1/metrics", json=content) as response,
        ):
            assert response.status == 200, await response.text()


def counter(name: str, points: Iterable[tuple[float, float | None]], **labels: str) -> dict[str, Any]:
    """A counter named `name` and `_total`; a point without a value ends the series with a stale marker."""
    written = [
        at(seconds, labels) | ({"asDouble": value} if value is not None else {"flags": 1}) for seconds, value in points
    ]
    return {"name": name, "sum": {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": written}}


def histogram(name: str, points: Iterable[tuple[float, dict[str, Any]]], **labels: str) -> dict[str, Any]:
    """A native histogram."""
    written = [at(seconds, labels) | content for seconds, content in points]
    return {"name": name, "exponentialHistogram": {"aggregationTemporality": CUMULATIVE, "dataPoints": written}}


def classic(name: str, points: Iterable[tuple[float, dict[str, Any]]], **labels: str) -> dict[str, Any]:
    """A classic histogram, which this Prometheus keeps as a native one with the same bounds."""
    return {"name": name, "histogram": histogram(name, points, **labels)["exponentialHistogram"]}


def at(seconds: float, labels: dict[str, str]) -> dict[str, Any]:
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in labels.items()]
    return {"timeUnixNano": str(round((START + seconds) * 1000) * 1_000_000), "attributes": attributes}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def written(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Written]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    away = {"url": f"http://127.0.0.1:{free_port()}/read", "read_recent": True, "required_matchers": {ELSEWHERE: "yes"}}
    configuration = {"remote_read": [away], "otlp": {"convert_histograms_to_nhcb": True}}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    async with Processes(folder / "logs") as processes:
        process = processes.start(
            "prometheus",
            [
                binaries.program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-otlp-receiver",
            ],
        )
        one = Written(f"http://127.0.0.1:{port}")

        async def answers() -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{one.url}/-/ready") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await process.ready(answers, 30)
        await one.write(
            counter("requests", COUNTED, pod="b", code="200"),
            counter("requests", [(31.0, 1.0), (61.0, 2.0), (75.0, None)], pod="a", code="500"),
            counter("errors", COUNTED, pod="b", code="200"),
        )
        yield one


async def ask(written: Written, promql: str, part: str = "value", *, trust: bool = False) -> Answer:
    source = PrometheusSource("default", SourceAddress(written.url, trust_partial=trust))
    try:
        return await source.sample(Query("default", promql, part=part), timeout=10)
    finally:
        source.close()


def on_the_clock(points: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((START + seconds, value) for seconds, value in points)


POD_A = RawSeries((("code", "500"), ("pod", "a")), on_the_clock([(31.0, 1.0), (61.0, 2.0)]))
POD_B = RawSeries((("code", "200"), ("pod", "b")), on_the_clock(COUNTED))


async def test_samples_come_as_they_were_written_over_a_reset_and_without_stale_markers(written: Written) -> None:
    found = await ask(written, "requests_total[1d]", "raw-total")
    assert isinstance(found, Matrix)
    assert {one.labels: one for one in found.series} == {POD_A.labels: POD_A, POD_B.labels: POD_B}
    assert found.histograms == ()
    assert found.warnings == ()
    marked = await ask(written, f'requests_total{{pod="a"}} @ {START + 76}')
    assert marked == Vector(()), "the series was ended by a marker"


async def test_an_offset_leaves_out_what_is_newer(written: Written) -> None:
    offset = round(time.time() - START - 45)
    found = await ask(written, f'requests_total{{pod="b"}}[1d] offset {offset}s', "raw-bad")
    assert isinstance(found, Matrix)
    assert [one.samples for one in found.series] == [POD_B.samples[:2]]


async def test_the_past_has_the_same_samples_before_an_instant(written: Written) -> None:
    history = PrometheusHistory(SourceAddress(written.url))
    try:
        found = await history.raw('requests_total{pod="b"}', 60, START + 60.25)
        assert [one.samples for one in found.series] == [POD_B.samples[1:3]]
        none = await history.raw('requests_total{pod="b"}', 30, START - 60)
        assert none == Matrix()
    finally:
        history.close()


async def test_a_native_histogram_has_its_buckets_in_order_and_the_empty_ones_missing(written: Written) -> None:
    first = {"count": 1, "sum": 1.5, "scale": 0, "positive": {"offset": 0, "bucketCounts": [1]}}
    then = {
        "count": 9,
        "sum": -4.5,
        "scale": 0,
        "zeroCount": 2,
        "negative": {"offset": 1, "bucketCounts": [3]},
        "positive": {"offset": 0, "bucketCounts": [3, 0, 1]},
    }
    await written.write(histogram("latency", [(0, first), (30, then)], pod="a"))
    found = await ask(written, "latency[1d]", "raw-histogram")
    assert found == Matrix(
        (),
        (
            RawHistogram(
                (("pod", "a"),),
                (
                    (START, Distribution(1.0, ((1.0, 2.0, 1.0),))),
                    (
                        START + 30,
                        Distribution(
                            9.0, ((-4.0, -2.0, 3.0), (-1e-128, 1e-128, 2.0), (1.0, 2.0, 3.0), (4.0, 8.0, 1.0))
                        ),
                    ),
                ),
            ),
        ),
    )


async def test_a_histogram_with_bounds_of_its_own_begins_at_minus_infinity(written: Written) -> None:
    content = {"count": 7, "sum": 3.5, "explicitBounds": [0.1, 0.5], "bucketCounts": [4, 2, 1]}
    await written.write(classic("duration", [(0, content)], pod="a"))
    found = await ask(written, "duration[1d]", "raw-histogram")
    assert isinstance(found, Matrix)
    (histogram,) = found.histograms
    buckets = ((-math.inf, 0.1, 4.0), (0.1, 0.5, 2.0), (0.5, math.inf, 1.0))
    assert histogram.samples == ((START, Distribution(7.0, buckets)),)


async def test_a_native_histogram_whose_resolution_was_halved_thrice_counts_on(written: Written) -> None:
    """All of it lies in the bucket from 0.177 to 0.193, then in the one from 0.125 to 0.25: of 100 more no more than 100 are fast."""
    fine = {"scale": 3, "positive": {"offset": -20, "bucketCounts": [5000]}}
    wide = {"scale": 0, "positive": {"offset": -3, "bucketCounts": [5100]}}
    points = [(0.0, {"count": 4900, "sum": 900} | fine | {"positive": {"offset": -20, "bucketCounts": [4900]}})]
    points += [(30.0, {"count": 5000, "sum": 950} | fine), (60.0, {"count": 5100, "sum": 970} | wide)]
    await written.write(histogram("halved", points, pod="a"))
    found = await ask(written, "halved[1d]", "raw-histogram")
    assert isinstance(found, Matrix)
    (one,) = found.histograms
    edges = Edges(START, 30.0, 2)
    assert counted([observations(one)], edges) == (100.0, 100.0)
    before, after = counted([fast(one, 0.185)], edges)
    assert 0 <= before <= 100
    assert after == pytest.approx(100 * (0.185 - 0.125) / 0.125)


async def test_samples_without_a_query_for_them_are_refused(written: Written) -> None:
    message = "the query must return an instant vector or a scalar, not matrix"
    assert await ask(written, "requests_total[1d]") == Failed(FailedReason.BAD_ANSWER, message)


async def test_a_selector_of_several_metrics_is_refused_where_only_names_tell_them_apart(written: Written) -> None:
    found = await ask(written, '{__name__=~"(requests|errors)_total"}[1d]', "raw-total")
    assert isinstance(found, Failed)
    assert "several metric names (errors_total, requests_total)" in found.message


async def test_what_prometheus_says_of_the_query_comes_beside_the_answer(written: Written) -> None:
    found = await ask(written, "quantile(1.5, vector(3))")
    assert isinstance(found, Vector)
    assert len(found.series) == 1
    (warning,) = found.warnings
    assert warning.startswith("PromQL warning: quantile value should be between 0 and 1")


@pytest.mark.parametrize(
    ("promql", "part"),
    [
        ('requests_total{elsewhere="yes"}', "value"),
        ('sum(requests_total{elsewhere="yes"}) or vector(0)', "value"),
        ('requests_total{elsewhere="yes"}[1d]', "raw-total"),
    ],
)
async def test_an_answer_without_a_remote_storage_that_is_away_is_partial(
    written: Written, promql: str, part: str
) -> None:
    found = await ask(written, promql, part)
    assert isinstance(found, Failed)
    assert found.reason is FailedReason.PARTIAL
    assert "connection refused" in found.message
    trusted = await ask(written, promql, part, trust=True)
    assert isinstance(trusted, Vector | Matrix)
    assert "connection refused" in trusted.warnings[0]
