"""What is written as a Kubernetes Event: once, then counted, and never with text that does more than to be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Asked, FakeServer, Reader, Writer, http, running
from tests.unit.api.test_text import FORGED, UNSAFE
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.events import LONGEST_MESSAGE, SERIES, WRITTEN_EVERY, KubernetesEvents
from tidegate.api.reasons import Reason
from tidegate.api.values.text import printable
from tidegate.core.model.plan import Decision
from tidegate.core.model.world import RolloutObject

ROLLOUT = RolloutObject("shop", "web", "u-1", 3, "77", 0.0, False, (), {}, {})


@dataclass
class Stage:
    """An API server that takes Events, and a clock."""

    now: float = 1_700_000_000.0
    gone: bool = False
    """The Events that were created are not there any more."""
    server: list[FakeServer] = field(default_factory=list)
    events: list[KubernetesEvents] = field(default_factory=list)

    async def reply(self, _: Reader, writer: Writer) -> None:
        if self.gone and self.server[0].asked[-1].method == "PATCH":
            status, body = 404, {"kind": "Status", "reason": "NotFound", "details": {"name": "web.1", "kind": "events"}}
        else:
            status, body = 201, {"kind": "Event"}
        writer.write(http(status, json.dumps(body).encode()))

    async def announce(self, message: str) -> None:
        await self.events[0].announce(ROLLOUT, Decision(Reason.GUARD_BREACHED, message, warning=True))

    @property
    def asked(self) -> list[Asked]:
        return self.server[0].asked


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    stage = Stage()
    async with running(stage.reply) as server:
        stage.server.append(server)
        api = Api(Configuration(host=server.url))
        stage.events.append(KubernetesEvents(api, lambda: stage.now, "tidegate-0"))
        try:
            yield stage
        finally:
            await api.close()


def created(asked: Asked) -> dict[str, Any]:
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/shop/events")
    found: dict[str, Any] = json.loads(asked.body)
    return found


def counted(asked: Asked) -> dict[str, Any]:
    assert asked.method == "PATCH"
    return {one["path"]: one["value"] for one in json.loads(asked.body)}


async def test_forged_text_is_escaped_in_the_event_and_where_it_is_counted() -> None:
    async with staged() as stage:
        for seen in ("40%", "41%"):
            await stage.announce(f"{FORGED}: errors of the candidate is {seen}")
            stage.now += WRITTEN_EVERY
        first, again = stage.asked
    assert created(first)["message"] == f"{printable(FORGED)}: errors of the candidate is 40%"
    assert counted(again)["/message"] == f"{printable(FORGED)}: errors of the candidate is 41%"
    assert counted(again)["/count"] == 2
    assert not UNSAFE.search(created(first)["message"] + counted(again)["/message"])


async def test_what_happens_again_at_once_is_counted_with_the_next_write_and_after_a_while_it_is_another_event() -> (
    None
):
    async with staged() as stage:
        for pause in (1.0, 1.0, WRITTEN_EVERY, SERIES):
            await stage.announce("the route is contested")
            stage.now += pause
        await stage.announce("the route is contested")
        first, again, anew = stage.asked
        assert (created(first)["count"], created(first)["type"]) == (1, "Warning")
        assert created(first)["involvedObject"]["uid"] == "u-1"
        assert counted(again)["/count"] == 4
        assert created(anew)["count"] == 1


async def test_an_event_that_is_gone_is_created_again() -> None:
    async with staged() as stage:
        stage.gone = True
        await stage.announce("the route is contested")
        stage.now += WRITTEN_EVERY
        await stage.announce("the route is contested")
        assert [one.method for one in stage.asked] == ["POST", "PATCH", "POST"]


async def test_a_message_is_cut_where_the_api_server_would_refuse_it() -> None:
    async with staged() as stage:
        await stage.announce("größer" * LONGEST_MESSAGE)
        message = created(stage.asked[0])["message"]
    assert len(message.encode()) <= LONGEST_MESSAGE
    assert message.endswith("…")
