"""Whose failure it is: a query's own, or the source's, which a query of our own decides."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from requests import PreparedRequest

from tests.unit.adapters.fake_server import ONE, FakeServer, Reader, Reply, Writer, answers, error, http, never, running
from tidegate.adapters.prometheus import FileAuth, PrometheusSource, SourceAddress
from tidegate.adapters.prometheus.health import PROBE, PROBE_EVERY
from tidegate.core.model.answers import Failed, FailedReason, Query, Vector

Make = Callable[..., PrometheusSource]

SHORT = 1.0
"""Seconds: a thread has a connection by then, also on a busy machine, and a test waits no longer than it must."""
PATIENCE = 60.0
"""Seconds within which any answer comes that ever does."""

SLOW_THERE = answers(503, error("timeout", "query timed out in expression evaluation"))


@dataclass
class Waits:
    """Sleeps between probes that end when the test says so."""

    asked: list[float] = field(default_factory=list)
    now: float = 100.0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        self.asked.append(seconds)
        await self._over.wait()
        self._over.clear()

    def monotonic(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self._over.set()


@pytest.fixture
def source() -> Iterator[Make]:
    made: list[PrometheusSource] = []

    def make(url: str, waits: Waits | None = None, **settings: Any) -> PrometheusSource:  # noqa: ANN401
        monotonic, sleep = (waits.monotonic, waits.sleep) if waits else (time.monotonic, asyncio.sleep)
        made.append(PrometheusSource("default", SourceAddress(url, **settings), monotonic=monotonic, sleep=sleep))
        return made[-1]

    yield make
    for one in made:
        one.close()


def by_query(**replies: Reply) -> tuple[Reply, list[FakeServer]]:
    """Answers each query by its text: `probe`, or the metric's name; `up` is well."""
    server: list[FakeServer] = []

    async def reply(reader: Reader, writer: Writer) -> None:
        (text,) = server[0].asked[-1].parameters["query"]
        await replies.get("probe" if text == PROBE else text, answers(200, ONE))(reader, writer)

    return reply, server


def asked(fake: FakeServer, text: str) -> int:
    return sum(one.parameters["query"] == [text] for one in fake.asked)


def query(text: str) -> Query:
    return Query("default", text)


async def failed(asking: PrometheusSource, text: str, rollout: str = "shop/bad", timeout: float = 5) -> Failed:
    found = await asking.sample(query(text), timeout=timeout, rollout=rollout)
    assert isinstance(found, Failed), found
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0)


OWN: dict[str, tuple[Reply, FailedReason]] = {
    "500": (answers(500, b"oh"), FailedReason.ERROR),
    "503 of a query that timed out there": (SLOW_THERE, FailedReason.TIMEOUT),
    "422": (answers(422, error("execution", "too many samples")), FailedReason.BAD_QUERY),
    "429": (answers(429, b"slow down"), FailedReason.ERROR),
    "403 for this one alone": (answers(403, b"not your namespace"), FailedReason.DENIED),
    "an answer too large": (answers(200, b" " * (8 * 1024 * 1024 + 1)), FailedReason.BAD_ANSWER),
    "no answer": (never, FailedReason.TIMEOUT),
    "a page of HTML": (answers(200, b"<html>"), FailedReason.BAD_ANSWER),
}


@pytest.mark.parametrize("case", OWN)
async def test_a_failure_of_a_query_is_its_own_however_often_and_nobody_elses(source: Make, case: str) -> None:
    how, reason = OWN[case]
    reply, server = by_query(bad=how)
    async with running(reply) as fake:
        server.append(fake)
        asking = source(fake.url)
        assert isinstance(await asking.sample(query("up"), timeout=PATIENCE, rollout="shop/ours"), Vector)
        times = 7 if how is never else 12
        for number in range(times):
            found = await failed(asking, "bad", timeout=SHORT if how is never else PATIENCE)
            assert (found.reason, found.source_down) == (reason, False), number
            assert isinstance(await asking.sample(query("up"), timeout=PATIENCE, rollout="shop/ours"), Vector)
        assert asked(fake, "bad") == times


async def test_eight_neighbours_that_fail_all_the_time_blind_nobody(source: Make) -> None:
    """The worst that was ever found: nobody else's queries were sent any more, and a breach stood for minutes."""
    reply, server = by_query(bad=answers(500, b"oh"))
    async with running(reply) as fake:
        server.append(fake)
        asking = source(fake.url)
        for _ in range(10):
            tries = [failed(asking, "bad", f"shop/bad-{number}") for number in range(8)]
            ours = asking.sample(query("up"), timeout=5, rollout="shop/ours")
            *others, answer = await asyncio.gather(*tries, ours)
            assert isinstance(answer, Vector)
            assert not any(one.source_down for one in others)
        assert asked(fake, "up") == 10


