"""Whole runs with cohorts: rules of the route that have a weight of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.cohorts import METRICS, STEPS, TRAFFIC, Cohorts, until_step
from tests.simulated.shop import REF, Shop, spec, value
from tidegate.api.commands import Action


async def test_each_target_has_its_own_weight_and_all_return_in_one_write() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert shop.written == [(0, 100, 0), (5, 100, 50), (50, 100, 50), (0, 0, 0)]
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}] * 3


async def test_status_says_of_each_cohort_what_is_wanted_and_seen_and_the_weight_keeps_its_meaning() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    assert shop.cohorts() == {"staff": (100, 100), "beta": (50, 50)}
    assert shop.status.weight is not None
    assert (shop.status.weight.desired, shop.status.weight.observed) == (5, 5)
    assert "weight 5%, cohort staff 100%, cohort beta 50%" in shop.status.message


async def test_guards_are_evaluated_at_weight_0_while_a_cohort_has_traffic() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "staff")
    shop.sick = {"errors{"}
    await runner.run_until(shop.clock.now() + 11)
    assert shop.shares == (0, 0, 0)
    await runner.run_until(shop.clock.now() + 30, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.status.history[0].reason == "GuardBreached"


async def test_a_revert_lowers_every_target_in_one_write() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "half")
    shop.sick = {"errors{"}
    await runner.run_until(shop.clock.now() + 30, lambda: shop.outcome != "")
    assert shop.written[-2:] == [(50, 100, 50), (0, 0, 0)]


async def test_the_limit_of_a_cohort_asks_for_that_cohort() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[{"metric": "of-cohort", "cohort": name, "max": "5%"} for name in ("staff", "beta")])
    await until_step(shop, runner, "staff")
    await runner.run_until(shop.clock.now() + 11)
    assert {one for one in shop.asked if "cohort" in one} == {'errors{deployment="checkout-canary",cohort="staff"}'}
    await until_step(shop, runner, "half")
    assert 'errors{deployment="checkout-canary",cohort="beta"}' in shop.asked


async def test_a_cohort_that_somebody_lowered_stays_low_until_a_person_resumes() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    shop.cluster.set_weights(REF, {"staff": (100, 0)})
    await runner.run_until(shop.clock.now() + 60)
    run = shop.status.run
    assert run is not None
    assert run.paused is not None
    assert run.paused.reason == "LoweredByOther"
    assert "less than 100% of cohort staff" in run.paused.message
    assert shop.shares == (5, 0, 50)
    shop.command(Action.RESUME)
    await until_step(shop, runner, "half")
    assert shop.shares == (50, 100, 50)


async def test_more_than_the_steps_weight_of_a_cohort_is_put_back_at_once() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "staff")
    shop.cluster.set_weights(REF, {"beta": (20, 80)})
    await runner.run_until(shop.clock.now() + 11)
    assert shop.shares == (0, 100, 0)
    assert "more than 0% of cohort beta" in shop.told("WeightCorrected")[0]


async def test_a_lower_weight_of_a_cohort_acts_now_and_a_higher_one_is_a_raise() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    lower = spec(traffic=TRAFFIC, metrics=METRICS, steps=[STEPS[0], {**STEPS[1], "cohorts": {"beta": 10}}, STEPS[2]])
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", lower))
    await runner.run_until(shop.clock.now() + 2)
    assert shop.shares == (5, 100, 10)
    shop.sick = {"errors{"}
    shop.answer = lambda _query, _now: value(0.02)
    higher = {**lower, "paused": True, "steps": [STEPS[0], {**STEPS[1], "cohorts": {"beta": 90}}, STEPS[2]]}
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", higher))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.shares == (5, 100, 10), "a raise waits while paused"
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", {**higher, "paused": False}))
    await until_step(shop, runner, "beta")
    await runner.run_until(shop.clock.now() + 15)
    assert shop.shares == (5, 100, 90)


async def test_a_cohort_taken_out_of_the_spec_is_put_back_first_and_then_let_go() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    steps = [{**one, "cohorts": {"beta": 50}} if one["name"] == "beta" else {**one, "cohorts": {}} for one in STEPS]
    without = spec(traffic=[TRAFFIC[0], TRAFFIC[2]], metrics=METRICS, steps=steps)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", without))
    await runner.run_until(shop.clock.now() + 12)
    assert shop.shares == (5, 0, 50)
    assert [one.rules for one in shop.status.targets] == [("main", "beta")]
    assert shop.cluster.routes["HTTPRoute/checkout"].rules[1] == {"checkout": 1, "checkout-canary": 0}
    shop.cluster.set_weights(REF, {"staff": (0, 1)})
    await until_step(shop, runner, "half")
    assert shop.shares == (50, 100, 50), "what the spec does not name is nobody's business"


async def test_a_cohort_that_an_edit_adds_is_a_raise_and_its_numbers_are_remembered_first() -> None:
    shop = Cohorts()
    only = [{"name": "canary", "weight": 5, "duration": "120s"}]
    runner = shop.start_run(traffic=TRAFFIC[:1], steps=only)
    await until_step(shop, runner, "canary")
    added = spec(traffic=TRAFFIC[:2], metrics=METRICS, steps=[{**only[0], "cohorts": {"staff": 100}}])
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", added))
    await runner.run_until(shop.clock.now() + 20)
    assert shop.shares == (5, 100, 0)
    assert [one.rule for one in shop.status.targets[0].found] == ["main", "staff"]
    shop.command(Action.ABORT)
    await runner.run_until(shop.clock.now() + 30, lambda: shop.outcome != "")
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}] * 3


async def test_promote_skips_to_the_last_steps_weights_of_all_targets() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "staff")
    shop.command(Action.PROMOTE)
    await until_step(shop, runner, "half")
    assert shop.shares == (50, 100, 50)


@pytest.mark.parametrize("ended", ["aborted", "superseded", "deleted"])
async def test_every_target_returns_however_the_run_ends(ended: str) -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "half")
    hands = {
        "aborted": lambda: shop.command(Action.ABORT),
        "superseded": lambda: shop.cluster.set_image("checkout-canary", "shop:v3"),
        "deleted": lambda: shop.cluster.delete_rollout("checkout"),
    }
    runner.at(shop.clock.now(), hands[ended])
    await runner.run_until(shop.clock.now() + 3)
    assert shop.shares == (0, 0, 0)


async def test_a_lost_status_is_recovered_with_the_weights_of_each_target() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    shop.cluster.put_rollout(_with_status(shop, {}))
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.shares == (5, 100, 50)
    run = shop.status.run
    assert run is not None
    assert run.paused is not None
    assert run.paused.reason == "StatusLost"
    assert "5%, cohort staff 100%, cohort beta 50%" in run.paused.message
    shop.command(Action.ABORT)
    await runner.run_until(shop.clock.now() + 30, lambda: shop.outcome != "")
    assert shop.shares == (0, 0, 0)


async def test_a_run_that_a_version_without_cohorts_began_goes_on() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    status = dict(shop.cluster.rollouts["checkout"].status)
    status["run"] = {key: one for key, one in status["run"].items() if key != "cohorts"}
    shop.cluster.put_rollout(_with_status(shop, {k: v for k, v in status.items() if k != "cohorts"}))
    runner.restart()
    await until_step(shop, runner, "half")
    assert shop.shares == (50, 100, 50)


async def test_a_rollout_without_cohorts_writes_nothing_of_them() -> None:
    shop = Shop()
    runner = shop.rollout()
    await runner.run_until(shop.clock.now() + 25)
    assert shop.status.run is not None
    assert "ohort" not in str(shop.cluster.rollouts["checkout"].status)


async def test_the_promoted_baseline_that_breaches_sends_every_target_back_to_its_last_weight() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    shop.answer = lambda query, _now: value(0.06 if _settles(shop) and "errors{" in query.promql else 0.0)
    await runner.run_until(shop.clock.now() + 600, lambda: len(shop.written) > 4)
    assert shop.written == [(0, 100, 0), (5, 100, 50), (50, 100, 50), (0, 0, 0), (50, 100, 50)]


def _settles(shop: Cohorts) -> bool:
    run = shop.cluster.rollouts["checkout"].status.get("run") or {}
    return bool((run.get("promotion") or {}).get("stage") == "Settling")


def _with_status(shop: Cohorts, status: dict[str, Any]) -> Any:  # noqa: ANN401
    return replace(shop.cluster.rollouts["checkout"], status=status)


STICKY = "rule main has sessionPersistence"


async def test_no_run_starts_on_a_route_that_keeps_sessions_at_weight_0() -> None:
    shop = Cohorts()
    shop.cluster.routes["HTTPRoute/checkout"].sticky = STICKY
    runner = shop.start_run()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.status.run is None
    stalled = next(one for one in shop.status.conditions if one.type == "Stalled")
    assert stalled.reason == "StickyRoute"
    assert (
        f"HTTPRoute/checkout, {STICKY}: a persistent session stays with its backend even at weight 0" in stalled.message
    )
    assert shop.written == []


@pytest.mark.parametrize("response", ["Revert", "Hold"])
async def test_sessions_that_begin_to_stay_during_a_run_are_told_at_once_and_answered(response: str) -> None:
    shop = Cohorts()
    runner = shop.start_run(onPreconditionLost=response)
    await until_step(shop, runner, "beta")

    def stick() -> None:
        route = shop.cluster.routes["HTTPRoute/checkout"]
        route.sticky, route.generation = STICKY, route.generation + 1

    runner.at(shop.clock.now(), stick)
    await runner.run_until(shop.clock.now() + 60)
    if response == "Revert":
        assert shop.shares == (0, 0, 0)
        assert shop.status.history[0].reason == "StickyRoute"
    else:
        assert shop.shares == (5, 100, 50)
        assert next(one.reason for one in shop.status.conditions if one.type == "Stalled") == "StickyRoute"


async def test_an_edit_that_lowers_one_target_raises_no_other() -> None:
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    both = spec(
        traffic=TRAFFIC,
        metrics=METRICS,
        paused=True,
        steps=[STEPS[0], {**STEPS[1], "cohorts": {"staff": 20, "beta": 90}}, STEPS[2]],
    )
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", both))
    await runner.run_until(shop.clock.now() + 40)
    assert shop.shares == (5, 20, 50)
    assert shop.cohorts() == {"staff": (20, 20), "beta": (50, 50)}, "what is not raised is no ceiling either"


async def test_while_the_promoted_baseline_is_watched_no_target_may_get_anything() -> None:
    shop = Cohorts()
    runner = shop.start_run(promotion={"strategy": "CopyTemplate", "settle": "60s"})
    await runner.run_until(shop.clock.now() + 600, lambda: _settles(shop))
    runner.at(shop.clock.now() + 5, lambda: shop.cluster.set_weights(REF, {"staff": (0, 100)}))
    await runner.run_until(shop.clock.now() + 16)
    assert shop.shares == (0, 0, 0)
    assert shop.told("WeightCorrected")


@pytest.mark.parametrize(("percent", "state"), [(100, "NotComparable"), (50, "Breached")])
async def test_a_cohort_is_compared_with_the_baseline_while_that_has_a_part_of_it(percent: int, state: str) -> None:
    shop = Cohorts()
    line = {"metric": "of-cohort", "cohort": "staff", "maxIncrease": "20%", "floor": "1%", "onBreach": "Hold"}
    steps = [{"name": "staff", "weight": 100, "cohorts": {"staff": percent}, "duration": "10m"}]
    runner = shop.start_run(guards=[line], steps=steps)
    await until_step(shop, runner, "staff")
    shop.sick = {"cohort="}
    await runner.run_until(shop.clock.now() + 15)
    assert [one.state for one in shop.status.guards] == [state]


async def test_all_traffic_is_compared_while_the_baseline_has_a_part_of_one_cohort() -> None:
    shop = Cohorts()
    line = {"metric": "errors", "maxIncrease": "20%", "floor": "1%", "onBreach": "Hold"}
    steps = [{"name": "all", "weight": 100, "cohorts": {"staff": 50, "beta": 100}, "duration": "10m"}]
    runner = shop.start_run(guards=[line], steps=steps)
    await until_step(shop, runner, "all")
    shop.sick = {"errors{"}
    await runner.run_until(shop.clock.now() + 15)
    assert [one.state for one in shop.status.guards] == ["Breached"]
