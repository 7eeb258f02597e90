from __future__ import annotations

import asyncio
import importlib
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import kopf
import pytest
from kopf._cogs.structs.references import Insights
from kubernetes.aio.client.configuration import Configuration
from structlog.testing import capture_logs

from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running
from tests.unit.operator.test_listening import raw
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import CLUSTER_METRIC_TEMPLATES, DEPLOYMENTS, ROLLOUTS
from tidegate.handlers import Caches, Intake, Watches
from tidegate.handlers.watches import STREAMS


class Nobody:
    """Whom the intake wakes where nobody waits."""

    def rollout_changed(self, namespace: str, name: str) -> None:
        """Does nothing."""

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        """Does nothing."""


Session = Callable[[set[str]], Awaitable[None]]
SECONDS = 30.0
"""Within which anything happens that ever does: a thread of a busy machine may begin late."""


class ScriptedWatches(Watches):
    """Watches whose Kopf does what a test says, told the kinds it is to watch."""

    session: Session
    scanning: bool | None = None

    async def _operator(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, insights: Insights
    ) -> None:
        del insights
        self.scanning = not settings.scanning.disabled
        handlers = registry._watching.get_all_handlers()  # noqa: SLF001  (what Kopf will watch)
        await self.session({str(handler.selector.plural) for handler in handlers if handler.selector})


@asynccontextmanager
async def watching(
    session: Session, denied: set[str], begun: Callable[[], None] | None = None
) -> AsyncIterator[tuple[Caches, Callable[[], Awaitable[None]]]]:
    async with scripted(session, denied, begun) as (_, caches, end):
        yield caches, end


@asynccontextmanager
async def scripted(
    session: Session,
    denied: set[str],
    begun: Callable[[], None] | None = None,
    namespaces: tuple[str, ...] = (),
    listed: Sequence[Mapping[str, Any]] = (),
) -> AsyncIterator[tuple[ScriptedWatches, Caches, Callable[[], Awaitable[None]]]]:
    """Watches on an API server that denies to watch some kinds, and lists `listed` of every kind."""
    server: list[FakeServer] = []

    async def review(_: Reader, writer: Writer) -> None:
        if server[0].asked[-1].method == "GET":
            writer.write(http(200, json.dumps({"items": listed}).encode()))
            return
        asked = json.loads(server[0].asked[-1].body)["spec"]["resourceAttributes"]["resource"]
        writer.write(http(201, json.dumps({"status": {"allowed": asked not in denied}}).encode()))

    async with running(review) as fake:
        server.append(fake)
        api, caches, stop = Api(Configuration(host=fake.url)), Caches(), asyncio.Event()
        takes = dict.fromkeys((ROLLOUTS, DEPLOYMENTS), lambda _event, _raw: None)
        watches = ScriptedWatches(api, caches, takes, namespaces, waits=(0.01, 0.02), ask_again=0.01, patience=0.05)
        watches.session = session
        watches.begun = begun or watches.begun
        task = asyncio.create_task(watches.run(stop))

        async def end() -> None:
            stop.set()
            await asyncio.wait_for(task, SECONDS)

        try:
            yield watches, caches, end
        finally:
            await end()
            await api.close()


@pytest.mark.parametrize(
    ("denied", "namespaces", "scanning"),
    [
        (set(), (), True),
        (set(), ("shop",), True),
        ({"namespaces"}, (), True),
        ({"namespaces"}, ("shop",), False),
        ({"customresourcedefinitions"}, (), False),
        ({"customresourcedefinitions"}, ("shop",), False),
    ],
)
async def test_what_comes_later_is_looked_for_only_where_that_is_allowed(
    denied: set[str], namespaces: tuple[str, ...], *, scanning: bool
) -> None:
    began = asyncio.Event()
    ours = asyncio.get_running_loop()

    async def session(kinds: set[str]) -> None:
        ours.call_soon_threadsafe(began.set)
        await for_ever(kinds)

    async with scripted(session, denied, namespaces=namespaces) as (watches, _, _):
        await asyncio.wait_for(began.wait(), SECONDS)
        assert watches.scanning is scanning


