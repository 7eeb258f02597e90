"""A control plane of its own, so that its API server can be stopped, stopped short, or asked by someone with few rights."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from lab import manifests
from lab.control_plane import User
from lab.ports import free_port
from lab.stack import Lab
from lab.wait import PATIENCE, until
from tests.integration.contract.conftest import CRDS, RealStage
from tests.integration.contract.test_watches import Woken, watching
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.resources import DEPLOYMENTS
from tidegate.adapters.routers.rows.gateway_api import HTTP_ROUTE
from tidegate.core.model.world import ABSENT, RolloutObject, TargetRef, Unknown, Unseen
from tidegate.handlers.write_access import ASKED_EVERY, WriteAccessWatch
from tidegate.ports.world import World
from tidegate.runtime.compose import run_operator
from tidegate.runtime.settings import Settings

LIMITED = User("limited")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_lab() -> AsyncIterator[Lab]:
    async with Lab(node=False, prometheus=False, gateway=False, users=[LIMITED]) as running:
        await running.control_plane.install_crds(CRDS.glob("*.yaml"))
        await running.api.create(manifests.namespace("own"))
        yield running


async def stage_of(lab: Lab, kubeconfig: Path | None = None, timeout: float = 5) -> RealStage:
    configuration = await load_configuration(str(kubeconfig or lab.kubeconfig))
    return RealStage("own", Api(configuration, timeout=timeout), lab.api)


async def test_an_api_server_that_does_not_answer_is_unknown_in_time(own_lab: Lab) -> None:
    stage = await stage_of(own_lab, timeout=0.5)
    assert await stage.rollouts.read("own", "nobody", fresh=True) is ABSENT
    own_lab.control_plane.pause_api_server()
    try:
        while not isinstance(await stage.rollouts.read("own", "nobody", fresh=True), Unknown):
            continue  # it takes the signal a moment to stop every thread
        began = time.monotonic()
        assert isinstance(await stage.rollouts.read("own", "nobody", fresh=True), Unknown)
        assert isinstance(await stage.workloads.arm("own", "a", "b", fresh=True), Unknown)
        assert time.monotonic() - began < 30, "each after half a second, where without a limit of ours none would come"
    finally:
        own_lab.control_plane.resume_api_server()
        await stage.api.close()


async def test_watch_streams_come_back_after_an_outage(own_lab: Lab) -> None:
    stage = await stage_of(own_lab)
    async with watching(stage) as woken:
        await stage.put_rollout("before")
        await woken.of("Rollout", "own", "before")
        await own_lab.control_plane.stop_api_server()
        assert isinstance(await stage.rollouts.read("own", "before", fresh=True), Unknown)
        await own_lab.control_plane.start_api_server()
        await stage.put_rollout("after")
        await woken.of("Rollout", "own", "after")
        assert isinstance(await stage.rollouts.read("own", "before", fresh=True), RolloutObject)
    await stage.api.close()


async def test_a_kind_we_may_not_watch_is_unknown_and_stops_nothing_else(own_lab: Lab) -> None:
    rbac = "rbac.authorization.k8s.io"
    every = {"apiGroups": ["tidegate.dev", "apps", ""], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    crds = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["*"], "verbs": ["list", "watch"]}
    await own_lab.api.create({"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "few"}, "rules": [every, crds]})  # fmt: skip
    await own_lab.api.create(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "few"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "few"},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": LIMITED.name}],
        }
    )
    stage = await stage_of(own_lab, own_lab.control_plane.kubeconfig_of(LIMITED))
    async with watching(stage) as woken:
        await stage.put_rollout("limited")
        await woken.of("Rollout", "own", "limited")
        found = await stage.router.read(TargetRef("own", "HTTPRoute", "web", "a", "b"), fresh=True)
        assert isinstance(found, Unknown)
        assert found.kind is Unseen.NOT_ALLOWED
        assert "forbidden" in found.reason
    await _told_of_lost_rights(own_lab, stage)
    await stage.api.close()


async def _told_of_lost_rights(own_lab: Lab, stage: RealStage) -> None:
    """What a revert writes and may not is noticed without a write, and so are rights that come back."""
    woken, access = Woken(), WriteAccess()
    status = {"run": {"id": "1-a", "scalesToZeroFrom": 2}, "targets": [{"kind": "HTTPRoute", "name": "web"}]}
    rollout = RolloutObject("own", "limited", "uid", 1, "1", 0.0, deleting=False, finalizers=(), spec={}, status=status)
    stage.caches.rollouts.put(("own", "limited"), "999999999", rollout, watched=True)
    watch = WriteAccessWatch(stage.api, stage.caches, access, woken)
    for _ in range(ASKED_EVERY):
        await watch.once()
    assert access.refusal(HTTP_ROUTE.resource, "own").startswith(
        "the operator may not patch httproutes.gateway.networking.k8s.io"
    )
    assert access.refusal(DEPLOYMENTS, "own") == "the operator may not patch deployments.apps in namespace 'own'"
    assert woken.seen == [("Rollout", "own", "limited")] * 2
    few = await own_lab.api.get("rbac.authorization.k8s.io/v1", "ClusterRole", "few")
    routes = {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["httproutes"], "verbs": ["get", "patch"]}
    await own_lab.api.patch(few, {"rules": [*few["rules"], routes]})

    async def allowed() -> bool:
        await watch.once()
        return not access.refusal(HTTP_ROUTE.resource, "own")

    await until(allowed, PATIENCE, "the right is noticed")
    assert woken.seen == [("Rollout", "own", "limited")] * 3


class Idle:
    """A scheduler that only keeps its heart beating."""

    def __init__(self) -> None:
        self.woken: list[tuple[str, ...]] = []
        self.running = asyncio.Event()
        self.ended = False

    @property
    def heartbeat(self) -> float:
        return time.monotonic()

    def rollout_changed(self, namespace: str, name: str) -> None:
        self.woken.append((namespace, name))

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        self.woken.append((kind, namespace, name))

    async def run(self, stop: asyncio.Event) -> None:
        self.running.set()
        await stop.wait()
        self.ended = True


async def test_the_operator_runs_serves_and_ends_when_told(own_lab: Lab, unused_tcp_port: int) -> None:
    scheduler = Idle()

    def made(_: World, __: Settings) -> Idle:
        return scheduler

    settings = Settings.model_validate(
        {"listen": f"127.0.0.1:{unused_tcp_port}", "sources": {"default": {"url": "http://127.0.0.1:1"}}}
    )
    task = asyncio.create_task(run_operator(settings, made, kubeconfig=str(own_lab.kubeconfig)))
    await asyncio.wait_for(scheduler.running.wait(), PATIENCE)
    stage = await stage_of(own_lab)
    await stage.put_rollout("operated")
    async with asyncio.timeout(PATIENCE), aiohttp.ClientSession(f"http://127.0.0.1:{unused_tcp_port}") as session:
        while ("own", "operated") not in scheduler.woken:  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0.02)
        for path, words in (("/healthz", "ok"), ("/readyz", "ok"), ("/metrics", "tidegate_api_call_seconds")):
            async with session.get(path) as response:
                assert response.status == 200
                assert words in await response.text()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, PATIENCE)
    assert scheduler.ended
    await stage.api.close()


@pytest.fixture
def unused_tcp_port() -> int:
    return free_port()
