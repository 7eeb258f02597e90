"""Services that a real Prometheus scrapes while the operator counts: pods die, come and are missed, and so is the operator."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import pytest_asyncio
import yaml
from aiohttp import web

from lab.ports import free_port
from lab.wait import PATIENCE, until
from tests.integration.counts.past import prometheus, source
from tests.simulated.scraped import Gathered, Witness, gathered
from tests.simulated.shop import Shop, check, spec
from tidegate.adapters.clock import SystemClock
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.ports.world import World
from tidegate.reconcile.tick import Ticker

PODS = {"checkout": ("a", "b"), "checkout-canary": ("c", "d")}
METRIC = {
    "name": "errors",
    "ratio": {"bad": 'errors_total{workload="$workload"}', "total": 'requests_total{workload="$workload"}'},
    "window": "1s",
    "warmUp": "0s",
}
LINE = {"name": "worse", "metric": "errors", "regression": {}, "onBreach": "Warn"}


@dataclass
class Pod:
    """What one process has counted; `None`: it does not run."""

    name: str
    url: str = ""
    """Of Prometheus."""
    total: int | None = None
    bad: int = 0
    missed: bool = False
    """Its scrapes fail."""
    scrapes: int = 0

    def serve(self, total: int, bad: int = 0) -> None:
        """Answers so many requests more."""
        assert self.total is not None
        self.total += total
        self.bad += bad
        self.scrapes = 0

    def start(self) -> None:
        """A new process."""
        self.total, self.bad, self.scrapes = 0, 0, 0

    async def scrape(self, _request: web.Request) -> web.Response:
        """A counter of nothing bad is not there yet."""
        if self.total is None or self.missed:
            return web.Response(status=503)
        self.scrapes += 1
        lines = [f"requests_total {self.total}"] + ([f"errors_total {self.bad}"] if self.bad else [])
        return web.Response(text="\n".join(lines) + "\n")

    async def scraped(self) -> None:
        """Until what it has counted now was taken: an answer that comes too late is not."""

        async def taken() -> bool:
            return self.scrapes >= 2 and await self._has("requests", self.total) and await self._has("errors", self.bad)

        await until(taken, PATIENCE, "the pod is scraped")

    async def _has(self, counter: str, value: int | None) -> bool:
        """Whether Prometheus has that value of a counter now; nothing of one that is not there yet."""
        query = {"query": f'{counter}_total{{pod="{self.name}"}}'}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/query", params=query) as response,
        ):
            found = (await response.json())["data"]["result"]
        return [float(one["value"][1]) for one in found] == ([value] if value else [])


@dataclass
class Operator:
    """The operator's tick on the machine's clock; Kubernetes is in memory."""

    world: World
    witness: Witness
    ticker: Ticker = field(init=False)
    down: bool = False

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process: it knows what was written, and no more."""
        self.ticker = Ticker(self.world, check)

    async def run(self) -> None:
        """Ticks whenever it is due."""
        while True:
            due = None if self.down else await self.ticker.tick("shop", "checkout")
            await asyncio.sleep(min(max((due or time.time()) - time.time(), 0.05), 0.5))

    async def gathered(self, after: float) -> Gathered:
        """What was gathered once a window that ends after `after` (epoch seconds) was counted."""

        async def there() -> EvidenceStatus | None:
            run = self.witness.status.run
            found = run.evidence[0] if run is not None and run.evidence else None
            return found if found and found.start.timestamp() + found.windows * found.step > after else None

        return gathered(await until(there, PATIENCE, "the windows are counted"))


@dataclass
class Stage:
    """All of it."""

    pods: dict[str, Pod]
    operator: Operator


@pytest_asyncio.fixture(loop_scope="session")
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    pods = {name: Pod(name) for names in PODS.values() for name in names}
    application, port = web.Application(), free_port()
    for name, pod in pods.items():
        application.router.add_get(f"/{name}", pod.scrape)
    server = web.AppRunner(application)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", port).start()
    jobs = [
        {
            "job_name": name,
            "metrics_path": f"/{name}",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"workload": workload, "pod": name}}],
        }
        for workload, names in PODS.items()
        for name in names
    ]
    paces = {"scrape_interval": "200ms", "scrape_timeout": "200ms"}
    configuration = yaml.safe_dump({"global": paces, "scrape_configs": jobs})
    async with prometheus(tmp_path, configuration) as url:
        for pod in pods.values():
            pod.url = url
        real, witness = source(url), Witness()
        shop = Shop(SystemClock())
        world = replace(shop.world, metrics=real, telemetry=witness)
        steps = [{"name": "canary", "weight": 10, "duration": "1h"}]
        shop.cluster.add_rollout("checkout", spec(metrics=[METRIC], guards=[LINE], steps=steps, interval="1s"))
        for name, total, bad in (("a", 1000, 10), ("c", 50, 0)):
            pods[name].start()
            pods[name].serve(total, bad)
            await pods[name].scraped()
        operator = Operator(world, witness)
        running = asyncio.ensure_future(operator.run())
        try:
            yield Stage(pods, operator)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            real.close()
            await server.cleanup()


async def test_each_request_is_counted_once_whatever_happens_to_pods_scrapes_and_the_operator(stage: Stage) -> None:
    a, b, c, d = stage.pods.values()
    begun = await stage.operator.gathered(time.time())
    assert begun.counts == (0, 0, 0, 0), "what was before does not count"

    a.serve(400, 4)
    c.serve(40, 3)  # its first bad requests ever: a new series
    await c.scraped()
    stage.operator.restart()
    c.start()  # the process dies
    c.serve(30, 1)
    await c.scraped()
    stage.operator.down = True
    d.start()  # a new pod while nobody looks
    d.serve(20, 2)
    await d.scraped()
    a.missed = True
    a.serve(100, 1)
    d.serve(10, 0)
    await d.scraped()
    await d.scraped()
    a.missed = False
    await a.scraped()
    stage.operator.restart()
    stage.operator.down = False
    c.total = None  # a pod is gone, and a new one of the baseline comes
    b.start()
    b.serve(60, 0)
    await b.scraped()
    b.serve(5, 1)
    await b.scraped()
    stage.operator.restart()

    found = await stage.operator.gathered(time.time())
    assert found.counts == (400 + 100 + 60 + 5, 4 + 1 + 1, 40 + 30 + 20 + 10, 3 + 1 + 2)
