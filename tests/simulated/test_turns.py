"""Raises take turns: nothing else waits for one, and a raise that waited rests on what is so now."""

from __future__ import annotations

from tests.simulated.shop import Shop, value
from tests.simulated.test_own_evaluation import manifest, until_weight
from tests.simulated.test_promotion import settling, sick_baseline
from tests.simulated.test_way_back import first_write_lands_late
from tidegate.core.model import cadence
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName
from tidegate.reconcile.raises import AT_A_TIME, LONGEST_TURN, Turn
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


async def occupy(runner: Runner) -> list[Turn]:
    """Others have all turns, and keep them."""
    return [await runner.ticker.raises.enter() for _ in range(AT_A_TIME)]


async def test_the_way_back_to_the_candidate_waits_for_no_turn() -> None:
    shop, runner = await settling(interval="2s")
    await occupy(runner)
    sick_baseline(shop)
    begun = shop.clock.now()
    await runner.run_until(begun + 30, lambda: shop.weight == 50)
    assert shop.clock.now() - begun <= 3.0


async def test_a_lower_weight_and_a_put_back_wait_for_no_turn() -> None:
    shop = Shop()
    runner = shop.rollout(manifest(steps=LONG))
    await until_weight(shop, runner, 10)
    await runner.run_until(shop.clock.now() + 5)
    await occupy(runner)
    begun = shop.clock.now()
    runner.at(begun, lambda: shop.set_weight(20, 80))
    await runner.run_until(begun + 20, lambda: shop.weight == 10)
    lower = manifest(steps=[{**LONG[0], "weight": 2}])
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", lower))
    await runner.run_until(begun + 20, lambda: shop.weight == 2)
    assert (shop.weight, shop.clock.now() - begun <= 2.0) == (2, True)


async def test_a_breach_while_a_raise_waits_for_its_turn_is_answered_in_time() -> None:
    shop = Shop()
    steps = [{"name": "canary", "weight": 10, "duration": "5s"}, {"name": "half", "weight": 50, "duration": "1h"}]
    runner = shop.rollout(manifest(steps=steps))
    await until_weight(shop, runner, 10)
    await occupy(runner)
    breached = shop.clock.now() + 8
    runner.at(breached, lambda: shop.values.update(candidate=0.5))
    await runner.run_until(breached + 20, lambda: shop.weight == 0)
    assert (shop.weight, shop.clock.now() - breached <= 2.0) == (0, True)
    assert all(write.rules[0]["checkout-canary"] <= 10 for write in shop.cluster.history), "it waited"


async def test_a_raise_that_waited_is_decided_on_new_answers() -> None:
    shop = Shop()
    steps = [{"name": "canary", "weight": 10, "duration": "60s"}, {"name": "half", "weight": 50, "duration": "1h"}]
    runner = shop.rollout(manifest(interval="60s", steps=steps))
    await until_weight(shop, runner, 10)
    await occupy(runner)
    asked: list[float] = []

    def answer(query: Query, now: float) -> Answer:
        if query.arm is ArmName.CANDIDATE:
            asked.append(now)
        return value(0.0)

    shop.answer = answer
    await runner.run_until(shop.clock.now() + 300, lambda: shop.weight == 50)
    raised = next(write.time for write in shop.cluster.history if write.rules[0]["checkout-canary"] == 50)
    assert raised - max(one for one in asked if one <= raised) < LONGEST_TURN / 2


async def test_a_raise_whose_turn_comes_just_after_an_evaluation_goes_on_in_that_turn() -> None:
    shop = Shop()
    runner = shop.rollout(manifest(interval="10s", steps=LONG))
    others = await occupy(runner)
    turn = cadence.following(shop.cluster.rollouts["checkout"].uid, 10, shop.start) + 0.3
    await runner.run_until(turn - 0.1)
    runner.at(turn, lambda: runner.ticker.raises.leave(others[0]))
    await runner.run_until(turn + 1.5)
    assert shop.weight == 10


async def test_a_raise_that_waited_and_lands_late_is_restored_before_the_rollout_goes() -> None:
    shop = Shop()
    runner = shop.rollout(manifest(interval="60s", steps=LONG))
    await occupy(runner)
    begun = first_write_lands_late(shop, runner, 7.9, lambda: True)
    await runner.run_until(shop.start + 200, lambda: bool(begun))
    runner.at(begun[0] + 0.1, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.start + 200)
    assert begun
    assert (shop.weight, "checkout" in shop.cluster.rollouts) == (0, False)
