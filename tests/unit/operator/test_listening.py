"""Watch streams that went silent without ending, and what is listed while there are none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.commands import KubernetesCommands
from tidegate.adapters.kubernetes.listings import AGAIN, Listings
from tidegate.adapters.kubernetes.resources import COMMANDS, ROLLOUTS
from tidegate.adapters.routers import BY_KIND, ROUTERS
from tidegate.handlers import Caches, Intake, Resync, takes_of
from tidegate.handlers.listening import BESIDE, SILENT, Listening

HTTP_ROUTES = BY_KIND["HTTPRoute"].resource


def raw(version: int, namespace: str = "shop", **content: Any) -> dict[str, Any]:  # noqa: ANN401
    metadata = {
        "namespace": namespace,
        "name": "web",
        "uid": "u",
        "generation": version,
        "resourceVersion": str(version),
    }
    return {"metadata": metadata, **content}


class Stage:
    """An API server that lists what it is given, the caches and a clock."""

    def __init__(self, late: float) -> None:
        self.late = late
        self.now = 0.0
        self.status = 200
        self.caches = Caches()
        self.woken: list[tuple[str, str]] = []
        self.intake = Intake(self.caches, self)
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.server: FakeServer
        self.api: Api
        self.listening: Listening

    def rollout_changed(self, _: str, name: str) -> None:
        self.woken.append(("Rollout", name))

    def object_changed(self, kind: str, _: str, name: str) -> None:
        self.woken.append((kind, name))

    async def reply(self, _: Reader, writer: Writer) -> None:
        plural = self.server.asked[-1].path.rpartition("/")[2]
        writer.write(http(self.status, json.dumps({"items": self.lists.get(plural, [])}).encode()))

    def run_in(self, *namespaces: str, **status: object) -> None:
        for namespace in namespaces:
            self.intake.rollout("ADDED", raw(1, namespace, status={"run": {"id": "1"}, **status}))
        self.woken.clear()

    def listed(self) -> list[str]:
        return [asked.path for asked in self.server.asked]


@asynccontextmanager
async def staged(late: float = 0.01) -> AsyncIterator[Stage]:
    stage = Stage(late)
    async with running(stage.reply) as server:
        stage.server = server
        stage.api = Api(Configuration(host=server.url))
        takes = takes_of(stage.intake)
        stage.listening = Listening(stage.api, stage.caches, takes, (), lambda: stage.now, late)
        for resource in (*stage.caches.routes.resources, *BESIDE):
            stage.listening.heard(resource)
        yield stage
        await stage.api.close()


async def test_nothing_is_listed_without_a_run_or_while_the_stream_speaks() -> None:
    async with staged() as stage:
        stage.now = 1000.0
        assert not await stage.listening.is_deaf(HTTP_ROUTES)
        stage.run_in("shop")
        stage.listening.heard(HTTP_ROUTES)
        stage.now += SILENT - 1
        assert not await stage.listening.is_deaf(HTTP_ROUTES)
        assert stage.server.asked == []


async def test_a_silent_stream_that_missed_nothing_costs_one_list_in_twenty_seconds() -> None:
    async with staged() as stage:
        stage.run_in("shop", "bank")
        stage.lists["httproutes"] = [raw(1, spec={"rules": []})]
        stage.intake.route(ROUTERS[0])("ADDED", stage.lists["httproutes"][0])
        for second in range(0, 61, 10):
            stage.now = float(second)
            assert not await stage.listening.is_deaf(HTTP_ROUTES)
        assert len(stage.listed()) == 3 * 2, "three times, in each namespace with a run"
        assert not any("deployments" in path for path in stage.listed())


@pytest.mark.parametrize("resource", [HTTP_ROUTES, ROLLOUTS, COMMANDS], ids=lambda one: one.kind)
async def test_what_a_deaf_stream_missed_is_taken_in_and_the_stream_begun_anew(resource: Any) -> None:  # noqa: ANN401
    async with staged() as stage:
        stage.run_in("shop")
        stage.lists[resource.plural] = [raw(7, spec={"rules": [], "rollout": "web", "action": "Abort"}, status={})]
        stage.now = SILENT + 1
        assert await stage.listening.is_deaf(resource)
        assert stage.woken == [(resource.kind, "web")]


async def test_a_stream_that_is_only_a_moment_late_is_not_deaf() -> None:
    async with staged(late=0.2) as stage:
        stage.run_in("shop")
        stage.lists["httproutes"] = [raw(7, spec={"rules": []})]
        stage.now = SILENT + 1
        looking = asyncio.create_task(stage.listening.is_deaf(HTTP_ROUTES))
        while not stage.woken:  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0)
        stage.now += 0.1
        stage.listening.heard(HTTP_ROUTES)
        assert not await looking


async def test_where_many_namespaces_have_runs_one_list_is_for_all() -> None:
    async with staged() as stage:
        stage.run_in(*(f"ns-{number}" for number in range(50)))
        stage.now = SILENT + 1
        await stage.listening.is_deaf(HTTP_ROUTES)
        assert stage.listed() == ["/apis/gateway.networking.k8s.io/v1/httproutes"]


async def test_a_list_that_fails_says_nothing_of_the_stream() -> None:
    async with staged() as stage:
        stage.run_in("shop")
        stage.now = SILENT + 1
        stage.status = 500
        assert not await stage.listening.is_deaf(HTTP_ROUTES)


async def test_a_hundred_ticks_without_a_watch_stream_are_one_list_of_their_namespace() -> None:
    async with staged() as stage:
        commands = KubernetesCommands(stage.api, stage.caches.commands, lambda: 0.0)
        stage.lists["rolloutcommands"] = [raw(3, spec={"rollout": "web", "action": "Pause"})]
        found = await asyncio.gather(*(commands.pending("shop", "web") for _ in range(100)))
        assert all(len(one) == 1 for one in found)
        await commands.pending("shop", "web")
        await commands.pending("bank", "web")
        assert len(stage.listed()) == 2, "one for each namespace"
        stage.caches.commands.filled = stage.caches.commands.watched = True
        await commands.pending("other", "web")
        assert len(stage.listed()) == 2


async def test_a_list_is_renewed_after_a_while_and_one_that_hangs_holds_nobody_up_for_long() -> None:
    now, lists = [0.0], [0]
    hang = asyncio.Event()

    async def list_(_: str) -> None:
        lists[0] += 1
        if lists[0] == 3:
            await hang.wait()

    listings = Listings(list_, lambda: now[0])
    for second in (0.0, AGAIN - 1, AGAIN, AGAIN + 1):
        now[0] = second
        await listings.ensure("shop")
    assert lists == [2]
    now[0] = 3 * AGAIN
    async with asyncio.timeout(30):
        await listings.ensure("shop")
        await listings.ensure("shop")
    assert lists == [3]
    hang.set()


async def test_a_resync_that_runs_while_the_streams_are_down_does_not_make_the_commands_complete() -> None:
    async with staged() as stage:
        resync = Resync(stage.api, stage.caches, stage.intake, now=lambda: 0.0)
        stage.caches.unwatch()
        await resync.once()
        assert not stage.caches.commands.complete
        stage.caches.commands.watched = True
        assert stage.caches.commands.complete


async def test_when_streams_begin_again_everything_is_listed_at_once() -> None:
    """And not minutes later, with a list for each tick meanwhile."""
    async with staged() as stage:
        resync = Resync(stage.api, stage.caches, stage.intake, now=lambda: 0.0)
        looking = asyncio.create_task(resync.run())

        async def lists(count: int) -> None:
            async with asyncio.timeout(30):
                while len(stage.listed()) < count:  # noqa: ASYNC110  (a condition, not a time)
                    await asyncio.sleep(0)

        await lists(2)
        resync.streams_began()
        await lists(4)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


@pytest.mark.parametrize(
    ("targets", "listed"),
    [
        ([{"kind": "HTTPRoute", "name": "web"}], False),
        ([{"kind": "GRPCRoute", "name": "web"}], True),
        ([], True),
        ("damaged", True),
        ([{"kind": "HTTPRoute"}, "damaged"], True),
    ],
)
async def test_a_kind_of_route_that_no_run_can_write_is_not_listed(targets: object, listed: bool) -> None:  # noqa: FBT001
    async with staged() as stage:
        stage.run_in("shop", targets=targets)
        stage.now = SILENT + 1
        await stage.listening.is_deaf(BY_KIND["GRPCRoute"].resource)
        assert bool(stage.listed()) is listed
