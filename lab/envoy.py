"""Envoy as a local process: one listener, everything else read from watched files, counts read from its admin port."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Self

import aiohttp

from lab import binaries
from lab.files import write_whole
from lab.ports import free_port
from lab.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api import Object
    from lab.processes import Processes

START_SECONDS = 60.0
TAKE_SECONDS = 30.0
ROUTES = "lab"  # the one route configuration's name
_TYPES = "type.googleapis.com/envoy.config"
_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_KINDS = {
    "endpoints": f"{_TYPES}.endpoint.v3.ClusterLoadAssignment",
    "clusters": f"{_TYPES}.cluster.v3.Cluster",
    "routes": f"{_TYPES}.route.v3.RouteConfiguration",
}


class Envoy:
    """An async context manager; `url` is the listener, `admin` the admin port's address."""

    def __init__(self, children: Processes, folder: Path) -> None:
        self._children = children
        self._folder = folder / "envoy"
        self._listen = free_port()
        self._admin = free_port()
        self.url = f"http://127.0.0.1:{self._listen}"
        self.admin = f"http://127.0.0.1:{self._admin}"
        self._versions = itertools.count(1)
        self._written: dict[str, tuple[str, str]] = {}
        """By file: what is in it, and the version that it has."""

    async def __aenter__(self) -> Self:
        (self._folder / "endpoints").mkdir(parents=True, exist_ok=True)
        self.write(endpoints=[], clusters=[], virtual_hosts=[])
        bootstrap = self._folder / "envoy.json"
        bootstrap.write_text(json.dumps(self._bootstrap()))
        command: list[str | Path] = [binaries.envoy(), "-c", bootstrap, "--concurrency", "1"]
        command += ["--disable-hot-restart", "--log-level", "warning"]
        self._process = self._children.start("envoy", command)
        await self._process.ready(self._answers, START_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._children.stop(self._process)

    def write(self, *, endpoints: list[Object], clusters: list[Object], virtual_hosts: list[Object]) -> bool:
        """Hands over a whole configuration; Envoy acts on it at once. False when nothing was new.

        In this order, so that a route never names a cluster, nor a cluster endpoints, that Envoy has not been told.
        """
        known = [self._write(_file_name(e["cluster_name"]), "endpoints", [e]) for e in endpoints]
        served = self._write("clusters.json", "clusters", [self._cluster(cluster) for cluster in clusters])
        shared = self._write("routes.json", "routes", [{"name": ROUTES, "virtual_hosts": virtual_hosts}])
        return any(known) or served or shared

    async def taken(self) -> None:
        """Returns when the routes that were handed over act on requests: Envoy notices a file some milliseconds later."""
        _, version = self._written["routes.json"]
        query = {"type": "TextReadouts", "filter": rf"\.rds\.{ROUTES}\.version_text$", "format": "json"}

        async def there() -> bool:
            try:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(f"{self.admin}/stats", params=query) as response,
                ):
                    answer = await response.json(content_type=None)
            except aiohttp.ClientError:
                return False
            return any(int(stat["value"] or 0) >= int(version) for stat in answer["stats"])

        await until(there, TAKE_SECONDS, f"Envoy has taken version {version} of its routes", every=0.005)

    async def let_go(self, address: str) -> None:
        """Returns when no request is sent to that address any more."""

        async def gone() -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{self.admin}/clusters") as response:
                    return f"::{address}:" not in await response.text()
            except aiohttp.ClientError:
                return True  # it has ended

        await until(gone, TAKE_SECONDS, f"Envoy has let go of {address}")

    async def counts(self) -> dict[str, dict[str, int]]:
        """What was measured for each cluster since the start: `total` and `2xx`, `4xx`, `5xx` requests."""
        query = {"format": "json", "filter": r"^cluster\..*\.upstream_rq_(total|[245]xx)$"}
        async with aiohttp.ClientSession() as session, session.get(f"{self.admin}/stats", params=query) as response:
            answer = await response.json(content_type=None)
        found: dict[str, dict[str, int]] = {}
        for stat in answer["stats"]:
            cluster, _, count = str(stat["name"]).removeprefix("cluster.").rpartition(".upstream_rq_")
            found.setdefault(cluster, {})[count] = int(stat["value"])
        return found

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.admin}/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def _write(self, file: str, kind: str, resources: list[Object]) -> bool:
        typed = [{"@type": _KINDS[kind], **resource} for resource in resources]
        content, (before, _) = json.dumps(typed), self._written.get(file, ("", ""))
        if content == before:
            return False
        version = str(next(self._versions))
        self._written[file] = content, version
        return write_whole(self._folder / file, json.dumps({"version_info": version, "resources": typed}))

    def _watched(self, file: str) -> Object:
        """Watches the folder, where the rename happens; a watch on the file would see the old one only."""
        folder = (self._folder / file).parent
        source = {"path": str(self._folder / file), "watched_directory": {"path": str(folder)}}
        return {"resource_api_version": "V3", "path_config_source": source}

    def _cluster(self, cluster: Object) -> Object:
        watched = self._watched(_file_name(cluster["name"]))
        return {"connect_timeout": "1s", "type": "EDS", "eds_cluster_config": {"eds_config": watched}, **cluster}

    def _bootstrap(self) -> Object:
        manager = {
            "@type": _MANAGER,
            "stat_prefix": "lab",
            "codec_type": "AUTO",
            "generate_request_id": False,
            "rds": {"route_config_name": ROUTES, "config_source": self._watched("routes.json")},
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": _ROUTER}}],
        }
        network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        listener = {"name": "lab", "address": _address(self._listen), "filter_chains": [{"filters": [network]}]}
        return {
            "node": {"id": "lab", "cluster": "lab"},
            "admin": {"address": _address(self._admin)},
            "static_resources": {"listeners": [listener]},
            "dynamic_resources": {"cds_config": self._watched("clusters.json")},
        }


def _file_name(cluster: str) -> str:
    """From a file, Envoy takes the endpoints of one cluster only."""
    return f"endpoints/{cluster.replace('/', '.')}.json"


def _address(port: int) -> Object:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
