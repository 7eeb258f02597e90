"""Everything together: `async with Lab() as lab:` is a cluster that runs pods, routes traffic and measures it."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from lab.cluster import Cluster
from lab.control_plane import ControlPlane
from lab.envoy import Envoy
from lab.gateway import Gateway
from lab.node import Node
from lab.operator_pod import OperatorPods
from lab.processes import Processes
from lab.prometheus import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.api import Api, Object
    from lab.control_plane import User

T = TypeVar("T")


class PartMissingError(AttributeError):
    """A test asks for a part that its lab was started without."""


class Lab(Cluster):
    """An async context manager. Parts can be left out; `processes=False` makes pods Ready without running anything."""

    def __init__(
        self,
        *,
        node: bool = True,
        processes: bool = True,
        prometheus: bool = True,
        gateway: bool = True,
        users: Iterable[User] = (),
        rules: Object | None = None,
    ) -> None:
        self._wanted = {"node": node, "prometheus": prometheus, "gateway": gateway}
        self._processes = processes
        self._users = tuple(users)
        self._rules = rules
        self._stack = AsyncExitStack()
        self._parts: dict[str, object] = {}
        self.folder: Path
        self.children: Processes
        self.control_plane: ControlPlane

    async def __aenter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="tidegate-lab-"))
        try:
            await self._start()
        except BaseException as error:
            await self._end(type(error))
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._end(kind)

    async def _end(self, kind: type[BaseException] | None) -> None:
        """After an error the folder stays: it has the logs. A Ctrl-C is none."""
        await self._stack.aclose()
        if kind is None or issubclass(kind, asyncio.CancelledError):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"The lab ended by an error, its logs stay in {self.logs}", file=sys.stderr)

    async def _start(self) -> None:
        """What does not wait for the API server starts beside it."""
        self.children = await self._stack.enter_async_context(Processes(self.logs))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._start_control_plane())
            if self._wanted["prometheus"]:
                group.create_task(self._enter("prometheus", Prometheus(self.children, self.folder, self._rules)))
            if self._wanted["gateway"]:
                group.create_task(self._enter("envoy", Envoy(self.children, self.folder)))
        if self._wanted["gateway"]:
            await self._enter("gateway", Gateway(self.api, self.envoy))
        if self._wanted["node"]:
            targets = self.prometheus.targets if self._wanted["prometheus"] else self.folder / "targets"
            kubeconfig_of = self.control_plane.kubeconfig_of_service_account
            operators = OperatorPods(self.api, self.children, self.folder / "operator-pods", kubeconfig_of)
            let_go = self.envoy.let_go if self._wanted["gateway"] else None
            node = Node(self.api, self.children, targets, operators, processes=self._processes, let_go=let_go)
            await self._enter("node", node)

    async def _start_control_plane(self) -> None:
        self.control_plane = ControlPlane(self.children, self.folder, self._users)
        await self._enter("control plane", self.control_plane)
        await self.control_plane.install_gateway_api()

    async def _enter(self, name: str, part: AbstractAsyncContextManager[object]) -> None:
        self._parts[name] = await self._stack.enter_async_context(part)

    @property
    def api(self) -> Api:
        """A client with all rights."""
        return self.control_plane.api

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.control_plane.kubeconfig

    @property
    def logs(self) -> Path:
        """The folder with a log for each process; removed with the lab unless it ended by an exception."""
        return self.folder / "logs"

    @property
    def prometheus(self) -> Prometheus:
        """To stop, pause and ask it."""
        return self._part("prometheus", Prometheus)

    @property
    def prometheus_url(self) -> str:
        """Where to ask."""
        return self.prometheus.url

    @property
    def envoy(self) -> Envoy:
        """To count what went through it."""
        return self._part("envoy", Envoy)

    @property
    def gateway(self) -> Gateway:
        """To make it misbehave."""
        return self._part("gateway", Gateway)

    @property
    def gateway_url(self) -> str:
        """Where requests are sent, with the route's hostname in the header Host."""
        return self.envoy.url

    @property
    def envoy_admin_url(self) -> str:
        """Envoy's admin port."""
        return self.envoy.admin

    @property
    def node(self) -> Node:
        """What runs the pods."""
        return self._part("node", Node)

    def _part(self, name: str, kind: type[T]) -> T:
        part = self._parts.get(name)
        if not isinstance(part, kind):
            raise PartMissingError(f"this lab was started without {name}")
        return part
