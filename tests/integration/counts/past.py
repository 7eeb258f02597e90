"""A Prometheus that is told what was scraped when, and asked as if it were then."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from lab import binaries
from lab.ports import free_port
from lab.processes import Processes
from tidegate.adapters.prometheus import PrometheusSource, SourceAddress
from tidegate.core.model.answers import Answer, Query
from tidegate.ports.protocols import Clock, MetricSource

CUMULATIVE = 2

_RANGE = re.compile(r"(\[\d+(?:ms|s)\])(?: offset (\d+)(ms|s))?")


@asynccontextmanager
async def prometheus(folder: Path, configuration: str = "{}", *options: str) -> AsyncIterator[str]:
    """A Prometheus of the test's own; gives its address."""
    port = free_port()
    (folder / "prometheus.yml").write_text(configuration)
    async with Processes(folder / "logs") as processes:
        process = processes.start(
            "prometheus",
            [
                binaries.program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.enable-otlp-receiver",
                *options,
            ],
        )
        url = f"http://127.0.0.1:{port}"

        async def answers() -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{url}/-/ready") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await process.ready(answers, 30)
        yield url


async def write(url: str, name: str, labels: dict[str, str], samples: Iterable[tuple[float, float | None]]) -> None:
    """Writes samples (epoch seconds, value) of the counter `<name>_total`; `None` is a stale marker."""
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in labels.items()]
    points: list[dict[str, Any]] = [
        {"timeUnixNano": str(round(at * 1000) * 1_000_000), "attributes": attributes}
        | ({"flags": 1} if value is None else {"asDouble": value})
        for at, value in samples
    ]
    metric = {"name": name, "sum": {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": points}}
    content = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/v1/otlp/v1/metrics", json=content) as response,
    ):
        assert response.status == 200, await response.text()


def source(url: str) -> PrometheusSource:
    """The adapter as the operator makes it."""
    return PrometheusSource("default", SourceAddress(url))


@dataclass
class Then:
    """A `MetricSource` that asks a real one as if it were what `clock` says: each range gets an offset."""

    real: MetricSource
    clock: Clock

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> Answer:
        """The answer of that instant."""
        late = round((time.time() - self.clock.now()) * 1000)
        assert late >= 0, "nothing is known of the future"

        def shifted(found: re.Match[str]) -> str:
            offset = int(found[2] or 0) * (1000 if found[3] == "s" else 1) + late
            return f"{found[1]} offset {offset}ms"

        return await self.real.sample(
            replace(query, promql=_RANGE.sub(shifted, query.promql)), timeout=timeout, rollout=rollout
        )
