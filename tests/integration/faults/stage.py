"""A shop with a run under way, and what a test wants to know of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lab import shop
from lab.api import Object
from lab.load import Load
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from lab.wait import until

SECONDS = 120.0
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}, {"name": "half", "weight": 50, "duration": "1h"}]


@dataclass
class Stage:
    lab: Lab
    namespace: str
    operator: OperatorProcess
    load: Load
    watch: RouteWatch

    async def rollout(self) -> Object:
        return await shop.state(self.lab, self.namespace)

    async def status(self) -> dict[str, Any]:
        return dict((await self.rollout()).get("status", {}))

    async def route(self) -> Object:
        return await self.lab.api.get("gateway.networking.k8s.io/v1", "HTTPRoute", shop.APP, self.namespace)

    async def weights(self) -> tuple[int, int]:
        backends = (await self.route())["spec"]["rules"][0]["backendRefs"]
        return backends[0]["weight"], backends[1]["weight"]

    async def share(self) -> float:
        baseline, candidate = await self.weights()
        return 100 * candidate / (baseline + candidate)

    async def until_share(self, wanted: float, seconds: float = SECONDS) -> None:
        async def there() -> bool:
            return await self.share() == wanted

        await until(there, seconds, f"the candidate's share is {wanted}")

    async def until_outcome(self, seconds: float = SECONDS) -> str:
        async def ended() -> str:
            status = await self.status()
            history = status.get("history", [])
            return history[0]["outcome"] if history and "run" not in status else ""

        return await until(ended, seconds, "the run has ended")

    async def until_status(self, what: str, path: tuple[str | int, ...], seconds: float = SECONDS) -> Any:  # noqa: ANN401  (JSON)
        async def there() -> Any:  # noqa: ANN401
            value: Any = await self.status()
            for part in path:
                if isinstance(part, int):
                    value = value[part] if len(value) > part else None
                else:
                    value = (value or {}).get(part)
            return value

        return await until(there, seconds, what)

    async def until_condition(self, kind: str, reason: str, seconds: float = SECONDS) -> None:
        async def there() -> bool:
            found = (await self.status()).get("conditions", [])
            return any(one["type"] == kind and one["reason"] == reason for one in found)

        await until(there, seconds, f"condition {kind} with reason {reason}")

    async def set_weights(self, baseline: int, candidate: int) -> None:
        route = await self.route()
        rules = route["spec"]["rules"]
        rules[0]["backendRefs"][0]["weight"], rules[0]["backendRefs"][1]["weight"] = baseline, candidate
        await self.lab.api.patch(route, {"spec": {"rules": rules}})

    async def shares(self) -> list[float]:
        return [seen.share(shop.CANARY) for seen in await self.watch.current(self.namespace, shop.APP)]


@asynccontextmanager
async def run_under_way(lab: Lab, namespace: str, **changes: object) -> AsyncIterator[Stage]:
    """A run at its first step's weight of 10 %, with traffic; `changes` replace parts of the Rollout's spec."""
    await lab.install_tidegate()
    await shop.open_shop(lab, namespace, replicas=1)
    async with (
        OperatorProcess(lab) as operator,
        lab.load(namespace, shop.APP, rate=60) as load,
        RouteWatch(lab.api) as watch,
    ):
        stage = Stage(lab, namespace, operator, load, watch)
        await shop.release(lab, namespace, "v2", replicas=1)
        await lab.rolled_out(namespace, shop.CANARY)
        rollout = shop.rollout(namespace, **{"steps": LONG, **changes})
        await lab.apply(rollout)
        await stage.until_share(10)
        await stage.until_status("the first step was seen on the route", ("step", "reached"))
        try:
            yield stage
        finally:
            await lab.api.delete(rollout)
            if not operator.pid:
                await operator.start()

            async def gone() -> bool:
                return not await stage.rollout()

            await until(gone, SECONDS, "the Rollout is gone")
