"""What the stories need of a cluster, wherever it comes from: the lab's own, or one in kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import yaml

from lab import crds, manifests, pods
from lab.load import Load
from lab.wait import until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.api import Api, Object
    from lab.processes import Processes

ROLL_SECONDS = 120.0
OURS = Path(__file__).parent.parent / "crds"


class Cluster(ABC):
    """A cluster with a gateway and a Prometheus, seen from outside."""

    folder: Path
    """For files of the stories' own; goes with the cluster."""
    children: Processes
    """Starts processes that end with the cluster."""

    @property
    @abstractmethod
    def api(self) -> Api:
        """A client with all rights."""

    @property
    @abstractmethod
    def kubeconfig(self) -> Path:
        """The administrator's."""

    @property
    @abstractmethod
    def prometheus_url(self) -> str:
        """Where to ask."""

    @property
    @abstractmethod
    def gateway_url(self) -> str:
        """Where requests are sent, with the route's hostname in the header Host."""

    async def control(self, pod: Object, settings: str) -> None:
        """Changes how a pod of the sample service behaves, such as `error_rate=0.3`."""
        url = f"http://{pod['status']['podIP']}:{pods.PORT}/control?{settings}"
        async with aiohttp.ClientSession() as session, session.post(url) as response:
            response.raise_for_status()

    async def install_tidegate(self) -> None:
        """Installs Tidegate's definitions."""
        await crds.install(self.api, sorted(OURS.glob("*.yaml")))

    async def apply(self, *items: Object | list[Object] | str) -> list[Object]:
        """Server-side apply of objects, lists of them, or YAML text with one or more; what the server answered."""
        documents = [document for item in items for document in _documents(item)]
        return [await self.api.apply(document) for document in documents]

    def load(
        self,
        namespace: str,
        route: str,
        *,
        rate: float = 0,
        headers: Mapping[str, str] | None = None,
        path: str = "/",
    ) -> Load:
        """A load generator for a route made by `manifests.http_route`."""
        return Load(self.gateway_url, manifests.hostname(namespace, route), rate=rate, headers=headers, path=path)

    async def rolled_out(self, namespace: str, name: str, seconds: float = ROLL_SECONDS) -> Object:
        """The Deployment, once all of its pods are of its current template and available, and no other is left."""

        async def done() -> Object | None:
            found = await self.api.get("apps/v1", "Deployment", name, namespace)
            wanted, status = found["spec"]["replicas"], found.get("status", {})
            current = status.get("observedGeneration", 0) >= found["metadata"]["generation"]
            counts = [status.get(part, 0) for part in ("replicas", "updatedReplicas", "availableReplicas")]
            return found if current and counts == [wanted] * 3 else None

        return _there(await until(done, seconds, f"Deployment {namespace}/{name} rolled out"))

    async def accepted(self, route: Object, seconds: float = 60) -> Object:
        """The route, once the gateway has accepted its current generation."""

        async def done() -> Object | None:
            found = await self.api.get(
                route["apiVersion"], route["kind"], route["metadata"]["name"], route["metadata"]["namespace"]
            )
            generation = found["metadata"]["generation"]
            conditions = [c for parent in found.get("status", {}).get("parents", []) for c in parent["conditions"]]
            fresh = [c for c in conditions if c["type"] == "Accepted" and c.get("observedGeneration") == generation]
            return found if any(c["status"] == "True" for c in fresh) else None

        return _there(await until(done, seconds, f"{route['kind']} {route['metadata']['name']} accepted"))


def _there(found: Object | None) -> Object:
    return found or {}


def _documents(item: Object | list[Object] | str) -> list[Object]:
    if isinstance(item, str):
        return [document for document in yaml.safe_load_all(item) if document]
    return item if isinstance(item, list) else [item]
