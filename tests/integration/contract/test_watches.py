"""Kopf's watch streams on a real API server: what they bring, whom they wake, and that they come back."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.control_plane import ControlPlane
from lab.wait import PATIENCE
from tests.integration.contract.conftest import RealStage
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.api.metric_template.ref import TemplateKind, TemplateRef
from tidegate.core.model.world import Arm, RolloutObject, Route, TargetRef
from tidegate.handlers import Intake, Resync, Watches, takes_of
from tidegate.handlers.intake import Take
from tidegate.ports.protocols import Manager


class Woken:
    """Remembers who was woken."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def rollout_changed(self, namespace: str, name: str) -> None:
        self.seen.append(("Rollout", namespace, name))

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        self.seen.append((kind, namespace, name))

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0.02)

    async def of(self, *what: str, times: int = 1) -> None:
        await self.until(lambda: self.seen.count(what) >= times)


@asynccontextmanager
async def watching(
    stage: RealStage,
    *namespaces: str,
    api: Api | None = None,
    more: Mapping[Resource, Take] | None = None,
    kind: type[Watches] = Watches,
) -> AsyncIterator[Woken]:
    woken, stop = Woken(), asyncio.Event()
    takes = {**takes_of(Intake(stage.caches, woken)), **(more or {})}
    watches = kind(api or stage.api, stage.caches, takes, namespaces, ask_again=1.0)
    task = asyncio.create_task(watches.run(stop))
    try:
        yield woken
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await task
        assert "watches" not in {thread.name for thread in threading.enumerate()}


async def test_each_kind_wakes_and_is_answered_without_a_call(stage: RealStage) -> None:
    ns = stage.namespace
    await stage.put_rollout("shop")
    await stage.put_service("shop", {"app": "shop"})
    await stage.put_deployment("shop", {"containers": [{"name": "app", "image": "none:1"}]}, 1)
    await stage.put_route("HTTPRoute", "shop", {"everyone": [("shop", 100), ("shop-canary", 0)]})
    await stage.put_route("GRPCRoute", "shop", {"everyone": [("shop", 100), ("shop-canary", 0)]})
    await stage.put_command("one", "shop", "Pause")
    async with watching(stage) as woken:
        for kind in ("Rollout", "Deployment", "Service", "HTTPRoute", "GRPCRoute", "RolloutCommand"):
            await woken.of(kind, ns, "shop")
        arm = stage.caches.workloads.deployments
        await woken.until(lambda: (view := arm.get((ns, "shop"))) is not None and view.rolled_out)
        # From here on nothing may need the API server, except the names of the ReplicaSets, once.
        assert isinstance(await stage.workloads.arm(ns, "shop", "shop", fresh=False), Arm)
        calls: list[str] = []
        stage.api._observer = lambda verb, resource, *_: calls.append(f"{verb} {resource}")  # noqa: SLF001
        ref = TargetRef(ns, "HTTPRoute", "shop", "shop", "shop-canary")
        assert isinstance(await stage.workloads.arm(ns, "shop", "shop", fresh=False), Arm)
        assert isinstance(await stage.router.read(ref, fresh=False), Route)
        assert isinstance(await stage.rollouts.read(ns, "shop", fresh=False), RolloutObject)
        assert calls == []


async def test_a_rollouts_own_status_wakes_nothing_and_all_else_about_it_does(stage: RealStage) -> None:
    what = ("Rollout", stage.namespace, "shop")
    async with watching(stage) as woken:
        await stage.put_rollout("shop")
        await woken.of(*what)
        rollout = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
        assert isinstance(rollout, RolloutObject)
        written = await stage.rollouts.write_status(rollout, {"phase": "Idle"}, run_only=False)
        await stage.edit_rollout("shop")
        await woken.of(*what, times=2)
        assert woken.seen.count(what) == 2, "the status write came before the edit and woke nobody"
        rollout = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
        assert isinstance(rollout, RolloutObject)
        assert rollout.generation > written.generation
        await stage.rollouts.set_finalizer(rollout, present=True)
        await woken.of(*what, times=3)
        await stage.delete_rollout("shop")
        await woken.of(*what, times=4)
        going = await stage.rollouts.read(stage.namespace, "shop", fresh=True)
        assert isinstance(going, RolloutObject)
        await stage.rollouts.set_finalizer(going, present=False)
        await woken.of(*what, times=5)


async def test_a_gateway_that_repeats_itself_wakes_nobody(stage: RealStage) -> None:
    what = ("HTTPRoute", stage.namespace, "shop")
    await stage.put_route("HTTPRoute", "shop", {"everyone": [("shop", 100), ("shop-canary", 0)]})
    async with watching(stage) as woken:
        await woken.of(*what)
        await stage.report_route("HTTPRoute", "shop", accepted=True)
        await woken.of(*what, times=2)
        item = stage.item("gateway.networking.k8s.io/v1", "HTTPRoute", "shop")
        await stage.hands.patch(item, {"metadata": {"labels": {"nothing": "to-us"}}})
        ref = TargetRef(stage.namespace, "HTTPRoute", "shop", "shop", "shop-canary")
        route = await stage.router.read(ref, fresh=True)
        assert isinstance(route, Route)
        await stage.router.write(route, {"everyone": (90, 10)}, Manager.FORWARD)
        await woken.of(*what, times=3)
        assert woken.seen.count(what) == 3


