"""Whole runs on a virtual clock."""

from __future__ import annotations

from tests.simulated.shop import Shop, spec


async def test_a_clean_run_goes_through_its_steps_to_promotion() -> None:
    shop = Shop()
    runner = shop.rollout()
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert shop.weights() == [0, 10, 50, 0]
    assert shop.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"] == "shop:v2"
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}]


async def test_a_release_is_evaluated_as_soon_as_its_run_has_begun_and_recorded_three_times_until_its_first_weight() -> (
    None
):
    """A thousand releases at once are bound by these writes: the start, the raise before it is written, and what is seen after it."""
    shop = Shop()
    runner = shop.rollout()
    await runner.tick()
    assert (shop.weight, shop.clock.now()) == (10, shop.start)
    assert shop.gate.calls.count("store.write_status") == 3
    assert [reason for _, _, reason, _ in shop.cluster.events] == ["RunStarted", "StepStarted"]


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


async def test_a_checkpoint_keeps_what_the_guards_saw_beside_the_thresholds() -> None:
    """Who writes guards alone must find their numbers as well."""
    shop = Shop()
    guards = [
        {"metric": "errors", "max": "5%"},
        {"metric": "errors", "maxIncrease": "20%", "floor": "0%", "for": "1h"},
        {"metric": "errors", "max": "0.2%", "onBreach": "Warn"},
    ]
    runner = shop.rollout(spec(guards=guards))
    shop.values.update(candidate=0.004, baseline=0.002)
    await runner.run_until(shop.start + 45, lambda: len(shop.status.checkpoints) > 0)
    found = shop.status.checkpoints[0].findings
    assert [(one.guard, one.limit, one.value, one.baseline, one.state) for one in found] == [
        (False, "max 1%", "0.4%", "", "Ok"),
        (True, "max 5%", "0.4%", "", "Ok"),
        (True, "maxIncrease 20%", "0.4%", "0.2%", "Pending"),
        (True, "max 0.2%", "0.4%", "", "Breached"),
    ]
    assert all(one.window == "20s" for one in found)
