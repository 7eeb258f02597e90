"""Tidegate itself: `tidegate operator` as a child process."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Self

import aiohttp
import yaml

from lab.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.cluster import Cluster
    from lab.processes import Process

READY_SECONDS = 120


class OperatorProcess:
    """The operator as users start it; it can be killed and started again, and keeps its configuration."""

    def __init__(
        self,
        lab: Cluster,
        *,
        sources: dict[str, str] | None = None,
        kubeconfig: Path | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """`settings` are further ones of its configuration."""
        self._lab = lab
        self._settings = dict(settings or {})
        self._sources = sources if sources is not None else {"default": lab.prometheus_url}
        self._kubeconfig = kubeconfig or lab.kubeconfig
        self._process: Process | None = None
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        return self._process.child.pid if self._process else 0

    @property
    def log(self) -> str:
        """What it has logged while it runs."""
        return self._process.log.read_text(errors="replace") if self._process else ""

    async def start(self) -> None:
        """Starts it and waits until it says that it is ready."""
        configuration = self._lab.folder / f"operator-{self._port}.yaml"
        settings = {
            "sources": {name: {"url": url} for name, url in self._sources.items()},
            "listen": f"127.0.0.1:{self._port}",
            "logs": {"format": "json"},
            **self._settings,
        }
        configuration.write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "tidegate.cli", "operator", "--config", str(configuration)]
        self._process = self._lab.children.start("operator", [*command, "--kubeconfig", str(self._kubeconfig)])
        await self._process.ready(self._ready, READY_SECONDS)

    async def stop(self) -> None:
        """Ends it as a pod is ended."""
        if self._process is not None:
            await self._lab.children.stop(self._process, grace=20)
            self._process = None

    async def kill(self) -> None:
        """Ends it as a crash does: no last words."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)
            await asyncio.to_thread(self._process.child.wait)
            self._process = None

    async def metrics(self) -> str:
        """What it says about itself, in Prometheus' text format."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as response:
            return await response.text()

    async def _ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False
