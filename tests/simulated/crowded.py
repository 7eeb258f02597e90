"""Many Rollouts of one namespace on the real scheduler, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.simulated.shop import Shop, check, spec, value
from tidegate.core.model.world import ArmName, Command
from tidegate.ports.protocols import Commands
from tidegate.ports.world import World
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.tick import Ticker
from tidegate.simulation.cluster.objects import SimulatedRoute

INTERVAL: Final = 10
STEP: Final = 0.5
"""Seconds of virtual time between two looks, at most."""
WEIGHT: Final = 10


@dataclass(frozen=True)
class OfOne:
    """The commands of a cluster are all for one Rollout."""

    commands: Commands
    rollout: str

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        return await self.commands.pending(namespace, rollout) if rollout == self.rollout else ()

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        await self.commands.conclude(namespace, command, done=done, message=message)


@dataclass
class Crowd:
    """The Rollouts, all with bad answers once `sick` says since when, and the process that cares for them."""

    shop: Shop
    names: list[str]
    world: World
    sick: list[float] = field(default_factory=list)
    scheduler: Scheduler = field(init=False)
    _others: set[asyncio.Task[object]] = field(init=False)

    def start(self) -> None:
        """A process begins: it looks at every Rollout, and knows nothing but what is recorded."""
        self._others = asyncio.all_tasks()
        index = Index()
        self.scheduler = Scheduler(self.world, Ticker(self.world, check, index), index)
        self._running = asyncio.create_task(self.scheduler.run(asyncio.Event()))
        for name in self.names:
            self.scheduler.rollout_changed("shop", name)

    async def kill(self) -> None:
        """The process is gone in the middle of what it does: calls under way may or may not have had their effect."""
        ours = asyncio.all_tasks() - self._others
        while ours:
            for task in ours:
                task.cancel()
            await asyncio.gather(*ours, return_exceptions=True)
            ours = asyncio.all_tasks() - self._others

    def weights(self) -> set[int]:
        return {self.shop.cluster.routes[f"HTTPRoute/{name}"].rules[0][f"{name}-canary"] for name in self.names}

    def phases(self) -> set[str]:
        return {str(self.shop.cluster.rollouts[name].status.get("phase")) for name in self.names}

    async def passes(self, seconds: float, done: Callable[[], bool] = lambda: False) -> float:
        """Lets time pass until something is so; returns how long that took."""
        began = self.shop.clock.now()
        while self.shop.clock.now() < began + seconds and not done():
            for _ in range(60):
                await asyncio.sleep(0)
            wake = self.shop.clock.next_wake()
            self.shop.clock.advance_to(min(self.shop.clock.now() + STEP, wake or began + seconds))
        return self.shop.clock.now() - began

    async def breached(self, seconds: float) -> float:
        """All answers of the candidates turn bad; returns the seconds until the last route is at 0."""
        self.sick.append(self.shop.clock.now())
        return await self.passes(seconds, lambda: self.weights() == {0})


@asynccontextmanager
async def crowd(
    count: int,
    takes: Callable[[Shop, str], float],
    ports: Callable[[World], World] = lambda world: world,
    **changes: object,
) -> AsyncIterator[Crowd]:
    """`count` Rollouts released at once; `takes` says what a port call takes, in seconds, `ports` which ports they have."""
    shop = Shop()
    made = Crowd(shop, [_release(shop, number, changes) for number in range(count)], ports(shop.world))
    shop.answer = lambda query, _now: value(0.2 if made.sick and query.arm is ArmName.CANDIDATE else 0.0)
    shop.gate.takes = lambda call: takes(shop, call)
    made.start()
    try:
        yield made
    finally:
        await made.kill()


def _release(shop: Shop, number: int, changes: dict[str, object]) -> str:
    name = f"shop-{number}"
    canary = f"{name}-canary"
    for deployment, image in ((name, "shop:v1"), (canary, "shop:v2")):
        shop.cluster.add_deployment(deployment, image, {"app": deployment})
        shop.cluster.services[deployment] = {"app": deployment}
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", name, [{name: 1, canary: 0}]))
    own: dict[str, object] = {
        "baseline": {"deployment": name, "service": name},
        "candidate": {"deployment": canary, "service": canary},
        "traffic": [{"kind": "HTTPRoute", "name": name}],
        "interval": f"{INTERVAL}s",
        "steps": [{"name": "canary", "weight": WEIGHT, "duration": "1h"}],
    }
    shop.cluster.add_rollout(name, spec(**{**own, **changes}))
    return name
