"""One shop behind one kind of route on a real gateway: its load, and every weight and request counted."""

from __future__ import annotations

import math
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Self

from lab import manifests, shop
from lab.api import Object
from lab.load import Answer, Load, by_version
from lab.route_watch import RouteWatch
from lab.wait import until
from tests.gateways.cluster import GatewayCluster, on_a_node
from tests.gateways.ways import Way, Weights

RATE = 40.0
SECONDS = 180.0
"""A deadline: a busy machine takes its time."""
ACTS, UNREPORTED_ACTS = 1.0, 5.0
"""Seconds that Envoy is given to act on what the controller has taken, and on what it says nothing of."""
SEEN = 1.0
"""Seconds that a watch may be behind."""
ENOUGH, LEAST = int(3 * RATE), int(RATE)
"""Requests that are waited for, and that must be there where a step ends by itself."""
_SIGMAS = 5
SHADOW: Object = {
    "name": "shadow",
    "weight": 0,
    "mirror": {"percent": 50},
    "duration": "8s",
    "thresholds": [{"metric": "error-rate", "max": "1%"}],
}


class Track:
    """`async with Track(lab, way) as track`: both arms serve v1, all traffic is on the baseline, requests are sent all the while."""

    def __init__(self, lab: GatewayCluster, way: Way) -> None:
        self.lab = lab
        self.way = way
        self.namespace = way.namespace
        self.outages: list[tuple[float, float]] = []
        """From and to when requests may fail because the gateway was told not to serve."""
        self._stack = AsyncExitStack()
        self.load: Load
        self._watch: RouteWatch

    async def __aenter__(self) -> Self:
        await self.lab.apply(manifests.namespace(self.namespace))
        arms = [one for name in (shop.APP, shop.CANARY) for one in manifests.app(self.namespace, name, replicas=2)]
        await self.lab.apply(on_a_node(arms), self.way.route)
        for name in (shop.APP, shop.CANARY):
            await self.lab.rolled_out(self.namespace, name, SECONDS)
        host = manifests.hostname(self.namespace, shop.APP)
        await until(self._taken, SECONDS, f"{self.way.kind} taken")
        load = Load(self.way.url, host, rate=RATE, keep_alive=self.way.keep_alive)
        await self._served(Load(self.way.url, host))
        way = self.way
        watch = RouteWatch(self.lab.api, way.api_version, way.kind, lambda route: {"": way.weights(route)})
        self._watch = await self._stack.enter_async_context(watch)
        self.load = await self._stack.enter_async_context(load)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _served(self, probe: Load) -> None:
        async with probe:

            async def served() -> bool:
                return bool((await probe.send(1))[0].version)

            await until(served, SECONDS, f"{self.way.kind} is served")

    async def route(self) -> Object:
        """As it stands."""
        return await self.lab.api.get(self.way.api_version, self.way.kind, shop.APP, self.namespace)

    async def rollout(self, *, seconds: int, shadow: bool = False) -> None:
        """Applies the Rollout with steps that take so long."""
        traffic = [{"kind": self.way.kind, "name": shop.APP}]
        item = shop.rollout(self.namespace, step_seconds=seconds, traffic=traffic)
        if shadow:
            item["spec"]["steps"] = [SHADOW, *item["spec"]["steps"]]
        await self.lab.apply(item)

    async def release(self, version: str) -> None:
        """Gives the candidate a new version."""
        await self.lab.apply(
            on_a_node([manifests.deployment(self.namespace, shop.CANARY, version=version, replicas=2)])
        )

    async def weights(self) -> Weights:
        """Of baseline and candidate, on the route."""
        found = self.way.weights(await self.route())
        return found[shop.APP], found[shop.CANARY]

    async def at(self, wanted: Weights) -> float:
        """Waits until the route has these weights and the controller has taken them; returns from when on they surely act."""

        async def there() -> bool:
            return await self.weights() == wanted

        await until(there, SECONDS, f"{self.way.kind} has the weights {wanted}")
        await until(self._taken, SECONDS, f"{self.way.kind} taken")
        return time.time() + (ACTS if self.way.reports else UNREPORTED_ACTS)

    async def _taken(self) -> bool:
        return self.way.taken(await self.route())

    async def ended(self, runs: int) -> str:
        """Waits for the end of a run; its outcome."""

        async def done() -> str:
            status = (await shop.state(self.lab, self.namespace)).get("status", {})
            history = status.get("history", ())
            return str(history[0]["outcome"]) if len(history) == runs and "run" not in status else ""

        return await until(done, SECONDS, f"{self.way.kind}: run {runs} ended")

    async def waits(self, reason: str) -> str:
        """Waits until the run waits for that reason; its message."""

        async def told() -> str:
            run = (await shop.state(self.lab, self.namespace)).get("status", {}).get("run") or {}
            waiting = run.get("waiting") or {}
            return str(waiting.get("message")) if waiting.get("reason") == reason else ""

        return await until(told, SECONDS, f"{self.way.kind} waits: {reason}")

    async def goes_on(self) -> None:
        """Waits until the run waits for nothing."""

        async def on() -> bool:
            run = (await shop.state(self.lab, self.namespace)).get("status", {}).get("run") or {}
            return bool(run) and not run.get("waiting")

        await until(on, SECONDS, f"{self.way.kind} goes on")

    async def answered(self, since: float, count: int = ENOUGH) -> list[Answer]:
        """The first so many answers to requests sent since then."""

        async def enough() -> bool:
            return len(self.load.since(since)) >= count

        await until(enough, SECONDS, f"{self.way.kind}: {count} requests")
        return self.load.since(since)[:count]

    async def now(self, since: float) -> float:
        """The time, once enough was sent since then."""
        await self.answered(since)
        return time.time()

    def raised(self, since: float) -> float:
        """When the candidate got weight after that time: not before a second before a watch saw it."""
        states = self._watch.of(self.namespace, shop.APP)
        return next(one.at for one in states if one.at > since and one.weights[shop.CANARY]) - SEEN

    def left(self, weights: Weights, since: float) -> float:
        """When the route had other weights than these again; now, while it has them."""
        states = self._watch.of(self.namespace, shop.APP)
        wanted = dict(zip((shop.APP, shop.CANARY), weights, strict=True))
        return next((one.at for one in states if one.at > since and one.weights != wanted), time.time())

    def counted(self, begin: float, end: float, version: str, percent: float) -> None:
        """Checks the share that a version had of the requests sent in a time."""
        sent = [one for one in self.load.since(begin) if one.at < end]
        assert len(sent) >= LEAST, f"{self.way.kind} at {percent} %: {len(sent)} requests are too few to tell"
        reached, share = by_version(sent)[version], percent / 100
        most = _SIGMAS * math.sqrt(len(sent) * share * (1 - share))
        said = f"{self.way.kind} at {percent} %: {reached} of {len(sent)} requests"
        assert abs(reached - len(sent) * share) <= most, said

    def failed(self) -> Counter[tuple[str, int]]:
        """Requests that failed or reached no version, by version and status, outside of the outages."""
        bad = [one for one in self.load.answers if one.failed or not one.version]
        return Counter((one.version, one.status) for one in bad if not self._in_outage(one.at))

    def _in_outage(self, at: float) -> bool:
        return any(begin <= at <= end for begin, end in self.outages)

    async def copies(self) -> float:
        """Requests that the candidate's pods have counted."""
        selector = f'namespace="{self.namespace}",deployment="{shop.CANARY}"'
        found = await self.lab.prometheus.ask(f"sum(http_requests_total{{{selector}}})")
        return found[0][1] if found else 0.0
