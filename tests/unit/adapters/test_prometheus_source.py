from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.adapters.fake_server import ONE, Reader, Writer, answers, error, http, never, running, success
from tidegate.adapters.prometheus import FileAuth, PrometheusSource, PrometheusSources, SourceAddress
from tidegate.adapters.prometheus.connection import in_milliseconds
from tidegate.adapters.prometheus.health import PROBE
from tidegate.core.model.answers import Failed, FailedReason, Query, SeriesValue, Vector

UP = Query("default", "up")
SHORT = 1.0
"""Seconds: a thread has a connection by then, also on a busy machine, and a test waits no longer than it must."""
ONE_SERIES = Vector((SeriesValue((("job", "a"),), 1.0),))


Make = Callable[..., PrometheusSource]


@pytest.fixture
def source() -> Iterator[Make]:
    made: list[PrometheusSource] = []

    def make(url: str, monotonic: Callable[[], float] = time.monotonic, **settings: Any) -> PrometheusSource:  # noqa: ANN401
        made.append(PrometheusSource("default", SourceAddress(url, **settings), monotonic=monotonic))
        return made[-1]

    yield make
    for one in made:
        one.close()
        for threads in (one._threads, one._probing):  # noqa: SLF001  (no thread of one test in the next)
            threads.shutdown(wait=True)


def reason(answer: object) -> FailedReason:
    return failure(answer).reason


def failure(answer: object) -> Failed:
    assert isinstance(answer, Failed), answer
    return answer


async def test_a_query_is_asked_with_get_at_the_sources_own_time(source: Make) -> None:
    async with running(answers(200, ONE)) as fake:
        assert await source(fake.url + "/prefix/").sample(UP, timeout=5) == ONE_SERIES
    (asked,) = fake.asked
    assert (asked.method, asked.path) == ("GET", "/prefix/api/v1/query")
    assert asked.parameters == {"query": ["up"], "timeout": ["5000ms"], "partial_response": ["false"]}


async def test_a_long_query_is_asked_with_a_form(source: Make) -> None:
    promql = " + ".join(["up"] * 1000)
    async with running(answers(200, ONE)) as fake:
        assert await source(fake.url).sample(Query("default", promql), timeout=5) == ONE_SERIES
    (asked,) = fake.asked
    assert asked.method == "POST"
    assert asked.parameters["query"] == [promql]


async def test_a_connection_is_kept(source: Make) -> None:
    async with running(answers(200, ONE)) as fake:
        asking = source(fake.url, concurrency=1)
        for _ in range(3):
            assert await asking.sample(UP, timeout=5) == ONE_SERIES
    assert fake.connections == 1


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
async def test_nothing_is_asked_twice_behind_our_back(source: Make, status: int) -> None:
    async with running(answers(status, b"no")) as fake:
        assert isinstance(await source(fake.url).sample(UP, timeout=5), Failed)
    assert [asked.parameters["query"] for asked in fake.asked if asked.parameters["query"] != [PROBE]] == [["up"]]


async def test_a_source_that_says_nothing_times_out(source: Make) -> None:
    async with running(never) as fake:
        assert reason(await source(fake.url).sample(UP, timeout=SHORT)) is FailedReason.TIMEOUT
        await asyncio.wait_for(fake.hung_up.wait(), 30)


@pytest.mark.parametrize("before", [b"HTTP/1.1 200 OK\r\nX-Slow: ", http(200, b"x" * 1000)[:-1000]])
async def test_a_trickle_of_bytes_does_not_outlive_the_deadline(source: Make, before: bytes) -> None:
    async def trickle(_: Reader, writer: Writer) -> None:
        writer.write(before)
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with running(trickle) as fake:
        asking = source(fake.url, concurrency=1)
        assert reason(await asking.sample(UP, timeout=SHORT)) is FailedReason.TIMEOUT
        # The one thread is free again: the next query begins, instead of finding it taken.
        assert reason(await asking.sample(UP, timeout=SHORT)) is FailedReason.TIMEOUT


async def test_an_answer_beyond_the_limit_is_refused(source: Make) -> None:
    async def flood(_: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n")
        while True:
            writer.write(b" " * 65536)
            await writer.drain()

    async with running(flood) as fake:
        answer = await source(fake.url).sample(UP, timeout=10)
    assert reason(answer) is FailedReason.BAD_ANSWER
    assert "8 MiB" in answer.message


async def test_nobody_there_is_a_refusal(source: Make) -> None:
    async with running(never) as fake:
        pass
    answer = await source(fake.url).sample(UP, timeout=5)
    assert reason(answer) is FailedReason.REFUSED
    assert failure(answer).message.startswith("Failed to establish a new connection: [Errno ")


async def test_a_name_that_nobody_has_is_told_however_long_the_query(source: Make) -> None:
    answer = await source("http://nobody.invalid:9090").sample(replace(UP, promql=f"sum({'x' * 2000})"), timeout=5)
    assert reason(answer) is FailedReason.REFUSED
    assert failure(answer).message.startswith("Failed to resolve 'nobody.invalid'")


async def test_a_redirect_is_followed_nowhere(source: Make) -> None:
    async with running(answers(200, ONE)) as elsewhere, running(answers(302, b"", Location=elsewhere.url)) as fake:
        assert reason(await source(fake.url).sample(UP, timeout=5)) is FailedReason.BAD_ANSWER
    assert elsewhere.asked == []


async def test_a_query_that_no_thread_got_to_is_overload_not_a_time_out(source: Make) -> None:
    async with running(never) as fake:
        asking = source(fake.url, concurrency=1)
        first = asyncio.create_task(asking.sample(UP, timeout=2 * SHORT))
        while not fake.asked:  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0)
        assert reason(await asking.sample(UP, timeout=0.1)) is FailedReason.OVERLOADED
        assert reason(await first) is FailedReason.TIMEOUT