async def test_nothing_is_written_on_users_objects(stage: RealStage) -> None:
    await stage.put_deployment("shop", {"containers": [{"name": "app", "image": "none:1"}]}, 0)
    await stage.put_rollout("shop")
    async with watching(stage) as woken:
        await woken.of("Deployment", stage.namespace, "shop")
        await woken.of("Rollout", stage.namespace, "shop")
    for api_version, kind in (("apps/v1", "Deployment"), ("tidegate.dev/v1alpha1", "Rollout")):
        metadata = (await stage.hands.get(api_version, kind, "shop", stage.namespace))["metadata"]
        assert not {key for key in metadata.get("annotations") or {} if not key.startswith("deployment.kubernetes.io")}
        assert not metadata.get("finalizers")


async def test_only_the_namespaces_served_are_watched(stage: RealStage) -> None:
    await stage.put_rollout("shop")
    async with watching(stage, stage.namespace) as woken:
        await woken.of("Rollout", stage.namespace, "shop")
        kinds_of_no_namespace = {str(TemplateKind.CLUSTER_METRIC_TEMPLATE)}
        seen = {where for kind, where, _ in woken.seen if kind not in kinds_of_no_namespace}
        assert seen == {stage.namespace}


async def test_templates_of_both_kinds_wake_though_only_namespaces_are_served(stage: RealStage) -> None:
    own = TemplateRef(name=stage.namespace)
    shared = TemplateRef(kind=TemplateKind.CLUSTER_METRIC_TEMPLATE, name=stage.namespace)
    async with watching(stage, stage.namespace) as woken:
        for ref, place in ((own, stage.namespace), (shared, "")):
            what = (str(ref.kind), place, ref.name)
            await stage.put_metric_template(ref, {"query": "up"})
            await woken.of(*what)
            known = stage.caches.metric_templates[ref.kind].get((place, ref.name))
            assert known is not None
            await stage.put_metric_template(ref, {"query": "down"})
            await woken.of(*what, times=2)
            await stage.delete_metric_template(ref)
            await woken.of(*what, times=3)


async def test_what_went_while_nobody_watched_is_noticed_by_the_second_look(stage: RealStage) -> None:
    woken = Woken()
    resync = Resync(stage.api, stage.caches, Intake(stage.caches, woken), [stage.namespace], now=time.time)
    await stage.put_rollout("shop")
    await stage.put_command("one", "shop", "Pause")
    await resync.once()
    assert woken.seen == [("Rollout", stage.namespace, "shop"), ("RolloutCommand", stage.namespace, "shop")]
    await resync.once()
    assert len(woken.seen) == 2
    await stage.delete_rollout("shop")
    await resync.once()
    assert woken.seen[2:] == [("Rollout", stage.namespace, "shop")]


class Blind(Watches):
    """May not watch definitions, so that Kopf does not look for kinds after its start: it misses every new one."""

    async def _may_scan(self) -> bool:
        return False


@pytest.mark.parametrize("watches", [Watches, Blind])
async def test_a_kind_that_is_served_later_is_watched_then(
    stage: RealStage, ready_cluster: ControlPlane, tmp_path: Path, watches: type[Watches]
) -> None:
    kind = Resource(f"x{secrets.token_hex(3)}.tidegate.test", "v1", "laters", "Later")
    seen: list[str] = []
    await stage.put_rollout("shop")
    more: dict[Resource, Take] = {kind: lambda _, raw: seen.append(raw["metadata"]["name"])}
    async with watching(stage, more=more, kind=watches) as woken:
        await woken.of("Rollout", stage.namespace, "shop")
        crd = await _crd(ready_cluster, kind, tmp_path)
        await stage.hands.create(stage.item(kind.api_version, kind.kind, "first"))
        await woken.until(lambda: bool(seen))
        assert set(seen) == {"first"}
        # And a kind that goes away takes no other with it.
        await stage.hands.delete(crd)
        before = woken.seen.count(("Rollout", stage.namespace, "shop"))
        await stage.edit_rollout("shop")
        await woken.of("Rollout", stage.namespace, "shop", times=before + 1)


async def _crd(cluster: ControlPlane, kind: Resource, folder: Path) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": {"kind": kind.kind, "plural": kind.plural},
            "scope": "Namespaced",
            "versions": [{"name": kind.version, "served": True, "storage": True, "schema": schema}],
        },
    }
    file = folder / "crd.yaml"
    file.write_text(yaml.safe_dump(crd))
    await cluster.install_crds([file])
    return crd
