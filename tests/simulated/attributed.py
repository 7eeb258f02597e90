"""Runs in which something is wrong with one arm or both, and what is said of it."""

from __future__ import annotations

from tests.simulated.shop import Shop, spec
from tidegate.core.model.answers import Query, SeriesValue, Vector
from tidegate.core.model.world import ArmName
from tidegate.simulation.ports.metrics import ScriptedMetrics
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]
RATIO = {
    "name": "errors",
    "ratio": {"bad": 'bad{workload="$workload"}', "total": 'all{workload="$workload"}'},
    "window": "20s",
}


async def started(shop: Shop, **changes: object) -> Runner:
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 15)
    assert shop.weight == 10
    return runner


def about_the_baseline(shop: Shop) -> list[Query]:
    """The queries about it that were asked so far."""
    metrics = shop.world.metrics
    assert isinstance(metrics, ScriptedMetrics)
    return [one for one in metrics.asked if one.arm is ArmName.BASELINE and one.part != "probe"]


async def later(shop: Shop, runner: Runner, seconds: float) -> None:
    await runner.run_until(shop.clock.now() + seconds, lambda: shop.outcome != "")


def holding(shop: Shop) -> str:
    run = shop.status.run
    return run.hold.reason if run is not None and run.hold is not None else ""


def series(**values: float) -> Vector:
    return Vector(tuple(SeriesValue((("segment", name),), number) for name, number in values.items()))
