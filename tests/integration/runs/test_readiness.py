"""An operator that may not see anything is not ready, and says what it lacks."""

from __future__ import annotations

import asyncio

import aiohttp

from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tidegate.runtime.compose import run_operator
from tidegate.runtime.settings import Settings


async def test_an_operator_without_permissions_is_alive_and_not_ready(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody", "namespace": namespace}}
    await lab.api.create(account)
    kubeconfig = await lab.control_plane.kubeconfig_of_service_account(namespace, "nobody")
    port, stop = free_port(), asyncio.Event()
    settings = Settings(listen=f"127.0.0.1:{port}")
    running = asyncio.create_task(run_operator(settings, kubeconfig=str(kubeconfig), stop=stop))

    async def asked(probe: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/{probe}") as response:
            return response.status, await response.text()

    async def told() -> str | None:
        try:
            status, text = await asked("readyz")
        except aiohttp.ClientError:
            return None
        return text if status == 503 and "forbidden" in text else None

    try:
        said = await until(told, PATIENCE, "/readyz says what is missing")
        assert said is not None
        assert "rollouts.tidegate.dev is forbidden" in said
        assert "see deploy/cluster/rbac.yaml" in said
        assert (await asked("healthz"))[0] == 200, "a restart would not help"
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE)