async def test_the_sources_own_limit_holds_whatever_is_allowed(source: Make) -> None:
    async with running(never) as fake:
        assert reason(await source(fake.url, timeout=SHORT).sample(UP, timeout=60)) is FailedReason.TIMEOUT


async def test_a_cancelled_query_lets_go_at_once(source: Make) -> None:
    async with running(never) as fake:
        asking = asyncio.create_task(source(fake.url).sample(UP, timeout=30))
        while not fake.asked:  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(fake.hung_up.wait(), 30)


async def test_a_token_is_read_anew_for_each_query(source: Make, tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with running(answers(200, ONE)) as fake:
        asking = source(fake.url, auth=FileAuth(bearer_token_file=token), headers={"X-Scope-OrgID": "a"})
        for content in ("first\n", "second\n"):
            token.write_text(content)
            assert await asking.sample(UP, timeout=5) == ONE_SERIES
        token.unlink()
        answer = await asking.sample(UP, timeout=5)
    assert [asked.headers["authorization"] for asked in fake.asked] == ["Bearer first", "Bearer second"]
    assert {asked.headers["x-scope-orgid"] for asked in fake.asked} == {"a"}
    assert reason(answer) is FailedReason.DENIED
    assert "second" not in answer.message


async def test_a_password_is_sent_as_basic_auth(source: Make, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pw\n")
    async with running(answers(200, ONE)) as fake:
        auth = FileAuth(username="me", password_file=tmp_path / "password")
        assert await source(fake.url, auth=auth).sample(UP, timeout=5) == ONE_SERIES
    assert fake.asked[0].headers["authorization"] == "Basic bWU6cHc="


async def test_the_environments_proxy_is_not_asked(source: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(never) as gone:
        pass
    monkeypatch.setenv("http_proxy", gone.url)
    monkeypatch.setenv("no_proxy", "")
    async with running(answers(200, ONE)) as fake:
        assert await source(fake.url).sample(UP, timeout=5) == ONE_SERIES


async def test_bad_queries_do_not_count_against_the_source(source: Make) -> None:
    async with running(answers(400, error("bad_data", "no such thing"))) as fake:
        asking = source(fake.url)
        for _ in range(7):
            assert reason(await asking.sample(UP, timeout=5)) is FailedReason.BAD_QUERY
    assert len(fake.asked) == 7


UNUSABLE = {
    "a kind that was not asked for": success("matrix", []),
    "a native histogram": success("vector", [{"metric": {}, "histogram": [1, {}]}]),
    "more than is read": b" " * (8 * 1024 * 1024 + 1),
}


@pytest.mark.parametrize("answer", UNUSABLE)
async def test_answers_that_one_query_cannot_use_do_not_close_the_source_to_all_others(
    source: Make, answer: str
) -> None:
    """Else one tenant's wrong metric would make everybody's blind."""
    async with running(answers(200, UNUSABLE[answer])) as fake:
        asking = source(fake.url)
        for _ in range(7):
            assert reason(await asking.sample(UP, timeout=5)) is FailedReason.BAD_ANSWER
        assert len(fake.asked) == 7
        fake.reply = answers(200, ONE)
        assert await asking.sample(Query("default", "somebody_else"), timeout=5) == ONE_SERIES


async def test_every_query_is_observed_with_its_outcome() -> None:
    seen: list[tuple[str, str]] = []
    async with running(answers(200, ONE)) as fake:
        observed = PrometheusSource(
            "default", SourceAddress(fake.url), lambda name, outcome, _: seen.append((name, outcome))
        )
        await observed.sample(UP, timeout=5)
        fake.reply = answers(503, b"no")
        await observed.sample(UP, timeout=5)
        observed.close()
    assert [one for one in seen if not one[1].startswith("probe")] == [("default", "ok"), ("default", "Error")]


async def test_an_unknown_source_is_named_with_those_there_are() -> None:
    answer = await PrometheusSources({}).sample(Query("elsewhere", "up"), timeout=1, rollout="shop/web")
    assert reason(answer) is FailedReason.NO_SUCH_SOURCE
    assert "elsewhere" in answer.message


@pytest.mark.parametrize(
    ("seconds", "sent"),
    [(5, "5000ms"), (0.997891, "998ms"), (0.3, "300ms"), (1.5, "1500ms"), (0.0001, "1ms"), (60, "60000ms")],
)
def test_a_time_out_is_sent_as_a_whole_number_of_a_unit(seconds: float, sent: str) -> None:
    assert in_milliseconds(seconds) == sent
    assert re.fullmatch(r"[0-9]+ms", sent), "Prometheus takes no fraction of a unit for a duration"
