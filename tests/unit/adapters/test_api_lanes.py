"""Which calls wait for which: five hundred outcomes and Events stand before no weight and no record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.lanes import RECORDS, WITHOUT_WRITES, Lanes
from tidegate.adapters.kubernetes.resources import COMMANDS, DEPLOYMENTS, EVENTS, ROLLOUTS, Resource
from tidegate.adapters.routers import BY_KIND

BODY = [{"op": "add", "path": "/status", "value": {}}]


@asynccontextmanager
async def held(kind: str) -> AsyncIterator[tuple[FakeServer, Api, asyncio.Event]]:
    """An API server on which calls about `kind` hang until the event is set."""
    go = asyncio.Event()
    server: list[FakeServer] = []

    async def reply(_: Reader, writer: Writer) -> None:
        if f"/{kind}" in server[0].asked[-1].path:
            await go.wait()
        writer.write(http(200, json.dumps({"kind": "Anything"}).encode()))

    async with running(reply) as fake:
        server.append(fake)
        configuration = Configuration(host=fake.url)
        configuration.connection_pool_maxsize = 256
        api = Api(configuration, timeout=120)
        try:
            yield fake, api, go
        finally:
            await api.close()


def asked(fake: FakeServer, kind: str) -> int:
    return sum(f"/{kind}" in one.path for one in fake.asked)


@pytest.mark.parametrize("weights", [BY_KIND["HTTPRoute"].resource, BY_KIND["GRPCRoute"].resource, DEPLOYMENTS])
async def test_five_hundred_outcomes_of_commands_stand_before_no_weight_and_no_record(weights: Resource) -> None:
    async with held("rolloutcommands") as (fake, api, go):
        outcomes = [
            asyncio.ensure_future(api.patch(COMMANDS, "shop", f"c{n}", BODY, manager="m", subresource="status"))
            for n in range(500)
        ]
        async with asyncio.timeout(60):
            while not asked(fake, "rolloutcommands"):  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0)
            await api.patch(weights, "shop", "web", BODY, manager="m")
            await api.patch(ROLLOUTS, "shop", "web", BODY, manager="m", subresource="status")
        assert asked(fake, "rolloutcommands") <= WITHOUT_WRITES
        go.set()
        await asyncio.gather(*outcomes)


async def test_an_events_api_that_hangs_holds_up_no_weight_and_no_record() -> None:
    async with held("events") as (fake, api, go):
        told = [asyncio.ensure_future(api.patch(EVENTS, "shop", f"e{n}", BODY, manager="m")) for n in range(200)]
        async with asyncio.timeout(60):
            while not asked(fake, "events"):  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0)
            await api.patch(BY_KIND["HTTPRoute"].resource, "shop", "web", BODY, manager="m")
            await api.patch(ROLLOUTS, "shop", "web", BODY, manager="m", subresource="status")
        go.set()
        await asyncio.gather(*told)


async def test_hundreds_of_records_that_hang_hold_up_no_weight() -> None:
    async with held("rollouts") as (fake, api, go):
        records = [
            asyncio.ensure_future(api.patch(ROLLOUTS, "shop", f"r{n}", BODY, manager="m", subresource="status"))
            for n in range(300)
        ]
        async with asyncio.timeout(60):
            while asked(fake, "rollouts") < RECORDS:  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0)
            await api.patch(BY_KIND["HTTPRoute"].resource, "shop", "web", BODY, manager="m")
        assert asked(fake, "rollouts") == RECORDS
        go.set()
        await asyncio.gather(*records)


Call = Callable[[Api, str], Awaitable[Any]]

OWNED: Final[dict[str, tuple[Call, str, int]]] = {
    "records of a Rollout": (
        lambda api, name: api.patch(ROLLOUTS, "shop", name, BODY, manager="m", subresource="status"),
        "rollouts",
        RECORDS,
    ),
    "reads of an object": (lambda api, name: api.get(DEPLOYMENTS, "shop", name), "deployments", WITHOUT_WRITES),
    "outcomes in a namespace": (
        lambda api, name: api.patch(COMMANDS, name, "abort", BODY, manager="m", subresource="status"),
        "rolloutcommands",
        WITHOUT_WRITES,
    ),
}
"""By what takes turns: a call for the one named, the kind in its path, and how many are under way at a time."""


@pytest.mark.parametrize("case", OWNED)
async def test_three_hundred_calls_of_one_stand_before_none_of_another(case: str) -> None:
    call, kind, room = OWNED[case]
    async with held(kind) as (fake, api, go):
        api._lanes = Lanes(longest_wait=1e6, record_waits=1e6)  # noqa: SLF001  (nothing goes for having waited long)
        calls = [asyncio.ensure_future(call(api, "busy")) for _ in range(300)]
        async with asyncio.timeout(60):
            while asked(fake, kind) < room:  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0)
        calls.append(asyncio.ensure_future(call(api, "other")))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*calls)
        place = next(number for number, one in enumerate(fake.asked) if "/other" in one.path)
        assert room <= place < 2 * room, "among the first that were let go on"
