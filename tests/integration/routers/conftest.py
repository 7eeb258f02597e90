"""Every router's objects on the lab's API server, and the operator's routers on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from lab import crds
from lab.api import Api as Hands
from lab.binaries.errors import BuildError, MissingProgramError
from lab.binaries.module_files import ROUTER_CRDS, fetched
from lab.binaries.progress import Progress
from lab.control_plane import ControlPlane
from tests.contract.router_samples.sample import Object, Sample
from tests.integration.routers.own_crds import definitions
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.routers import ROUTERS, RouteCaches, enabled, routers
from tidegate.adapters.routers.by_kind import RoutersByKind
from tidegate.adapters.routers.rows.custom import CustomKind
from tidegate.core.model.world import Route, TargetRef

CUSTOM = CustomKind("tidegate.test", ("v1",), "Split", "splits", ("spec.traffic[*].percent",))
ROWS = enabled((row.kind for row in ROUTERS), [CUSTOM])
WANTED = frozenset(
    {"virtualservices.networking.istio.io", "traefikservices.traefik.io", "httpproxies.projectcontour.io"}
)
"""Of the definitions in the modules' files."""


@dataclass(frozen=True)
class Stage:
    """The routers, beside the lab's own client as the hands of everybody else."""

    namespace: str
    hands: Hands
    router: RoutersByKind

    def ref(self, sample: Sample, *rules: str, name: str = "shop") -> TargetRef:
        return TargetRef(self.namespace, sample.kind, name, *sample.names, rules)

    async def route(self, sample: Sample, *rules: str) -> Route:
        found = await self.router.read(self.ref(sample, *rules), fresh=True)
        assert isinstance(found, Route), found
        return found

    async def put(self, sample: Sample, item: Object | None = None) -> Object:
        return await self.hands.create(item or sample.item(self.namespace))

    async def now(self, sample: Sample) -> Object:
        return await self.hands.get(sample.api_version, sample.object_kind, "shop", self.namespace)

    async def replace(self, sample: Sample, item: Object) -> Object:
        """Somebody writes the object as it is in a file of theirs."""
        path = await self.hands._path_of(item)  # noqa: SLF001  (the one request that the lab itself does not need)
        newest = (await self.now(sample))["metadata"]["resourceVersion"]
        whole = {**item, "metadata": {**item["metadata"], "resourceVersion": newest}}
        return await self.hands.request("PUT", path, whole, query={"fieldManager": "somebody"})

    async def set(self, sample: Sample, *numbers: int | None) -> None:
        await self.replace(sample, sample.with_numbers(await self.now(sample), *numbers))

    async def say(self, sample: Sample, status: Object) -> None:
        """The router writes a status."""
        found = await self.now(sample)
        text = yaml.safe_dump(status).replace("GENERATION", str(found["metadata"]["generation"]))
        await self.hands.patch(found, {"status": yaml.safe_load(text)}, part="status" if sample.status else "")


async def install(hands: Hands, documents: Iterable[Any], folder: Path) -> None:
    """Installs definitions, and waits until they are served."""
    file = folder / "crds.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    await crds.install(hands, [file])


def of_modules() -> list[Any]:
    """The definitions that are in Go modules; skips where those cannot be had."""
    try:
        folders = [fetched(one, Progress()) for one in ROUTER_CRDS]
    except (BuildError, MissingProgramError) as error:
        pytest.skip(f"the routers' CRDs cannot be downloaded: {error}")
    files = [file for folder in folders for file in folder.iterdir()]
    documents = [item for file in files for item in yaml.safe_load_all(file.read_text()) if item]
    return [item for item in documents if item["metadata"]["name"] in WANTED]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def with_crds(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    documents = [*await asyncio.to_thread(of_modules), *definitions()]
    await install(cluster.api, documents, tmp_path_factory.mktemp("crds"))
    return cluster


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def api(with_crds: ControlPlane) -> AsyncIterator[Api]:
    client = Api(await load_configuration(str(with_crds.kubeconfig)))
    yield client
    await client.close()


@pytest.fixture
def stage(api: Api, with_crds: ControlPlane, namespace: str) -> Stage:
    return Stage(namespace, with_crds.api, routers(api, RouteCaches(ROWS)))
