"""What another Rollout of the namespace is or does holds up nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulated.neighbour import HOWS, Neighbour, SharedSource
from tests.simulated.shop import Shop, check, spec
from tidegate.simulation.cluster.objects import RouteWrite
from tidegate.simulation.runner import Runner

BROKEN = {
    "its run's spec is not valid JSON": {"run": {"id": "1", "spec": "{ not JSON"}},
    "its run's spec is a list": {"run": {"id": "1", "spec": "[]"}},
    "its run is no object": {"run": "yes"},
    "its targets are no list": {"run": {"id": "1"}, "targets": 7},
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_neighbour_whose_status_is_broken_stops_neither_a_step_nor_a_revert(case: str) -> None:
    shop = Shop()
    shop.cluster.add_rollout("neighbour", {})
    neighbour = shop.cluster.rollouts["neighbour"]
    shop.cluster.put_rollout(replace(neighbour, status=BROKEN[case]))
    runner = shop.rollout(spec(steps=[{"name": "only", "weight": 10, "duration": "10m"}]))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 10
    shop.values["candidate"] = 0.9
    await runner.run_until(shop.clock.now() + 120)
    assert shop.weight == 0


async def test_a_neighbour_with_a_broken_status_still_holds_what_its_spec_names() -> None:
    shop = Shop()
    older = shop.cluster.add_rollout("neighbour", spec(paused=True))
    shop.cluster.put_rollout(replace(older, status={"run": {"id": "1", "spec": "{ not JSON"}}))
    shop.cluster.add_rollout("checkout", spec())
    runner = Runner(shop.world, shop.clock, "checkout", check)
    await runner.run_until(shop.start + 60)
    assert shop.weight == 0
    assert "neighbour" in shop.cluster.rollouts["checkout"].status["message"]


def at_zero(write: RouteWrite, after: float) -> bool:
    return write.time >= after and write.rules[0]["checkout-canary"] == 0


@pytest.mark.parametrize("how", HOWS)
async def test_a_neighbour_of_the_same_process_delays_no_answer_to_a_breach(how: str) -> None:
    """It shares source and route; each of its queries hangs or fails, or it is taken back at the same time."""
    shop = Shop()
    source = SharedSource(shop, shop.world.metrics)
    shop.world = replace(shop.world, metrics=source)
    runner = shop.rollout(spec(interval="2s", steps=[{"name": "only", "weight": 10, "duration": "10m"}]))
    neighbour = Neighbour(shop)
    await neighbour.passes(runner, shop.start + 30)
    theirs = shop.cluster.routes["HTTPRoute/checkout"].rules[1]
    assert (shop.weight, theirs) == (10, {"neighbour": 80, "neighbour-canary": 20})
    source.how, ticks = how, neighbour.ticks
    began = shop.clock.now() + 25
    runner.at(began, lambda: shop.values.update(candidate=0.9))
    await neighbour.passes(runner, began + 3)
    assert shop.weight == 0
    assert next(one.time for one in shop.cluster.history if at_zero(one, began)) - began <= 3, "a tick may end later"
    await neighbour.passes(runner, began + 11)
    assert source.askers == {"shop/checkout", "shop/neighbour"}, "each asks for its own fair share"
    assert neighbour.ticks > ticks, "it was ticked beside it"
    assert (theirs["neighbour-canary"] == 0) is (how == "breaches")
    await neighbour.process_ended()
