"""What another Rollout of the namespace is or does holds up nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulated.shop import Shop, check, spec
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
