"""What keeps the caches and permissions of a running operator current is connected, and runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Asked, FakeServer, Reader, Writer, http, running
from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import Api
from tidegate.handlers import Caches
from tidegate.runtime.cluster import ClusterAdapters
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.settings import Settings

PATIENCE = 30.0
"""Seconds within which anything happens that ever does."""
ROLLOUTS_PATH = "/apis/tidegate.dev/v1alpha1/rollouts"
SETTINGS = {
    "commandPolicy": "tidegate-commands",
    "freezes": [
        {
            "name": "holidays",
            "from": "2026-12-18T17:00:00Z",
            "to": "9999-01-01T00:00:00Z",
            "reason": "holidays",
            "namespaceSelector": {"matchLabels": {"tier": "production"}},
        }
    ],
}


class Nobody:
    """Whom changes wake where nobody waits."""

    def rollout_changed(self, namespace: str, name: str) -> None:
        """Does nothing."""

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        """Does nothing."""


@dataclass
class Stage:
    """The adapters on an API server that lists nothing and takes every write."""

    server: FakeServer
    cluster: ClusterAdapters

    def count(self, wanted: Callable[[Asked], bool]) -> int:
        """How many such requests there were."""
        return sum(map(wanted, self.server.asked))

    async def until(self, wanted: Callable[[Asked], bool], more_than: int = 0) -> None:
        """Waits until there were more than so many such requests."""
        async with asyncio.timeout(PATIENCE):
            while self.count(wanted) <= more_than:  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0)


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async def reply(_: Reader, writer: Writer) -> None:
        writer.write(http(200, json.dumps({"items": []}).encode()))

    async with running(reply) as server:
        api = Api(Configuration(host=server.url))
        try:
            settings = Settings.model_validate(SETTINGS)
            yield Stage(server, await ClusterAdapters.on(api, Caches(), SystemClock(), settings))
        finally:
            await api.close()


@asynccontextmanager
async def under_way(*works: Any) -> AsyncIterator[None]:  # noqa: ANN401  (coroutines)
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


def lists_rollouts(asked: Asked) -> bool:
    return asked.path == ROLLOUTS_PATH


async def test_when_streams_begin_again_rollouts_are_listed_at_once() -> None:
    async with staged() as stage:
        watches, background = stage.cluster.watched_by(Nobody(), Metrics())
        async with under_way(*(run() for run in background)):
            await stage.until(lists_rollouts)
            watches.begun()
            await stage.until(lists_rollouts, more_than=1)


def refuses(asked: Asked) -> bool:
    return asked.method == "PATCH" and asked.path.endswith("/rolloutcommands/dance/status")


LOOKS: dict[str, Callable[[Asked], bool]] = {
    "labels of namespaces": lambda asked: asked.path == "/api/v1/namespaces",
    "the policy of commands": lambda asked: asked.path.endswith("/validatingadmissionpolicies/tidegate-commands"),
    "a command that no run takes": refuses,
}


@pytest.mark.parametrize("case", LOOKS)
async def test_what_no_stream_tells_of_is_looked_at_again_and_again(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for constant in ("LABELS_EVERY", "POLICY_EVERY", "UPKEEP"):
        monkeypatch.setattr(f"tidegate.runtime.cluster.{constant}", 0.001)
    async with staged() as stage:
        metadata = {"namespace": "shop", "name": "dance", "uid": "u", "resourceVersion": "1"}
        command = {"metadata": metadata, "spec": {"rollout": "web", "action": "Dance"}}
        stage.cluster.caches.commands.put(command, watched=True)
        before = stage.count(LOOKS[case])
        async with under_way(*stage.cluster.looks()):
            await stage.until(LOOKS[case], more_than=before + (LOOKS[case] is not refuses))
