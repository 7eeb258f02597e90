"""Which version of a kind is read, written and watched: the first in order of preference that the API server serves."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.binaries.errors import BuildError, MissingProgramError
from lab.binaries.module_files import NEXT_GATEWAY_API, fetched
from lab.binaries.progress import Progress
from lab.control_plane import ControlPlane
from lab.processes import Processes
from lab.wait import PATIENCE
from tests.contract.router_samples import SAMPLES
from tests.integration.routers.conftest import Stage, install
from tests.integration.routers.own_crds import FREE, crd
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers import RouteCaches, enabled, routers
from tidegate.adapters.routers.row import Router
from tidegate.adapters.routers.rows.gateway_api import TCP_ROUTE
from tidegate.core.model.world import Route, RulePair, TargetRef, Unknown, Unseen
from tidegate.handlers import Caches, Intake, Watches, takes_of
from tidegate.ports.errors import Rejected
from tidegate.ports.protocols import Manager

SPEC = {"parentRefs": [], "rules": [{"name": "all", "backendRefs": [{"name": "shop", "weight": 9}, {"name": "canary", "weight": 1}]}]}  # fmt: skip
PAIR = RulePair("all", 9, 1, alone=True)


class Woken:
    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def rollout_changed(self, *what: str) -> None:
        self.seen.append(what)

    def object_changed(self, *what: str) -> None:
        self.seen.append(what)

    async def until(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110  (a condition, not a time)
                await asyncio.sleep(0.02)


def row_of(group: str) -> Router:
    """A kind of route in a group of its own, with two versions."""
    return replace(TCP_ROUTE, resource=Resource(group, "v1", "tcproutes", "TCPRoute", older=("v1alpha2",)))


async def serve(stage: Stage, group: str, folder: Path, *served: str) -> dict[str, Any]:
    """The kind is defined, with these versions served, and v1alpha2 stored."""
    made = crd(group, "TCPRoute", "tcproutes", FREE, ("v1alpha2", "v1"))
    for version in made["spec"]["versions"]:
        version["served"] = version["name"] in served
    await install(stage.hands, [made], folder)
    return made


@asynccontextmanager
async def watching(api: Api, row: Router) -> AsyncIterator[tuple[Woken, Caches]]:
    woken, caches, stop = Woken(), Caches(routes=RouteCaches([row])), asyncio.Event()
    takes = {one: take for one, take in takes_of(Intake(caches, woken)).items() if one == row.resource}
    task = asyncio.create_task(Watches(api, caches, takes).run(stop))
    try:
        yield woken, caches
    finally:
        stop.set()
        async with asyncio.timeout(PATIENCE):
            await task


@pytest.mark.parametrize("served", [("v1alpha2",), ("v1",), ("v1alpha2", "v1")], ids="+".join)
async def test_the_version_served_is_read_written_and_watched(
    stage: Stage, api: Api, served: tuple[str, ...], tmp_path: Path
) -> None:
    group = f"x{secrets.token_hex(3)}.tidegate.test"
    row, best = row_of(group), "v1" if "v1" in served else "v1alpha2"
    ref = TargetRef(stage.namespace, "TCPRoute", "shop", "shop", "canary")
    router = routers(api, RouteCaches([row]))
    absent = await router.read(ref, fresh=True)
    assert isinstance(absent, Unknown)
    assert absent.kind is Unseen.NOT_SERVED
    definition = await serve(stage, group, tmp_path, *served)
    item = {"apiVersion": f"{group}/{best}", "kind": "TCPRoute", "metadata": {"name": "shop", "namespace": stage.namespace}, "spec": SPEC}  # fmt: skip
    await stage.hands.create(item)
    route = await router.read(ref, fresh=True)
    assert isinstance(route, Route)
    assert route.pairs == (PAIR,)
    async with watching(api, row) as (woken, caches):
        await woken.until(lambda: bool(woken.seen))
        assert caches.routes["TCPRoute"].get((stage.namespace, "shop")) is not None
        written = await router.write(route, {"all": (10, 0)}, Manager.REVERT)
        assert written.reverted_by_us
        await woken.until(lambda: len(woken.seen) == 2)
    await stage.hands.delete(definition)


async def test_a_kind_that_moves_to_another_version_is_found_there(stage: Stage, api: Api, tmp_path: Path) -> None:
    group = f"x{secrets.token_hex(3)}.tidegate.test"
    row = row_of(group)
    router = routers(api, RouteCaches([row]))
    ref = TargetRef(stage.namespace, "TCPRoute", "shop", "shop", "canary")
    await serve(stage, group, tmp_path, "v1alpha2")
    item = {"apiVersion": f"{group}/v1alpha2", "kind": "TCPRoute", "metadata": {"name": "shop", "namespace": stage.namespace}, "spec": SPEC}  # fmt: skip
    await stage.hands.create(item)
    assert isinstance(await router.read(ref, fresh=True), Route)
    definition = await serve(stage, group, tmp_path, "v1")

    old = replace(row.resource, version="v1alpha2", older=())
    async with asyncio.timeout(PATIENCE):
        while await api.serves(old) or not await _refused(api, old, ref):  # noqa: ASYNC110  (a condition, not a time)
            await asyncio.sleep(0.05)
    route = await router.read(ref, fresh=True)
    assert isinstance(route, Route), "at the first try"
    await router.write(route, {"all": (10, 0)}, Manager.REVERT)
    await stage.hands.delete(definition)


async def _refused(api: Api, resource: Resource, ref: TargetRef) -> bool:
    try:
        await api.get(resource, ref.namespace, ref.name)
    except Rejected:
        return True
    return False


async def test_the_next_gateway_api_is_as_this_one(tmp_path: Path) -> None:
    """On a control plane of its own: two versions of one definition do not fit on one."""
    try:
        folder = await asyncio.to_thread(fetched, NEXT_GATEWAY_API, Progress())
    except (BuildError, MissingProgramError) as error:
        pytest.skip(f"the CRDs cannot be downloaded: {error}")
    kinds = {"HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"}
    samples = [sample for sample in SAMPLES if sample.kind in kinds]
    assert len(samples) == len(kinds)
    async with Processes(tmp_path) as processes, ControlPlane(processes, tmp_path, controllers=False) as cluster:
        await cluster.install_crds(folder.iterdir())
        api = Api(await load_configuration(str(cluster.kubeconfig)))
        stage = Stage("default", cluster.api, routers(api, RouteCaches(enabled(kinds))))
        for sample in samples:
            before = await stage.put(sample)
            route = await stage.route(sample)
            assert (route.pairs[0].baseline, route.pairs[0].candidate) == sample.found
            for status, said in sample.rows:
                if status is not None:
                    await stage.say(sample, status)
                assert (await stage.route(sample)).acceptance is said
            written = await stage.router.write(route, {sample.rule: (60, 40)}, Manager.FORWARD)
            reverted = await stage.router.write(written, {sample.rule: (100, 0)}, Manager.REVERT)
            assert reverted.reverted_by_us
            after = await stage.now(sample)
            assert sample.with_numbers(after, 0, 0)["spec"] == sample.with_numbers(before, 0, 0)["spec"]
        await api.close()
