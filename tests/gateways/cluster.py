"""A cluster with a real gateway controller and its Envoy as local processes, and pods with addresses that a real EndpointSlice may hold.

It needs a network namespace in which 10.77.0.0/16 is local (`python -m tests.gateways`): the EndpointSlice controller takes no
loopback addresses. Nothing else is in that namespace, so gateways keep their own ports.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import aiohttp

from lab import binaries, crds
from lab.api import Api, Object
from lab.binaries.gateways import GatewayProgram
from lab.binaries.module_files import fetched
from lab.binaries.progress import Progress
from lab.cluster import Cluster
from lab.control_plane import ControlPlane
from lab.node import Node
from lab.operator_pod import OperatorPods
from lab.processes import Process, Processes
from lab.prometheus import Prometheus

OURS = "10.77.0.1"
NODE = "lab-node"
STARTS = 120.0


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


class GatewayCluster(Cluster):
    """An async context manager: the controller is one process, Envoy another, with xDS between them."""

    program: GatewayProgram
    controller: Process

    def __init__(self) -> None:
        self._stack = AsyncExitStack()

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
        await crds.install(self.api, (*self._gateway_api(), *self._own_crds()))
        await self._start_gateway()

    def _gateway_api(self) -> Iterable[Path]:
        """All of the standard channel: controllers end when a kind of it is missing."""
        return (one for one in sorted(binaries.gateway_crds().glob("*.yaml")) if "_vap_" not in one.name)

    def _own_crds(self) -> Iterable[Path]:
        return sorted(fetched(self.program.files, Progress()).iterdir())

    @abstractmethod
    async def _start_gateway(self) -> None:
        """Applies what the gateway is made of, starts controller and Envoy."""

    @abstractmethod
    async def start_controller(self) -> None:
        """Starts the controller; returns when it is ready."""

    async def restart_controller(self) -> None:
        """Kills the controller and starts another."""
        self.controller.signal(signal.SIGKILL)
        await self.children.stop(self.controller)
        await self.start_controller()

    def freeze_controller(self) -> None:
        """Stops the controller in its tracks, until `thaw_controller`."""
        self.controller.stop()

    def thaw_controller(self) -> None:
        """Lets it go on."""
        self.controller.signal(signal.SIGCONT)

    async def start_envoy(self, arguments: Iterable[str | Path], ready: str) -> None:
        """Starts Envoy; returns once the URL `ready` answers."""
        command = [binaries.envoy(), *arguments, "--concurrency", "1", "--disable-hot-restart"]
        envoy = self.children.start("envoy", command)
        await envoy.ready(lambda: answers(ready), STARTS)

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


async def run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Runs a command to its end, which must be a good one."""
    child = await asyncio.create_subprocess_exec(*map(str, command), env=environment)
    code = await child.wait()
    assert code == 0, f"{command[0]} ended with code {code}"


async def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.get(url) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
