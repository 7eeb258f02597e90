"""The arm of a Rollout: what is not known is read, Deployment and Service at the same time."""

from __future__ import annotations

import asyncio

from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Reader, Writer, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads, WorkloadCaches


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
