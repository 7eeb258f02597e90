"""Prometheus as a local process that scrapes the lab's pods every second, and its faults: stopped, or not answering."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Self

import aiohttp
import yaml

from lab import binaries
from lab.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api import Object
    from lab.processes import Process, Processes

START_SECONDS = 60.0
SCRAPE_SECONDS = 1


class Prometheus:
    """An async context manager; what is in `targets` (file_sd JSON files) is scraped, `url` stays over restarts."""

    def __init__(self, children: Processes, folder: Path, rules: Object | None = None) -> None:
        self._children = children
        self._folder = folder / "prometheus"
        self._rules = rules
        self._process: Process | None = None
        self._port = free_port()
        self.targets = self._folder / "targets"
        self.url = f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self.targets.mkdir(parents=True, exist_ok=True)
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(self._configuration()))
        (self._folder / "rules.yml").write_text(yaml.safe_dump(self._rules or {"groups": []}))
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts it, with the data it had before; returns when it can be asked."""
        command: list[str | Path] = [
            binaries.program("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--scrape.discovery-reload-interval=200ms",  # of its own it takes new pods up only every 5 s
            "--log.level=warn",
        ]
        self._process = self._children.start("prometheus", command)
        await self._process.ready(self._answers, START_SECONDS)

    async def stop(self) -> None:
        """Ends it: connections are refused from here on."""
        if self._process is not None:
            await self._children.stop(self._process)
            self._process = None

    def pause(self) -> None:
        """Stops it in its tracks: connections are taken, and nothing is ever answered."""
        if self._process is not None:
            self._process.stop()

    def resume(self) -> None:
        """Lets it go on."""
        if self._process is not None:
            self._process.signal(signal.SIGCONT)

    async def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """The labels and value of each series of an instant query."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(f"{self.url}/api/v1/query", params={"query": query}) as response,
        ):
            response.raise_for_status()
            answer = await response.json()
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    def _configuration(self) -> Object:
        every = f"{SCRAPE_SECONDS}s"
        discovery = {"files": [f"{self.targets}/*.json"], "refresh_interval": "5s"}
        return {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [str(self._folder / "rules.yml")],
            "scrape_configs": [{"job_name": "pods", "file_sd_configs": [discovery]}],
        }
