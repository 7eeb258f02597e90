"""Releases in the simulated shop: a run of one step, and what its objects and its status say."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import Shop, spec
from tidegate.simulation.runner import Runner

STEPS = [{"name": "half", "weight": 50, "duration": "60s"}]
AWAIT = {"strategy": "AwaitBaseline", "settle": "20s"}


def template(shop: Shop, name: str = "checkout") -> dict[str, Any]:
    return shop.cluster.deployments[name].template


def condition(shop: Shop, kind: str) -> tuple[str, str, str]:
    found = next((one for one in shop.status.conditions if one.type == kind), None)
    return (found.status, found.reason, found.message) if found else ("", "", "")


def events(shop: Shop, reason: str) -> list[str]:
    return [message for _, _, said, message in shop.cluster.events if said == reason]


def stage(shop: Shop) -> str:
    run = shop.status.run
    return run.promotion.stage if run and run.promotion else ""


async def at_rest(**changes: object) -> tuple[Shop, Runner]:
    """A shop whose candidate is the version in service."""
    shop = Shop()
    shop.cluster.set_image("checkout-canary", "shop:v1")
    runner = shop.rollout(spec(steps=STEPS, **changes))
    await runner.run_until(shop.start + 30)
    assert condition(shop, "Ready")[1] == "Idle"
    return shop, runner


async def under_way(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": STEPS, **changes}))
    await runner.run_until(shop.start + 20)
    assert shop.weight == 50
    return shop, runner
