"""Range questions to a source, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.adapters.fake_server import FakeServer, Reply, answers, error, never, running, success
from tidegate.adapters.prometheus import FileAuth, SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.ports.errors import PortError, Rejected, Unavailable

MATRIX = success("matrix", [{"metric": {"__name__": "up", "job": "a"}, "values": [[1.5, "1"], [2.5, "NaN"]]}])

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
    assert given == {"query": "up", "start": "1.500", "end": "2.500", "step": "0.250", "timeout": "10s"}


async def test_the_token_and_the_headers_go_along(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    options = {"auth": FileAuth(bearer_token_file=token), "headers": {"X-Scope-OrgID": "shop"}}
    async with asking(answers(200, MATRIX), **options) as (source, fake):
        await source.range("up", 1, 2, 1)
    assert fake.asked[0].headers["authorization"] == "Bearer secret"
    assert fake.asked[0].headers["x-scope-orgid"] == "shop"


async def test_a_long_question_goes_as_a_form() -> None:
    async with asking(answers(200, MATRIX)) as (source, fake):
        await source.range("up" + " or up" * 500, 1, 2, 1)
    assert fake.asked[0].method == "POST"
    assert fake.asked[0].parameters["start"] == ["1.000"]


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (answers(400, error("bad_data", "parse error")), Rejected, r"BadQuery: parse error \(asked: up\)"),
        (answers(422, error("execution", "too many samples")), Rejected, "BadQuery: too many samples"),
        (answers(401, b"who are you"), Rejected, "Denied: 401: who are you"),
        (answers(503, b"starting"), Unavailable, "Refused: 503: starting"),
        (answers(200, b"<html>", "text/html"), Rejected, "BadAnswer: 200: not JSON but text/html"),
        (answers(200, success("vector", [])), Rejected, "must be series over time"),
        (answers(200, success("matrix", [{"metric": {}}])), Rejected, "a series without numbers: KeyError"),
        (answers(200, success("matrix", [{"metric": {}, "histograms": []}])), Rejected, "a native histogram"),
        (answers(302, b"", Location="http://elsewhere"), Rejected, "redirects are not followed"),
        (never, Unavailable, "Timeout: no complete answer in 0.3 s"),
    ],
)
async def test_what_is_no_answer_is_an_error_with_the_address(reply: Reply, kind: type[PortError], said: str) -> None:
    timeout = 0.3 if reply is never else 10.0
    async with asking(reply, timeout=timeout) as (source, fake):
        with pytest.raises(kind, match=said) as raised:
            await source.range("up", 1, 2, 1)
    assert str(raised.value).startswith(fake.url)


async def test_nobody_there_is_unavailable() -> None:
    async with running(never) as fake:
        pass
    source = PrometheusHistory(SourceAddress(fake.url))
    with pytest.raises(Unavailable, match="Refused"):
        await source.range("up", 1, 2, 1)
    source.close()
