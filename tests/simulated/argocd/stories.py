"""Runs that have every kind of status, for the scripts of Argo CD."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, Final

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.simulation.runner import Runner

ONE_LONG: Final = [{"name": "canary", "weight": 10, "duration": "1h"}]

Object = dict[str, Any]


def as_object(shop: Shop) -> Object:
    """The Rollout as the API server would return it."""
    stored = shop.cluster.rollouts["checkout"]
    metadata = {"name": stored.name, "namespace": stored.namespace, "uid": stored.uid, "generation": stored.generation}
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": metadata,
        "spec": dict(stored.spec),
        "status": dict(stored.status),
    }


class Collector:
    """Every kind of status that a Rollout had, by phase and readiness."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, ...], Object] = {}

    async def watch(self, shop: Shop, runner: Runner, seconds: float) -> None:
        """Runs for `seconds` of the virtual clock, and looks at every tick."""

        def note() -> bool:
            if "checkout" in shop.cluster.rollouts:
                self.take(shop)
            return False

        note()
        await runner.run_until(shop.clock.now() + seconds, note)
        note()

    def take(self, shop: Shop) -> None:
        """Keeps the status as it is now, if none of its kind was kept."""
        found = as_object(shop)
        conditions = {one["type"]: one for one in found["status"].get("conditions", ())}
        ready = conditions.get("Ready", {})
        key = (
            found["status"].get("phase", ""),
            str(ready.get("status")),
            str(ready.get("reason")),
            "stalled" if "Stalled" in conditions else "",
            "" if found["status"].get("observedGeneration") == found["metadata"]["generation"] else "old",
        )
        self.seen.setdefault(key, found)


async def good(collector: Collector) -> None:
    shop = Shop()
    await collector.watch(shop, shop.rollout(spec()), 300)
    shop.cluster.edit_rollout("checkout", spec(interval="20s"))
    collector.take(shop)


async def bad(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 25)
    shop.values["candidate"] = 0.2
    await collector.watch(shop, runner, 60)


async def idle(collector: Collector) -> None:
    shop = Shop()
    shop.cluster.set_image("checkout-canary", "shop:v1")
    await collector.watch(shop, shop.rollout(spec()), 30)


async def invalid(collector: Collector) -> None:
    shop = Shop()
    await collector.watch(shop, shop.rollout({"steps": "nonsense"}), 30)


async def paused_by_command(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 25)
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.PAUSE))
    await collector.watch(shop, runner, 30)
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.ABORT))
    await collector.watch(shop, runner, 30)


async def paused_by_spec(collector: Collector) -> None:
    shop = Shop()
    await collector.watch(shop, shop.rollout(spec(paused=True)), 30)


async def lowered(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 40)
    runner.at(shop.clock.now() + 1, lambda: shop.set_weight(100, 0))
    await collector.watch(shop, runner, 40)


async def held(collector: Collector) -> None:
    shop = Shop()
    guards = [{"metric": "errors", "max": "5%", "onBreach": "Hold"}]
    runner = shop.rollout(spec(steps=ONE_LONG, guards=guards))
    await collector.watch(shop, runner, 25)
    shop.values["candidate"] = 0.2
    await collector.watch(shop, runner, 60)


async def step_taken_away(collector: Collector) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE_LONG))
    await collector.watch(shop, runner, 25)
    shop.cluster.edit_rollout("checkout", spec(steps=[{"name": "other", "weight": 5}]))
    runner.due = shop.clock.now()
    await collector.watch(shop, runner, 30)


async def waiting(collector: Collector) -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    await collector.watch(shop, shop.rollout(spec(progressDeadline="1m")), 120)


STORIES: Final = (
    good, bad, idle, invalid, paused_by_command, paused_by_spec, lowered, held, step_taken_away, waiting,
)  # fmt: skip


@cache
def collected() -> dict[tuple[str, ...], Object]:
    """All statuses of all stories."""

    async def collect() -> dict[tuple[str, ...], Object]:
        collector = Collector()
        for story in STORIES:
            await story(collector)
        return collector.seen

    return asyncio.run(collect())
