"""The stand-in for Prometheus, started and asked."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Any, Self

import aiohttp

from lab.ports import free_port
from lab.processes import Process, Processes
from lab.wait import until

START_SECONDS = 30.0


@dataclass(frozen=True)
class Noted:
    """What the stand-in saw; times are Unix time, keys are namespace/name of a Rollout."""

    queries: int
    switched: float
    asked: dict[str, list[float]]
    bad: dict[str, float]
    """When the first bad answer left."""


class Source:
    def __init__(self, children: Processes) -> None:
        self._children = children
        self.url = f"http://127.0.0.1:{free_port()}"
        self._process: Process
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        port = self.url.rpartition(":")[2]
        self._process = self._children.start("stand-in", [sys.executable, "-m", "tests.bench.stand_in", port])
        self._session = aiohttp.ClientSession(self.url)
        await self._process.ready(self._ready, START_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._children.stop(self._process)

    async def switch(self, to: str) -> None:
        async with self._session.post(f"/switch/{to}") as response:
            response.raise_for_status()

    async def breach(self, key: str) -> None:
        """Bad answers from now on for this Rollout (`namespace/name`)."""
        async with self._session.post(f"/breach/{key}") as response:
            response.raise_for_status()

    async def trouble(self, how: str, keys: list[str]) -> None:
        """From now on queries of these Rollouts `fail` or `hang`; `none` ends it."""
        async with self._session.post(f"/trouble/{how}", json=keys) as response:
            response.raise_for_status()

    async def noted(self) -> Noted:
        async with self._session.get("/noted") as response:
            found: dict[str, Any] = await response.json()
        return Noted(**found)

    async def asked_by_all(self, keys: list[str], times: int, seconds: float) -> None:
        """Returns when each of these Rollouts has asked so often since the last `switch("good")`."""

        async def done() -> bool:
            asked = (await self.noted()).asked
            return all(len(asked.get(key, ())) >= times for key in keys)

        await until(done, seconds, f"{len(keys)} Rollouts have asked {times} times", every=0.25)

    async def bare(self, a_second: float, seconds: float) -> float:
        """Seconds of processor time of a bare query, of so many a second."""
        queries = max(round(a_second * seconds), 1)
        command = [sys.executable, "-m", "tests.bench.bare_queries", self.url, str(queries), str(seconds)]
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            said, _ = await asyncio.wait_for(child.communicate(), 4 * seconds + START_SECONDS)
        finally:
            if child.returncode is None:
                child.kill()
        return float(said)

    async def _ready(self) -> bool:
        try:
            return bool((await self.noted()).asked is not None)
        except aiohttp.ClientError:
            return False
