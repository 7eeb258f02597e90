"""The arms of a Rollout: what is not known is read, Deployment and Service at the same time; a write that is undone is none."""

from __future__ import annotations

import asyncio
import json

import pytest
from kubernetes.aio.client.configuration import Configuration

from tests.unit.adapters.fake_server import Reader, Writer, running
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.workloads import KubernetesWorkloads, WorkloadCaches
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.world import Template
from tidegate.ports.errors import Rejected
from tidegate.ports.protocols import Manager


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


async def test_a_changed_template_that_a_webhook_undoes_within_the_write_is_refused() -> None:
    container = {"name": "app", "image": "shop:v1"}
    deployment = {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "generation": 4, "resourceVersion": "7"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"spec": {"containers": [container]}}},
    }
    body = json.dumps(deployment).encode()

    async def answer(_: Reader, writer: Writer) -> None:
        start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        writer.write(start + str(len(body)).encode() + b"\r\n\r\n" + body)

    change = TemplateChange({"containers": [{**container, "image": "shop:v2"}]}, {})
    async with running(answer) as fake:
        api = Api(Configuration(host=fake.url))
        workloads = KubernetesWorkloads(api, WorkloadCaches())
        found = await workloads.template("shop", "web")
        assert isinstance(found, Template)
        assert found.generation == 4
        with pytest.raises(Rejected, match="stored unchanged"):
            await workloads.write_template("shop", "web", found, change, Manager.REVERT)
        await api.close()