async def test_a_rollouts_query_has_its_turn_however_many_of_a_neighbours_wait(source: Make) -> None:
    go = asyncio.Event()

    async def hold(_: Reader, writer: Writer) -> None:
        await go.wait()
        writer.write(http(200, json.dumps(ONE).encode()))

    reply, server = by_query(bad=hold)
    async with running(reply) as fake:
        server.append(fake)
        asking = source(fake.url, Waits(), concurrency=1)
        theirs = [
            asyncio.ensure_future(asking.sample(query("bad"), timeout=PATIENCE, rollout="shop/bad")) for _ in range(20)
        ]
        await until(lambda: asked(fake, "bad") == 1)
        ours = asyncio.ensure_future(asking.sample(query("up"), timeout=PATIENCE, rollout="shop/ours"))
        await asyncio.sleep(0)
        go.set()
        assert all(isinstance(one, Vector) for one in await asyncio.gather(ours, *theirs))
        order = [one.parameters["query"][0] for one in fake.asked]
        assert order == ["bad", "bad", "up", *["bad"] * 18], "one that was there before it goes first"


DOWN: dict[str, tuple[Reply, FailedReason]] = {
    "503 while it starts": (answers(503, b"Service Unavailable"), FailedReason.ERROR),
    "502 of a proxy without a backend": (answers(502, b"<html>"), FailedReason.ERROR),
    "401": (answers(401, b""), FailedReason.DENIED),
    "404, a wrong address": (answers(404, b"404 page not found"), FailedReason.BAD_ANSWER),
    "a login page": (answers(200, b"<html>login</html>"), FailedReason.BAD_ANSWER),
    "a connection that is closed at once": (never, FailedReason.ERROR),
}


async def hang_up(_: Reader, __: Writer) -> None:
    raise ConnectionError


@pytest.mark.parametrize("case", DOWN)
async def test_a_source_that_fails_our_own_query_as_well_is_down_and_still_asked(source: Make, case: str) -> None:
    how, reason = DOWN[case]
    async with running(hang_up if how is never else how) as fake:
        asking = source(fake.url)
        for _ in range(3):
            found = await failed(asking, "up")
            assert (found.reason, found.source_down) == (reason, True)
            assert PROBE in found.message
        assert asked(fake, "up") == 3, "it can be reached: perhaps this query is answered"
        fake.reply = answers(200, ONE)
        assert isinstance(await asking.sample(query("up"), timeout=5), Vector)
        fake.reply, server = by_query(bad=answers(500, b"oh"))
        server.append(fake)
        assert not (await failed(asking, "bad")).source_down, "it was well a moment ago"


async def test_a_source_that_answers_now_and_then_is_asked_every_time(source: Make) -> None:
    """One in seven answers was enough to see a breach, had it been asked for."""
    count = 0

    async def now_and_then(reader: Reader, writer: Writer) -> None:
        nonlocal count
        count += 1
        await (answers(200, ONE) if count % 7 == 0 else answers(500, b"oh"))(reader, writer)

    async with running(now_and_then) as fake:
        asking = source(fake.url)
        found = [await asking.sample(query("up"), timeout=5) for _ in range(30)]
        assert asked(fake, "up") == 30
        assert sum(isinstance(one, Vector) for one in found) >= 3


async def test_a_source_that_hangs_for_everybody_is_down_once_our_own_query_has_timed_out(source: Make) -> None:
    async with running(never) as fake:
        asking = source(fake.url, timeout=SHORT)
        await failed(asking, "up")
        await until(lambda: asking._health._failing is not None)  # noqa: SLF001  (the probe is over)
        found = await failed(asking, "up")
        assert (found.reason, found.source_down) == (FailedReason.TIMEOUT, True)


async def test_failures_are_probed_once_in_five_seconds_and_one_at_a_time(source: Make) -> None:
    waits = Waits()
    async with running(answers(500, b"oh")) as fake:
        asking = source(fake.url, waits)
        await asyncio.gather(*(failed(asking, "up", f"shop/r{number}") for number in range(50)))
        assert asked(fake, PROBE) == 1
        for _ in range(20):
            await failed(asking, "up")
        assert asked(fake, PROBE) == 1
        waits.now += PROBE_EVERY
        for _ in range(20):
            await failed(asking, "up")
        await until(lambda: asked(fake, PROBE) == 2)


