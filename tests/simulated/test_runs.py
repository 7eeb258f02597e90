"""Whole runs on a virtual clock."""

from __future__ import annotations

from tests.simulated.shop import Shop


async def test_a_clean_run_goes_through_its_steps_to_promotion() -> None:
    shop = Shop()
    runner = shop.rollout()
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert shop.weights() == [0, 10, 50, 0]
    assert shop.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"] == "shop:v2"
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}]


async def test_a_breached_guard_reverts_within_one_interval() -> None:
    shop = Shop()
    runner = shop.rollout()
    await runner.run_until(shop.start + 45)
    assert shop.weight == 50
    shop.values["candidate"] = 0.06
    bad = shop.clock.now()
    await runner.run_until(bad + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.cluster.history[-1].time - bad <= 10
    assert shop.cluster.history[-1].manager == "tidegate-revert"
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}]
