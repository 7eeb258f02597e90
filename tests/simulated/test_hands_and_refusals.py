"""Versions, edits, finalizers and weights, while something else is wrong as well."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import Shop, spec
from tests.simulated.test_refusals import refuse
from tidegate.ports.errors import Rejected, Unavailable

HALF = [{"name": "half", "weight": 50, "duration": "1h"}]


async def under_way(**changes: Any) -> Any:  # noqa: ANN401
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": HALF, **changes}))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 50
    return shop, runner


async def test_a_new_version_while_the_spec_is_invalid_reverts() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.edit_rollout("checkout", spec(steps="nonsense")))
    await runner.run_until(shop.clock.now() + 5)
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.clock.now() + 3600)
    assert shop.weight == 0, (
        "a version of which nothing was ever evaluated has half of the users, for as long as it lasts"
    )


async def test_a_new_version_after_a_rollback_of_the_spec_is_seen_after_a_restart_too() -> None:
    shop, runner = await under_way()
    runner.stop()
    shop.cluster.edit_rollout("checkout", spec(steps="nonsense"))
    shop.cluster.set_image("checkout-canary", "shop:v3")
    runner.restart()
    await runner.run_until(shop.clock.now() + 3600)
    assert shop.weight == 0


async def test_a_finalizer_that_is_removed_while_a_revert_is_refused_is_put_back() -> None:
    shop, runner = await under_way()
    refuse(shop, "router.write", Rejected("change freeze"))
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 12)
    runner.at(shop.clock.now() + 0.3, lambda: shop.cluster.strip_finalizers("checkout"))
    await runner.run_until(shop.clock.now() + 60)
    there = bool(shop.cluster.rollouts["checkout"].finalizers)
    runner.at(shop.clock.now() + 0.3, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + 5)
    shop.gate.before = lambda _call: None
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert (there, shop.weight) == (True, 0), "the Rollout is gone, and half of the users are on what breached for ever"


async def test_an_edit_to_a_lower_weight_acts_although_the_status_cannot_be_written() -> None:
    shop, runner = await under_way()
    refuse(shop, "store.write_status", Rejected("quota exceeded"))
    lower = spec(steps=[{**HALF[0], "weight": 5}])
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.edit_rollout("checkout", lower))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 5, "lowering needs nothing"


async def test_more_on_the_route_is_put_back_although_the_route_cannot_be_read_live() -> None:
    """The watch has told of it, and the write is tested: a revert does not wait for the look either."""
    shop, runner = await under_way(steps=[{**HALF[0], "weight": 50}])
    refuse(shop, "router.read", Unavailable("time-out"))
    runner.at(shop.clock.now() + 1, lambda: shop.set_weight(10, 90))
    await runner.run_until(shop.clock.now() + 600)
    assert shop.weight == 50


async def test_an_edit_to_a_lower_weight_acts_although_the_route_cannot_be_read_live() -> None:
    shop, runner = await under_way()
    refuse(shop, "router.read", Unavailable("time-out"))
    runner.at(
        shop.clock.now() + 1, lambda: shop.cluster.edit_rollout("checkout", spec(steps=[{**HALF[0], "weight": 5}]))
    )
    await runner.run_until(shop.clock.now() + 600)
    assert shop.weight == 5
