"""A run at half of the traffic with a limit that steps back, and what people and breaches do to it."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.api.rollout.run_status import Paused, RunStatus
from tidegate.simulation.runner import Runner

STEPS = [
    {"name": "canary", "weight": 10, "duration": "30s"},
    {"name": "ramp", "weight": 50, "duration": "10m"},
    {"name": "most", "weight": 80, "duration": "10m"},
]
SICK = 0.06


def limit(goal: dict[str, Any], **changes: object) -> dict[str, Any]:
    return {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": goal, **changes}


async def at_half(goal: dict[str, Any], **changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": STEPS, "guards": [limit(goal)], **changes}))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 50
    return shop, runner


async def fails(shop: Shop, runner: Runner, value: float = SICK) -> float:
    """The candidate fails from now on; when that was first answered."""
    shop.values["candidate"] = value
    await runner.run_until(shop.clock.now() + 11)
    return shop.cluster.history[-1].time


async def passes(shop: Shop, runner: Runner, seconds: float) -> None:
    await runner.run_until(shop.clock.now() + seconds)


async def does(shop: Shop, runner: Runner, action: Action, seconds: float, **fields: str) -> None:
    """A person gives a command, and so much time passes."""
    runner.at(shop.clock.now(), lambda: shop.command(action, **fields))
    await passes(shop, runner, seconds)


def run_of(shop: Shop) -> RunStatus:
    run = shop.status.run
    assert run is not None
    return run


def paused_of(shop: Shop) -> Paused:
    paused = run_of(shop).paused
    assert paused is not None
    return paused


async def over(shop: Shop, runner: Runner) -> str:
    await runner.run_until(shop.clock.now() + 7200, lambda: shop.outcome != "")
    return shop.outcome
