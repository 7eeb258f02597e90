"""Shops for as many Rollouts as wanted: two Deployments of one replica, two Services and an HTTPRoute each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass

from lab import manifests
from lab.api import Object
from lab.route_watch import Lookup, RouteWatch
from lab.stack import Lab
from lab.wait import until
from tests.bench.source import Source

API_VERSION = "tidegate.dev/v1alpha1"
A_NAMESPACE = 50
"""Shops in one namespace."""
TOGETHER = 32
"""Requests of ours at the same time: more would only wait in the API server."""
WEIGHT = 10
STARTING_INTERVAL = 10
"""Seconds: runs begin at a pace at which hundreds can begin at once; shorter intervals are set when all are in progress."""
PATIENCE = 180.0
"""Seconds for a thousand shops to come up on a slow machine."""

_revisions = itertools.count(1)


@dataclass(frozen=True)
class Shop:
    namespace: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def canary(self) -> str:
        return f"{self.name}-canary"


def _shop(number: int, a_namespace: int = A_NAMESPACE) -> Shop:
    return Shop(f"bench-{number // a_namespace:02}", f"shop-{number:04}")


def _objects(shop: Shop) -> list[Object]:
    # Both arms run the same, so that nothing starts; a run is a release of configuration: another spec.revision.
    return [
        *manifests.app(shop.namespace, shop.name),
        *manifests.app(shop.namespace, shop.canary),
        manifests.http_route(shop.namespace, shop.name, {shop.name: 100, shop.canary: 0}),
        _rollout(shop),
    ]


def _rollout(shop: Shop) -> Object:
    query = 'bench_value{namespace="$namespace",rollout="$rollout",deployment="$workload"}'
    return {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "metadata": {"name": shop.name, "namespace": shop.namespace},
        "spec": {
            "baseline": {"deployment": shop.name, "service": shop.name},
            "candidate": {"deployment": shop.canary, "service": shop.canary},
            "traffic": [{"kind": "HTTPRoute", "name": shop.name}],
            "interval": "1s",
            "metrics": [{"name": "value", "query": query, "unit": "none"}],
            "guards": [{"metric": "value", "max": "0.5"}],
            "steps": [{"name": "canary", "weight": WEIGHT, "duration": "30d"}],
            "promotion": {"strategy": "AwaitBaseline"},
        },
    }


class Fleet:
    """Grows, never shrinks: a Rollout without a run is at rest beside those that have one."""

    def __init__(self, lab: Lab, watch: RouteWatch, source: Source, a_namespace: int = A_NAMESPACE) -> None:
        """`a_namespace` is how many shops are in one namespace."""
        self._a_namespace = a_namespace
        self._lab = lab
        self._watch = watch
        self._source = source
        self.shops: list[Shop] = []
        self._under_way: dict[Shop, int] = {}
        """The interval of each run we began and have not seen end."""

    async def grow(self, size: int, patience: float = PATIENCE) -> None:
        """Returns when `size` shops are there, their pods available, their Rollouts looked at by the operator."""
        new = [_shop(number, self._a_namespace) for number in range(len(self.shops), size)]
        if not new:
            return
        known = {shop.namespace for shop in self.shops}
        for namespace in sorted({shop.namespace for shop in new} - known):
            await self._lab.api.create(manifests.namespace(namespace))
        await _together(self._lab.api.create(item) for shop in new for item in _objects(shop))
        self.shops += new
        await until(self._available, patience, f"pods of {size} shops available", every=1.0)
        await self.at_rest(patience=patience)

    async def run(self, shops: Sequence[Shop], interval: int, patience: float = PATIENCE) -> None:
        """Starts a run of each that has none; returns when every route gives the candidate its weight."""
        new = [shop for shop in shops if self._under_way.get(shop) != interval]
        pace = max(interval, STARTING_INTERVAL) if len(new) >= A_NAMESPACE else interval
        await self._set(new, revision=f"r{next(_revisions)}", interval=f"{pace}s")
        self._under_way |= dict.fromkeys(new, interval)
        await until(lambda: self._all_have(shops, WEIGHT), patience, f"{len(shops)} runs in progress")
        if pace != interval:
            await self._set(new, interval=f"{interval}s")

    async def counted(self, shops: Sequence[Shop], patience: float = PATIENCE) -> None:
        """Returns when the duration of each one's step counts: nothing more is read or recorded until it ends."""
        names = {shop.name for shop in shops}

        async def done() -> bool:
            found = await self._lab.api.list(API_VERSION, "Rollout")
            steps = [item["status"].get("step", {}) for item in found if item["metadata"]["name"] in names]
            return all(step.get("reached") for step in steps)

        await until(done, patience, "the steps' durations count", every=0.5)

    async def ended(self, shops: Sequence[Shop]) -> bool:
        """Whether none of them has a run."""
        names = {shop.name for shop in shops}
        found = await self._lab.api.list(API_VERSION, "Rollout")
        return not any("run" in item["status"] for item in found if item["metadata"]["name"] in names)

    async def gated(self, shops: Sequence[Shop], after: str, interval: int, patience: float = PATIENCE) -> None:
        """Starts a run of each whose first step does not begin before `after`; returns when all wait at that gate."""
        steps = [{"name": "canary", "weight": WEIGHT, "duration": "30d", "gate": {"after": after}}]
        await self._set(shops, revision=f"r{next(_revisions)}", interval=f"{interval}s", steps=steps)
        names = {shop.name for shop in shops}

        async def waiting() -> bool:
            found = await self._lab.api.list(API_VERSION, "Rollout")
            return all("gate" in item["status"] for item in found if item["metadata"]["name"] in names)

        await until(waiting, patience, "all wait at the gate", every=0.5)

    async def end(self, shops: Sequence[Shop], patience: float = PATIENCE) -> None:
        """Ends their runs by a breach, soon; returns when all is at rest and the source well again."""
        await self._set(shops, interval="1s")
        await self._source.switch("all")
        await self.reverted(shops, patience)
        await self.at_rest(patience=patience)
        await self._source.switch("good")

    async def reverted(self, shops: Sequence[Shop], patience: float = PATIENCE) -> None:
        await until(lambda: self._all_have(shops, 0), patience, f"{len(shops)} routes at weight 0")
        for shop in shops:
            self._under_way.pop(shop, None)

    async def at_rest(self, shops: Sequence[Shop] = (), patience: float = PATIENCE) -> None:
        """Returns when none of them (not given: no Rollout) has a run, and the operator has looked at each as it stands."""
        names = {shop.name for shop in shops or self.shops}

        async def done() -> bool:
            found = await self._lab.api.list(API_VERSION, "Rollout")
            return all(_rests(item) for item in found if item["metadata"]["name"] in names)

        await until(done, patience, "all Rollouts at rest", every=0.5)

    def zero_at(self, shop: Shop) -> float:
        """Unix time at which a watch told that the candidate's weight is 0."""
        return self._watch.of(shop.namespace, shop.name)[-1].at

    async def tell(self, shops: Sequence[Shop], notifications: Sequence[Object], secret: Object) -> None:
        """Gives each receivers, and its namespace their Secret."""
        for namespace in sorted({shop.namespace for shop in shops}):
            await self._lab.api.create({**secret, "metadata": {**secret["metadata"], "namespace": namespace}})
        await self._set(shops, notifications=list(notifications))

    async def edit(self, shop: Shop, **changes: object) -> None:
        """Replaces fields of its spec."""
        await self._set([shop], **changes)

    def states(self, namespace: str, route: str, rule: str = "") -> list[Lookup]:
        """What a watch told of one rule of a route, by default of its first."""
        return self._watch.of(namespace, route, rule)

    async def _set(self, shops: Sequence[Shop], **changes: object) -> None:
        await _together(self._lab.api.patch(_rollout(shop), {"spec": changes}) for shop in shops)

    def _all_have(self, shops: Sequence[Shop], share: int) -> bool:
        return all(self._share(shop) == share for shop in shops)

    def _share(self, shop: Shop) -> float | None:
        states = self._watch.of(shop.namespace, shop.name)
        return states[-1].share(shop.canary) if states else None

    async def _available(self) -> bool:
        found = await self._lab.api.list("apps/v1", "Deployment")
        return all(item.get("status", {}).get("availableReplicas") == 1 for item in found)


def _rests(item: Object) -> bool:
    status = item.get("status", {})
    known = "released" in status or "rejected" in status  # the first version is adopted once its pods are there
    return known and status.get("observedGeneration") == item["metadata"]["generation"] and "run" not in status


async def _together(calls: Iterable[Awaitable[object]]) -> None:
    """Carries all out, some at a time."""
    waiting = iter(calls)

    async def worker() -> None:
        for call in waiting:
            await call

    await asyncio.gather(*(worker() for _ in range(TOGETHER)))
