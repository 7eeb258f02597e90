"""What the API server itself takes on this machine at this moment: the operator's own client, with nothing around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import manifests
from lab.stack import Lab
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.configuration import load_configuration
from tidegate.adapters.routers import BY_KIND

NAMESPACE = "bench-yardstick"
ALONE = 60
"""Patches one after the other."""
HTTP_ROUTE = BY_KIND["HTTPRoute"].resource


@dataclass(frozen=True)
class Yardstick:
    """Seconds."""

    median: float
    """Of one patch of a route, one after the other."""
    p99: float
    last: float
    """Of the last of as many patches at once as there were reverts."""


class Yard:
    """Routes of its own, which no Rollout looks at."""

    def __init__(self, lab: Lab, kubeconfig: Path) -> None:
        self._lab = lab
        self._kubeconfig = kubeconfig
        self._names: list[str] = []
        self._weight = 0

    async def measure(self, together: int) -> Yardstick:
        await self._grow(max(together, 1))
        api = Api(await load_configuration(str(self._kubeconfig)), timeout=60)
        try:
            alone = sorted([await self._patch(api, self._names[0]) for _ in range(ALONE)])
            at_once = await asyncio.gather(*(self._patch(api, name) for name in self._names[:together]))
        finally:
            await api.close()
        return Yardstick(_middle(alone), alone[-1], max(at_once))

    async def _patch(self, api: Api, name: str) -> float:
        self._weight = self._weight % 1000 + 1
        began = time.monotonic()
        change = {"op": "add", "path": "/spec/rules/0/backendRefs/1/weight", "value": self._weight}
        await api.patch(HTTP_ROUTE, NAMESPACE, name, [change], manager="bench")
        return time.monotonic() - began

    async def _grow(self, size: int) -> None:
        if not self._names:
            await self._lab.api.create(manifests.namespace(NAMESPACE))
        for number in range(len(self._names), size):
            name = f"route-{number:04}"
            await self._lab.api.create(manifests.http_route(NAMESPACE, name, {"one": 100, "other": 0}))
            self._names.append(name)


def _middle(ordered: Sequence[float]) -> float:
    return ordered[len(ordered) // 2]