async def for_ever(_: set[str]) -> None:
    await asyncio.Event().wait()


Session: TypeAlias = Callable[[set[str]], Awaitable[None]]


def beginning_again(first: Session) -> tuple[Session, list[set[str]], asyncio.Event]:
    """Sessions of which the second goes on for ever; the kinds of each, and what is set once the second has begun."""
    sessions: list[set[str]] = []
    again, ours = asyncio.Event(), asyncio.get_running_loop()

    async def session(kinds: set[str]) -> None:
        sessions.append(kinds)
        if len(sessions) > 1:
            ours.call_soon_threadsafe(again.set)
            await for_ever(kinds)
        await first(kinds)

    return session, sessions, again


@pytest.mark.parametrize("error", [RuntimeError("a watch failed"), None])
async def test_when_kopf_ends_the_streams_begin_anew(error: Exception | None) -> None:
    async def first(_: set[str]) -> None:
        if error:
            raise error

    session, sessions, again = beginning_again(first)
    async with watching(session, set()) as (caches, _):
        caches.workloads.services.put(("shop", "web"), "1", {}, watched=True)
        await asyncio.wait_for(again.wait(), SECONDS)
        assert caches.workloads.services.get(("shop", "web")) is None, "what the first session brought is read live now"
    assert sessions == [{"rollouts", "deployments"}] * 2


async def test_a_stream_that_is_deaf_ends_the_session_and_a_second_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.handlers.listening.SILENT", 0.02)
    session, sessions, again = beginning_again(for_ever)
    with capture_logs() as logs:
        async with scripted(session, set(), listed=[raw(7, status={"run": {"id": "1"}})]) as (watches, caches, _):
            Intake(caches, Nobody()).rollout("ADDED", raw(1, status={"run": {"id": "1"}}))
            watches._listening._late = 0.0  # noqa: SLF001  (the stream brings nothing: there is nothing to wait for)
            await asyncio.wait_for(again.wait(), SECONDS)
    assert sessions[:2] == [{"rollouts", "deployments"}] * 2
    stalled = [one["kind"] for one in logs if one["event"].startswith("watch stream stalled")]
    assert stalled
    assert set(stalled) == {"Rollout"}, "no Deployment is listed for it"


async def test_a_kopf_whose_streams_have_ended_and_that_has_not_is_ended() -> None:
    sessions: list[set[str]] = []
    again = asyncio.Event()
    ours = asyncio.get_running_loop()

    async def session(kinds: set[str]) -> None:
        sessions.append(kinds)
        if len(sessions) > 1:
            ours.call_soon_threadsafe(again.set)
        else:
            asyncio.create_task(asyncio.sleep(0.05), name=STREAMS)  # noqa: RUF006  (held until it is done)
        await for_ever(kinds)

    async with watching(session, set()):
        await asyncio.wait_for(again.wait(), SECONDS)


def test_kopf_still_has_a_task_of_that_name() -> None:
    assert f'name="{STREAMS}"' in inspect.getsource(importlib.import_module("kopf._core.reactor.running"))


async def test_kopf_is_not_given_what_may_not_be_watched_until_it_may() -> None:
    denied = {"deployments"}
    sessions: list[set[str]] = []
    changed = asyncio.Event()
    ours = asyncio.get_running_loop()

    async def session(kinds: set[str]) -> None:
        sessions.append(kinds)
        ours.call_soon_threadsafe(changed.set)
        await for_ever(kinds)

    async with watching(session, denied) as _:
        await asyncio.wait_for(changed.wait(), SECONDS)
        assert sessions == [{"rollouts"}]
        changed.clear()
        denied.clear()
        await asyncio.wait_for(changed.wait(), SECONDS)
    assert sessions[-1] == {"rollouts", "deployments"}


