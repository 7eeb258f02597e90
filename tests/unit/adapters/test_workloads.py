"""The arm of a Rollout: what is not known is read, Deployment and Service at the same time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from kubernetes.aio.client.configuration import Configuration

from lab.wait import until
from tests.unit.adapters.fake_server import Reader, Writer, running
from tests.unit.adapters.test_deployments import DONE, deployment
from tidegate.adapters.kubernetes import workloads as module
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.deployments import deployment_view
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.kubernetes.workloads import MISSES, KubernetesWorkloads, WorkloadCaches
from tidegate.ports.errors import Missing


async def test_what_no_watch_has_brought_is_read_at_the_same_time() -> None:
    both = asyncio.Event()
    asked = 0

    async def hang(_: Reader, __: Writer) -> None:
        nonlocal asked
        asked += 1
        if asked == 2:
            both.set()
        await asyncio.Event().wait()

    async with running(hang) as fake:
        api = Api(Configuration(host=fake.url))
        looking = asyncio.create_task(KubernetesWorkloads(api, WorkloadCaches()).arm("shop", "web", "web", fresh=False))
        await asyncio.wait_for(both.wait(), 30)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await api.close()


class Held:
    """An API whose single reads wait until they may go; nothing exists."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.names: list[str] = []

    async def get(self, resource: Resource, namespace: str, name: str) -> dict[str, Any]:
        self.names.append(name)
        await self.go.wait()
        raise Missing(f"{resource.kind} {namespace}/{name}")

    async def pages(self, *_: object) -> AsyncIterator[list[dict[str, Any]]]:
        yield []


async def _all_read(workloads: KubernetesWorkloads, *, fresh: bool = False) -> list[asyncio.Task[object]]:
    """So many arms, each Deployment and Service with names of their own, are being looked at."""
    looks: list[asyncio.Task[object]] = [
        asyncio.create_task(workloads.arm("shop", f"d{number}", f"s{number}", fresh=fresh)) for number in range(50)
    ]
    for _ in range(10):
        await asyncio.sleep(0)
    return looks


async def test_a_start_beside_thousands_reads_few_of_them_one_by_one_while_the_streams_bring_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MISS_WAITS", math.inf)
    api, caches = Held(), WorkloadCaches()
    looks = await _all_read(KubernetesWorkloads(cast("Api", api), caches))
    assert len(api.names) == MISSES
    for number in range(50):
        caches.deployments.put(
            ("shop", f"d{number}"), "7", replace(deployment_view(deployment(**DONE)), uid=f"u{number}"), watched=True
        )
        caches.services.put(("shop", f"s{number}"), "7", {"app": "web"}, watched=True)
    api.go.set()
    await asyncio.gather(*looks)
    assert len(api.names) == MISSES, "the others were brought meanwhile"


async def test_reads_that_hang_keep_others_waiting_for_half_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MISS_WAITS", 0.01)
    api = Held()
    looks = await _all_read(KubernetesWorkloads(cast("Api", api), WorkloadCaches()))
    await until(lambda: len(api.names) == 100, 5, "everything is being read")
    api.go.set()
    await asyncio.gather(*looks)


async def test_what_must_be_read_live_waits_for_no_other_read() -> None:
    api = Held()
    looks = await _all_read(KubernetesWorkloads(cast("Api", api), WorkloadCaches()), fresh=True)
    assert len(api.names) == 100
    api.go.set()
    await asyncio.gather(*looks)
