"""The watch stream of Jobs against an API server that does not behave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from kubernetes.aio.client.configuration import Configuration

from lab.wait import until
from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running
from tidegate.adapters.kubernetes import job_watch
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.job_watch import STREAMS, JobWatch
from tidegate.adapters.kubernetes.jobs import JobCache

SECONDS = 30.0


def job(name: str, namespace: str = "shop", **annotations: str) -> dict[str, Any]:
    labels = {"tidegate.dev/rollout": "checkout"}
    names = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
    metadata = {**names, "resourceVersion": "7", "labels": labels, "annotations": annotations}
    return {"metadata": metadata, "spec": {}, "status": {}}


@dataclass
class Stage:
    """An API server with these Jobs, whose streams bring these events and then end, or stay open."""

    items: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    ends: bool = False
    open: int = 0
    most: int = 0
    lists: int = 0
    streams: int = 0
    server: FakeServer | None = None

    async def reply(self, reader: Reader, writer: Writer) -> None:
        assert self.server is not None
        if "watch" not in self.server.asked[-1].parameters:
            self.lists += 1
            writer.write(http(200, json.dumps({"metadata": {"resourceVersion": "5"}, "items": self.items}).encode()))
            return
        self.streams += 1
        self.open += 1
        self.most = max(self.most, self.open)
        lines = "".join(f"{json.dumps(event)}\n" for event in self.events).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + lines)
        await writer.drain()
        if not self.ends:
            await reader.read()
        self.open -= 1
        raise ConnectionError


@asynccontextmanager
async def watched(stage: Stage, *namespaces: str) -> AsyncIterator[JobCache]:
    cache = JobCache()
    async with running(stage.reply) as stage.server:
        api = Api(Configuration(host=stage.server.url))
        watching = asyncio.create_task(JobWatch(api, cache, lambda *_: None, namespaces).run())
        try:
            yield cache
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await api.close()


async def test_a_job_larger_than_a_buffer_is_seen() -> None:
    large = job("large", large="x" * 900_000)
    stage = Stage(events=[{"type": "ADDED", "object": large}, {"type": "ADDED", "object": job("next")}])
    async with watched(stage) as cache:
        cache.await_end(("shop", "large"), "checkout")
        stage.items = [job("large")]
        await until(lambda: cache.views.get(("shop", "next")) is not None, SECONDS, "the Job after it is seen")


@pytest.mark.parametrize("events", [[], [{"type": "ERROR", "object": {"code": 410, "message": "too old"}}]])
async def test_streams_that_end_at_once_are_not_begun_in_a_hurry(
    events: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert job_watch.RETRY[0] >= 1
    monkeypatch.setattr(job_watch, "RETRY", (60.0, 60.0))  # so that no pause of the machine is as long
    stage = Stage(items=[job("long")], events=events, ends=True)
    async with watched(stage) as cache:
        cache.await_end(("shop", "long"), "checkout")
        await until(lambda: stage.streams > 0, SECONDS, "a stream begins")
        await asyncio.sleep(0.5)
        assert (stage.streams, stage.lists) == (1, 1)


async def test_namespaces_in_which_no_end_is_awaited_have_no_stream_and_the_others_leave_room() -> None:
    stage = Stage()
    namespaces = [f"n{number}" for number in range(2 * STREAMS)]
    async with watched(stage, *namespaces) as cache:
        stage.items = [job("long", "n3")]
        cache.await_end(("n3", "long"), "checkout")
        await until(lambda: stage.open > 0, SECONDS, "its stream begins")
        assert (stage.lists, stage.most) == (1, 1)
        stage.items = [job("long", namespace) for namespace in namespaces]
        for namespace in namespaces:
            cache.await_end((namespace, "long"), "checkout")
        await until(lambda: stage.open == STREAMS, SECONDS, "as many as there is room for")
        assert stage.most == STREAMS


async def test_jobs_that_are_gone_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_watch, "RETRY", (0.01, 0.01))
    stage = Stage(items=[job("long"), *(job(f"done{number}") for number in range(50))], ends=True)
    async with watched(stage) as cache:
        cache.await_end(("shop", "long"), "checkout")
        await until(lambda: len(cache.views) == 51, SECONDS, "all are seen")
        stage.items, stage.events = [job("long")], [{"type": "ERROR", "object": {}}]
        await until(lambda: len(cache.views) == 1, SECONDS, "those that are gone are forgotten")
