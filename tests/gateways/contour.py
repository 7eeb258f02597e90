"""A cluster with Contour and its Envoy as local processes, and pods with addresses that a real EndpointSlice may hold.

It needs a network namespace in which 10.77.0.0/16 is local (`make gateways`): the EndpointSlice controller takes no
loopback addresses.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import aiohttp

from lab import binaries, crds, manifests
from lab.api import Api, Object
from lab.binaries.module_files import CONTOUR, fetched
from lab.binaries.progress import Progress
from lab.cluster import Cluster
from lab.control_plane import ControlPlane
from lab.node import Node
from lab.operator_pod import OperatorPods
from lab.ports import free_port
from lab.processes import Process, Processes
from lab.prometheus import Prometheus
from lab.wait import until

OURS = "10.77.0.1"
NODE = "lab-node"
STARTS = 60.0


def addresses() -> Iterator[str]:
    """For pods."""
    for third in range(1, 250):
        yield from (f"10.77.{third}.{last}" for last in range(1, 255))


def on_a_node(items: list[Object]) -> list[Object]:
    """The EndpointSlice controller passes over pods without a Node."""
    for item in items:
        if item["kind"] == "Deployment":
            item["spec"]["template"]["spec"]["nodeName"] = NODE
    return items


class ContourCluster(Cluster):
    """`async with ContourCluster() as lab`: Contour is one process, Envoy another, with xDS between them."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._http = free_port()
        self._stats = free_port()
        self._xds = free_port()
        self._health = free_port()
        self.contour: Process

    async def __aenter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-gateways-"))
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            sys.stderr.write(f"The lab ended by an error, its logs stay in {self.folder}\n")
            raise
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self._stack.aclose()
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _start(self) -> None:
        self.children = await self._stack.enter_async_context(Processes(self.folder / "logs"))
        plane = ControlPlane(self.children, self.folder, more_controllers=("endpointslice-controller",), advertise=OURS)
        self._plane = await self._stack.enter_async_context(plane)
        await self.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        self._prometheus = await self._stack.enter_async_context(Prometheus(self.children, self.folder))
        operators = OperatorPods(
            self.api, self.children, self.folder / "operators", self._plane.kubeconfig_of_service_account
        )
        node = Node(self.api, self.children, self._prometheus.targets, operators, addresses=addresses())
        await self._stack.enter_async_context(node)
        await crds.install(self.api, fetched(CONTOUR.files, Progress()).iterdir())
        await self.apply(manifests.namespace("projectcontour"))
        await self.start_contour()
        await self._start_envoy()

    async def start_contour(self) -> None:
        """Starts Contour, and returns when it is ready."""
        command: list[str | Path] = [
            *(CONTOUR.place, "serve", "--no-incluster", f"--kubeconfig={self.kubeconfig}", "--insecure"),
            *("--xds-address=127.0.0.1", f"--xds-port={self._xds}"),
            *("--http-address=127.0.0.1", f"--http-port={self._health}"),
            *("--health-address=127.0.0.1", f"--health-port={self._health}"),
            *("--stats-address=127.0.0.1", f"--stats-port={self._stats}"),
            *("--envoy-service-http-address=127.0.0.1", f"--envoy-service-http-port={self._http}"),
            "--disable-leader-election",
        ]
        self.contour = self.children.start("contour", command)
        await self.contour.ready(lambda: _answers(f"http://127.0.0.1:{self._health}/healthz"), STARTS)

    async def _start_envoy(self) -> None:
        file = self.folder / "envoy.json"
        made = await asyncio.create_subprocess_exec(
            *(str(CONTOUR.place), "bootstrap", str(file), "--xds-address=127.0.0.1", f"--xds-port={self._xds}"),
            *("--xds-resource-version=v3", f"--admin-address={self.folder / 'admin.sock'}"),
        )
        assert await made.wait() == 0
        command: list[str | Path] = [binaries.envoy(), "-c", file, "--service-cluster", "lab", "--service-node", "lab"]
        envoy = self.children.start("envoy", [*command, "--concurrency", "1", "--disable-hot-restart"])
        await envoy.ready(lambda: _answers(f"http://127.0.0.1:{self._stats}/ready"), STARTS)

    @property
    def api(self) -> Api:
        """A client with all rights."""
        return self._plane.api

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self._plane.kubeconfig

    @property
    def prometheus(self) -> Prometheus:
        """What scrapes the pods."""
        return self._prometheus

    @property
    def prometheus_url(self) -> str:
        """Where to ask."""
        return self._prometheus.url

    @property
    def gateway_url(self) -> str:
        """Envoy."""
        return f"http://127.0.0.1:{self._http}"

    async def valid(self, namespace: str, name: str) -> None:
        """Waits until Contour has taken the HTTPProxy's generation."""

        async def done() -> bool:
            found = await self.api.get("projectcontour.io/v1", "HTTPProxy", name, namespace)
            said = [one for one in found.get("status", {}).get("conditions") or () if one["type"] == "Valid"]
            return bool(said) and (said[0]["status"], said[0]["observedGeneration"]) == (
                "True",
                found["metadata"]["generation"],
            )

        await until(done, STARTS, f"HTTPProxy {name} valid")


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False
