"""The states of a Rollout in which the actions of Argo CD differ."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from tests.simulated.argocd.stories import ONE_LONG
from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.simulation.runner import Runner

State: TypeAlias = Callable[[Shop], Awaitable[Runner]]


async def idle(shop: Shop) -> Runner:
    shop.cluster.set_image("checkout-canary", "shop:v1")
    return await after(shop, shop.rollout(spec()), 30)


async def progressing(shop: Shop) -> Runner:
    return await after(shop, shop.rollout(spec(steps=ONE_LONG)), 25)


async def paused(shop: Shop) -> Runner:
    runner = await progressing(shop)
    shop.command(Action.PAUSE)
    return await now(shop, runner)


async def lowered(shop: Shop) -> Runner:
    runner = await progressing(shop)
    shop.set_weight(100, 0)
    return await now(shop, runner)


async def paused_by_spec(shop: Shop) -> Runner:
    return await after(shop, shop.rollout(spec(paused=True)), 30)


async def reverted(shop: Shop) -> Runner:
    runner = await progressing(shop)
    shop.values["candidate"] = 0.2
    return await after(shop, runner, 60)


async def reverting(shop: Shop) -> Runner:
    """A revert that waits for a pod of the baseline to land on."""
    runner = await progressing(shop)
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.2
    return await after(shop, runner, 30)


async def promoting(shop: Shop) -> Runner:
    runner = shop.rollout(spec(promotion={"strategy": "AwaitBaseline", "settle": "20s"}))
    return await after(shop, runner, 200)


async def succeeded(shop: Shop) -> Runner:
    return await after(shop, shop.rollout(spec()), 300)


async def now(shop: Shop, runner: Runner) -> Runner:
    runner.due = shop.clock.now()
    return await after(shop, runner, 5)


async def after(shop: Shop, runner: Runner, seconds: float) -> Runner:
    await runner.run_until(shop.clock.now() + seconds)
    return runner
