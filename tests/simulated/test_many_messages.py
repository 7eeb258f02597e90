"""Two hundred Rollouts revert at once while the receiver of their messages hangs: on the real scheduler, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.simulated.shop import Shop, check, spec, value
from tidegate.core.model.world import ArmName
from tidegate.reconcile.index import Index
from tidegate.reconcile.scheduler import Scheduler
from tidegate.reconcile.tick import Ticker
from tidegate.simulation.cluster.objects import SimulatedRoute

COUNT = 200
INTERVAL = 10
HANGS = 60.0
STEP = 0.5
"""Seconds of virtual time between two looks."""


def release(shop: Shop, number: int) -> str:
    name = f"shop-{number}"
    canary = f"{name}-canary"
    for deployment, image in ((name, "shop:v1"), (canary, "shop:v2")):
        shop.cluster.add_deployment(deployment, image, {"app": deployment})
        shop.cluster.services[deployment] = {"app": deployment}
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", name, [{name: 1, canary: 0}]))
    changes = {
        "baseline": {"deployment": name, "service": name},
        "candidate": {"deployment": canary, "service": canary},
        "traffic": [{"kind": "HTTPRoute", "name": name}],
        "interval": f"{INTERVAL}s",
        "steps": [{"name": "canary", "weight": 10, "duration": "1h"}],
    }
    changes["notifications"] = [{"secret": {"name": "chat"}, "events": ["StepReached", "Held", "Reverted"]}]
    shop.cluster.add_rollout(name, spec(**changes))
    return name


async def last_revert() -> float:
    """Seconds from the first bad answer until the last route is at 0."""
    shop = Shop()
    sick: list[float] = []
    shop.answer = lambda query, _now: value(0.2 if sick and query.arm is ArmName.CANDIDATE else 0.0)
    shop.gate.takes = lambda call: HANGS if call == "notifier.send" else 0.0
    names = [release(shop, number) for number in range(COUNT)]
    index = Index()
    scheduler = Scheduler(shop.world, Ticker(shop.world, check, index), index)
    stop = asyncio.Event()
    running = asyncio.create_task(scheduler.run(stop))
    for name in names:
        scheduler.rollout_changed("shop", name)

    def weights() -> set[int]:
        return {shop.cluster.routes[f"HTTPRoute/{name}"].rules[0][f"{name}-canary"] for name in names}

    async def passes(until: float, done: Callable[[], bool]) -> float:
        while shop.clock.now() < until and not done():
            for _ in range(60):
                await asyncio.sleep(0)
            wake = shop.clock.next_wake()
            shop.clock.advance_to(min(shop.clock.now() + STEP, wake or until))
        return shop.clock.now()

    await passes(shop.start + 120, lambda: 0 not in weights())
    assert 0 not in weights(), "all are under way"
    began = shop.clock.now()
    sick.append(began)
    ended = await passes(began + 120, lambda: weights() == {0})
    scheduler.ticker.outbox.abandon()
    stop.set()
    shop.clock.advance_to(shop.clock.now() + 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert weights() == {0}
    return ended - began


async def test_two_hundred_reverts_are_not_delayed_by_a_receiver_that_hangs() -> None:
    assert await last_revert() <= INTERVAL + 1.0