async def test_a_source_that_cannot_be_reached_is_probed_by_us_and_by_no_rollout_until_it_is_back(source: Make) -> None:
    async with running(answers(200, ONE)) as fake:
        url = fake.url
    waits = Waits()
    asking = source(url, waits)
    first = await failed(asking, "up")
    assert (first.reason, first.source_down) == (FailedReason.REFUSED, True)
    await until(lambda: bool(waits.asked))
    refused = await failed(asking, "up")
    assert refused.source_down
    assert refused.message.startswith("not queried, the source cannot be reached: ")
    async with running(answers(200, ONE), int(url.rpartition(":")[2])) as fake:
        await failed(asking, "up")
        assert fake.asked == [], "it is not asked before the probe"
        waits.pass_by(PROBE_EVERY)
        await until(lambda: asking._health.refusal() is None)  # noqa: SLF001
        assert [one.parameters["query"] for one in fake.asked] == [[PROBE]]
        assert isinstance(await asking.sample(query("up"), timeout=5), Vector)


async def test_a_source_nobody_asks_any_more_is_not_probed_for_ever(source: Make) -> None:
    async with running(never) as fake:
        url = fake.url
    waits = Waits()
    asking = source(url, waits)
    await failed(asking, "up")
    await until(lambda: len(waits.asked) == 1)
    waits.pass_by(1000)
    await until(lambda: asking._health._probing is None)  # noqa: SLF001
    await failed(asking, "up")
    await until(lambda: len(waits.asked) == 2)


async def test_a_handshake_that_never_ends_is_a_connection_that_does_not_come_about(source: Make) -> None:
    async with running(never) as fake:
        asking = source(fake.url.replace("http:", "https:"), timeout=0.3)
        found = await failed(asking, "up")
        assert (found.reason, found.source_down) == (FailedReason.REFUSED, True)


@dataclass(frozen=True)
class HeldAuth(FileAuth):
    """Holds the thread before there is a connection, as looking up a name may: nothing can cut that off."""

    held: threading.Event = field(default_factory=threading.Event)
    hold: list[bool] = field(default_factory=list)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self.hold.pop():
            self.held.wait(20)
        return request


async def test_threads_held_by_a_name_look_up_hold_no_slot(source: Make) -> None:
    async with running(answers(200, ONE)) as fake:
        auth = HeldAuth(hold=[False, False, True, True])
        asking = source(fake.url, concurrency=2, auth=auth)
        stuck = (failed(asking, "bad", f"shop/bad-{number}", timeout=SHORT) for number in range(2))
        for found in await asyncio.gather(*stuck):
            assert found.message == f"no connection in {SHORT:g} s"
        async with asyncio.timeout(15):  # they are held for 20 s
            assert isinstance(await asking.sample(query("up"), timeout=5, rollout="shop/ours"), Vector)
        auth.held.set()


async def test_hanging_neighbours_are_cut_off_for_us_and_told_why(source: Make) -> None:
    waits = Waits()
    reply, server = by_query(bad=never)
    async with running(reply) as fake:
        server.append(fake)
        asking = source(fake.url, waits, concurrency=4)
        hanging = [asyncio.create_task(failed(asking, "bad", f"shop/bad-{number}")) for number in range(4)]
        await until(lambda: asked(fake, "bad") == 4)
        ours = asyncio.create_task(asking.sample(query("up"), timeout=5, rollout="shop/ours"))
        await asyncio.sleep(0)
        waits.now += 1.1
        asking._looked()  # noqa: SLF001  (what the timer calls)
        assert isinstance(await ours, Vector)
        cut = await hanging[-1]
        assert (cut.reason, cut.source_down) == (FailedReason.TIMEOUT, False)
        assert "other queries wait" in cut.message
        assert not any(task.done() for task in hanging[:-1])
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)


async def test_a_query_cancelled_while_it_waits_for_its_turn_is_never_asked(source: Make) -> None:
    reply, server = by_query(bad=never)
    async with running(reply) as fake:
        server.append(fake)
        asking = source(fake.url, concurrency=1)
        first = asyncio.create_task(failed(asking, "bad", timeout=SHORT))
        await until(lambda: asked(fake, "bad") == 1)
        waiting: asyncio.Task[object] = asyncio.create_task(asking.sample(query("never"), timeout=5))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await first
        assert isinstance(await asking.sample(query("up"), timeout=5), Vector)
        assert asked(fake, "never") == 0
