"""Range queries to a source's past, queries for its raw samples, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.adapters.fake_server import FakeServer, Reply, answers, error, never, running, success
from tidegate.adapters.prometheus import FileAuth, SourceAddress
from tidegate.adapters.prometheus.answers import SAMPLES
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.core.model.answers import Matrix
from tidegate.core.model.raw_samples import RawSeries
from tidegate.ports.errors import PortError, Rejected, Unavailable

MATRIX = success("matrix", [{"metric": {"__name__": "up", "job": "a"}, "values": [[1.5, "1"], [2.5, "NaN"]]}])
COUNTED = success(
    "matrix",
    [{"metric": {"__name__": "requests_total", "pod": "a"}, "values": [[1699999900.5, "1"], [1699999960.5, "7"]]}],
)

Make = Callable[..., PrometheusHistory]


@asynccontextmanager
async def asking(reply: Reply, **options: object) -> AsyncIterator[tuple[PrometheusHistory, FakeServer]]:
    async with running(reply) as fake:
        source = PrometheusHistory(SourceAddress(fake.url, **options))  # type: ignore[arg-type]
        try:
            yield source, fake
        finally:
            source.close()


async def test_a_range_is_asked_for_to_the_millisecond() -> None:
    async with asking(answers(200, MATRIX)) as (source, fake):
        (series,) = await source.range("up", 1.5, 2.5, 0.25)
    assert series.labels == (("job", "a"),)
    assert series.points[0] == (1.5, 1.0)
    assert series.points[1][0] == 2.5
    (asked,) = fake.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/query_range")
    given = {name: values[0] for name, values in asked.parameters.items()}
    assert given == {"query": "up", "start": "1.500", "end": "2.500", "step": "0.250", "timeout": "10000ms"}


async def test_the_token_and_the_headers_go_along(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    options = {"auth": FileAuth(bearer_token_file=token), "headers": {"X-Scope-OrgID": "shop"}}
    async with asking(answers(200, MATRIX), **options) as (source, fake):
        await source.range("up", 1, 2, 1)
    assert fake.asked[0].headers["authorization"] == "Bearer secret"
    assert fake.asked[0].headers["x-scope-orgid"] == "shop"


async def test_a_long_query_goes_as_a_form() -> None:
    async with asking(answers(200, MATRIX)) as (source, fake):
        await source.range("up" + " or up" * 500, 1, 2, 1)
    assert fake.asked[0].method == "POST"
    assert fake.asked[0].parameters["start"] == ["1.000"]


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (answers(400, error("bad_data", "parse error")), Rejected, r"BadQuery: parse error \(query: up\)"),
        (answers(422, error("execution", "too many samples")), Rejected, "BadQuery: too many samples"),
        (answers(401, b"who are you"), Rejected, "Denied: 401: who are you"),
        (answers(503, b"starting"), Unavailable, "Error: 503: starting"),
        (answers(200, b"<html>", "text/html"), Rejected, "BadAnswer: 200: not JSON but text/html"),
        (answers(200, success("vector", [])), Rejected, "must be series over time"),
        (answers(200, success("matrix", [{"metric": {}}])), Rejected, "a series without numbers: KeyError"),
        (answers(200, success("matrix", [{"metric": {}, "histograms": []}])), Rejected, "a native histogram"),
        (answers(302, b"", Location="http://elsewhere"), Rejected, "redirects are not followed"),
        (never, Unavailable, "Timeout: no complete answer in 1 s"),
    ],
)
async def test_what_is_no_answer_is_an_error_with_the_address(reply: Reply, kind: type[PortError], said: str) -> None:
    timeout = 1.0 if reply is never else 10.0
    async with asking(reply, timeout=timeout) as (source, fake):
        with pytest.raises(kind, match=said) as raised:
            await source.range("up", 1, 2, 1)
    assert str(raised.value).startswith(fake.url)


async def test_raw_samples_are_asked_for_before_an_instant() -> None:
    async with asking(answers(200, COUNTED)) as (source, fake):
        found = await source.raw('requests_total{pod=~"a|b"}', 420, 1700000000.25)
    assert found == Matrix((RawSeries((("pod", "a"),), ((1699999900.5, 1.0), (1699999960.5, 7.0))),))
    (asked,) = fake.asked
    assert asked.path == "/api/v1/query"
    given = {name: values[0] for name, values in asked.parameters.items()}
    assert given == {
        "query": 'requests_total{pod=~"a|b"}[420s]',
        "time": "1700000000.250",
        "timeout": "10000ms",
        "partial_response": "false",
    }


@pytest.mark.parametrize(("seconds", "written"), [(1, "1s"), (86400.0, "86400s"), (1.5, "1500ms"), (90.0004, "90s")])
async def test_a_range_of_raw_samples_is_written_to_the_millisecond(seconds: float, written: str) -> None:
    async with asking(answers(200, COUNTED)) as (source, fake):
        await source.raw("up", seconds, 1)
    assert fake.asked[0].parameters["query"] == [f"up[{written}]"]


async def test_raw_samples_of_many_days_may_be_larger_than_what_the_operator_asks_for() -> None:
    many = success("matrix", [{"metric": {}, "values": [[n, str(n)] for n in range(500_000)]}])
    assert len(json.dumps(many)) > SAMPLES.limit
    async with asking(answers(200, many)) as (source, _):
        (series,) = (await source.raw("up", 86400, 1)).series
    assert len(series.samples) == 500_000


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (answers(400, error("bad_data", "parse error")), Rejected, r"BadQuery: parse error \(query: up\[60s\]\)"),
        (answers(200, success("vector", [])), Rejected, "BadAnswer: a query for raw samples must be a selector"),
        (answers(200, success("matrix", [{"metric": {}}] * 2)), Rejected, "a series without samples"),
        (answers(200, COUNTED | {"warnings": ["a store is away"]}), Unavailable, "Partial: .*: a store is away"),
        (answers(503, b"starting"), Unavailable, "Error: 503: starting"),
        (never, Unavailable, "Timeout: no complete answer in 1 s"),
    ],
)
async def test_what_is_no_raw_samples_is_an_error_with_the_address(
    reply: Reply, kind: type[PortError], said: str
) -> None:
    timeout = 1.0 if reply is never else 10.0
    async with asking(reply, timeout=timeout) as (source, fake):
        with pytest.raises(kind, match=said) as raised:
            await source.raw("up", 60, 1)
    assert str(raised.value).startswith(fake.url)


async def test_raw_samples_with_parts_missing_are_taken_where_they_are_trusted() -> None:
    body = COUNTED | {"warnings": ["a store is away"]}
    async with asking(answers(200, body), trust_partial=True) as (source, fake):
        assert (await source.raw("up", 60, 1)).warnings == ("a store is away",)
    assert fake.asked[0].parameters["partial_response"] == ["true"]


async def test_nobody_there_is_unavailable() -> None:
    async with running(never) as fake:
        pass
    source = PrometheusHistory(SourceAddress(fake.url))
    with pytest.raises(Unavailable, match="Refused"):
        await source.range("up", 1, 2, 1)
    source.close()