async def test_told_to_stop_everything_ends_at_once() -> None:
    started = asyncio.Event()
    ours = asyncio.get_running_loop()

    async def session(kinds: set[str]) -> None:
        ours.call_soon_threadsafe(started.set)
        await for_ever(kinds)

    async with watching(session, set()) as (_, end):
        await asyncio.wait_for(started.wait(), SECONDS)
        await asyncio.wait_for(end(), SECONDS)


async def test_kinds_in_no_namespace_are_asked_for_in_the_whole_cluster_though_namespaces_are_named() -> None:
    async def review(_: Reader, writer: Writer) -> None:
        writer.write(http(201, json.dumps({"status": {"allowed": True}}).encode()))

    async with running(review) as fake:
        api = Api(Configuration(host=fake.url))
        takes = dict.fromkeys((ROLLOUTS, CLUSTER_METRIC_TEMPLATES), lambda _event, _raw: None)
        assert await Watches(api, Caches(), takes, ["shop", "mall"])._allowed() == list(takes)  # noqa: SLF001
        asked = [json.loads(one.body)["spec"]["resourceAttributes"] for one in fake.asked]
        await api.close()
    assert {(one["resource"], one["namespace"]) for one in asked} == {
        ("rollouts", "shop"),
        ("rollouts", "mall"),
        ("clustermetrictemplates", ""),
    }


async def test_what_may_not_be_watched_is_said_once_and_once_more_when_that_changes() -> None:
    """And not every minute for ever."""
    denied = {"deployments"}
    sessions: list[set[str]] = []

    async def session(watched: set[str]) -> None:
        sessions.append(watched)
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with watching(session, denied) as (_, end):
            async with asyncio.timeout(SECONDS):
                while not sessions:  # noqa: ASYNC110  (a condition, not a time)
                    await asyncio.sleep(0.01)
                for _ in range(20):
                    await asyncio.sleep(0.01)
                assert [one["event"] for one in logs if "to watch" in one["event"]] == ["not allowed to watch"]
                denied.clear()
                while len(sessions) < 2:  # noqa: ASYNC110  (a condition, not a time)
                    await asyncio.sleep(0.01)
            await end()
    said = [(one["log_level"], one["event"]) for one in logs if "to watch" in one["event"]]
    assert said == [("error", "not allowed to watch"), ("info", "allowed to watch again")]


async def test_streams_that_begin_again_are_told_and_the_first_ones_are_not() -> None:
    told: list[None] = []
    sessions = 0

    async def session(_: set[str]) -> None:
        nonlocal sessions
        sessions += 1
        if sessions == 1:
            assert told == []
        if sessions == 3:
            await asyncio.Event().wait()

    async with watching(session, set(), begun=lambda: told.append(None)) as (caches, end):
        async with asyncio.timeout(SECONDS):
            while sessions < 3:  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0.01)
        assert len(told) == 2
        assert caches.commands.watched
        await end()
        assert not caches.commands.watched


async def test_only_kinds_that_were_refused_are_asked_for_again() -> None:
    async def review(_: Reader, writer: Writer) -> None:
        writer.write(http(201, json.dumps({"status": {"allowed": True}}).encode()))

    async with running(review) as fake:
        api = Api(Configuration(host=fake.url))
        takes = dict.fromkeys((ROLLOUTS, CLUSTER_METRIC_TEMPLATES), lambda _event, _raw: None)
        watches = Watches(api, Caches(), takes, ask_again=0.0)
        await asyncio.wait_for(watches._permissions_changed([ROLLOUTS]), SECONDS)  # noqa: SLF001
        asked = {json.loads(one.body)["spec"]["resourceAttributes"]["resource"] for one in fake.asked}
        await api.close()
    assert asked == {"clustermetrictemplates"}
