"""`onBreach: StepBack`: the candidate goes down at once and the run pauses; Resume begins the step anew, Abort reverts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.cohorts import Cohorts, until_step
from tests.simulated.counted import WORSE, counted
from tests.simulated.scraped import Stage
from tests.simulated.shop import Shop, spec
from tests.simulated.stepping_back import SICK, STEPS, at_half, does, fails, limit, over, passes, paused_of, run_of
from tidegate.api.commands import Action
from tidegate.api.validation import check_rollout


async def test_a_breach_goes_back_to_the_step_at_once_and_waits_for_a_person() -> None:
    shop, runner = await at_half({"step": "canary"})
    await fails(shop, runner)
    assert shop.weights() == [0, 10, 50, 10]
    status = shop.status
    assert status.step is not None
    assert paused_of(shop).reason == "SteppedBack"
    assert paused_of(shop).message.endswith("; back at step 'canary' with weight 10%, paused until Resume")
    assert (status.step.name, status.step.watched, status.phase) == ("canary", 0.0, "Paused")
    ready = next(one for one in status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("Unknown", "Paused")
    await passes(shop, runner, 7200)
    assert shop.weights() == [0, 10, 50, 10]
    told = [reason for _, _, reason, _ in shop.cluster.events]
    assert told.count("SteppedBack") == 1, "a breach that lasts is told once"


async def test_resume_begins_the_step_anew_and_the_steps_after_it() -> None:
    shop, runner = await at_half({"step": "canary"})
    await fails(shop, runner)
    shop.values["candidate"] = 0.0
    await passes(shop, runner, 3600)
    resumed = shop.clock.now()
    runner.at(resumed, lambda: shop.command(Action.RESUME))
    await runner.run_until(resumed + 300, lambda: shop.weight == 50)
    told = [message for _, _, reason, message in shop.cluster.events if reason == "Resumed"]
    assert told == ["Resume by ann: because"], "who let it go on, and why, is told once"
    assert shop.cluster.history[-1].time - resumed >= 30, "the step's whole duration is watched again"
    await passes(shop, runner, 3600)
    assert shop.outcome == "Succeeded"
    assert shop.weights() == [0, 10, 50, 10, 50, 80, 0]


async def test_a_weight_keeps_the_step_which_begins_anew_by_the_raise_rule() -> None:
    shop, runner = await at_half({"weight": 5})
    await fails(shop, runner)
    assert shop.weight == 5
    step = shop.status.step
    assert step is not None
    assert (step.name, step.watched, step.weight) == ("ramp", 0.0, 5.0)
    runner.at(shop.clock.now() + 60, lambda: shop.command(Action.RESUME))
    await passes(shop, runner, 120)
    assert shop.weight == 5, "the limit is still breached, so nothing is raised"
    assert paused_of(shop), "and a person is waited for again"
    shop.values["candidate"] = 0.0
    await passes(shop, runner, 60)
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await passes(shop, runner, 60)
    assert shop.weight == 50
    assert await over(shop, runner) == "Succeeded"


async def test_abort_reverts_from_there() -> None:
    shop, runner = await at_half({"weight": 5})
    await fails(shop, runner)
    runner.at(shop.clock.now() + 60, lambda: shop.command(Action.ABORT))
    assert await over(shop, runner) == "Aborted"
    assert shop.weights() == [0, 10, 50, 5, 0]


async def test_of_several_breaches_the_most_severe_wins() -> None:
    goal = {"step": "canary"}
    hold = {"metric": "errors", "max": "3%", "onBreach": "Hold"}
    shop, runner = await at_half(goal, guards=[hold, limit(goal), {"metric": "errors", "max": "20%"}])
    await fails(shop, runner)
    assert shop.weight == 10
    assert run_of(shop).hold is None, "a step back stands above a hold"
    await fails(shop, runner, 0.3)
    assert shop.weights() == [0, 10, 50, 10, 0]
    assert await over(shop, runner) == "Reverted"
    together, runner = await at_half(goal, guards=[limit(goal), {"metric": "errors", "max": "4%"}])
    await fails(together, runner)
    assert together.weights() == [0, 10, 50, 0]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("higher", [{"weight": 20}, {"step": "ramp"}])
async def test_of_several_that_step_back_the_lowest_weight_acts(higher: dict[str, Any], order: int) -> None:
    goals = [higher, {"step": "canary"}][::order]
    shop, runner = await at_half(goals[0], guards=[limit(goal) for goal in goals])
    await fails(shop, runner)
    assert shop.weights() == [0, 10, 50, 10]
    assert "back at step 'canary'" in paused_of(shop).message


@pytest.mark.parametrize("order", [1, -1])
async def test_of_two_that_leave_the_same_weight_the_one_with_the_lower_cohorts_acts(order: int) -> None:
    steps = [
        {"name": "few", "weight": 5, "cohorts": {"staff": 100, "beta": 0}, "duration": "30s"},
        {"name": "half", "weight": 50, "cohorts": {"beta": 50}, "duration": "1h"},
    ]
    goals = [{"weight": 5}, {"step": "few"}][::order]
    shop = Cohorts()
    runner = shop.start_run(steps=steps, guards=[limit(goal) for goal in goals])
    await until_step(shop, runner, "half")
    shop.sick = {"errors{"}
    await runner.run_until(shop.clock.now() + 11)
    assert shop.shares == (5, 100, 0)


async def test_a_breach_where_there_is_nothing_to_go_back_to_pauses() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS, guards=[limit({"step": "ramp"})]))
    await runner.run_until(shop.start + 15)
    await fails(shop, runner)
    assert shop.weight == 10
    assert paused_of(shop).message.endswith("the candidate already has no more than ramp: paused until Resume")


async def test_a_pause_for_another_reason_does_not_hide_it_and_delays_nothing() -> None:
    shop, runner = await at_half({"step": "canary"})
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await passes(shop, runner, 30)
    await fails(shop, runner)
    assert shop.weight == 10
    assert paused_of(shop).reason == "SteppedBack"


async def test_what_both_arms_breach_is_no_reason_to_go_back() -> None:
    shop, runner = await at_half({"step": "canary"})
    shop.values["baseline"] = SICK
    await fails(shop, runner)
    assert shop.weight == 50
    hold = run_of(shop).hold
    assert hold is not None
    assert hold.reason == "SharedIncident"


async def test_during_a_promotion_there_is_no_step_to_go_back_to() -> None:
    shop, runner = await at_half({"step": "canary"})
    shop.cluster.rollout_seconds = 600.0
    await runner.run_until(shop.clock.now() + 7200, lambda: _promoting(shop))
    await fails(shop, runner)
    await over(shop, runner)
    assert (shop.outcome, shop.weight) == ("Reverted", 0)


def _promoting(shop: Shop) -> bool:
    run = shop.status.run
    return run is not None and run.promotion is not None and run.promotion.stage == "RollingOut"


async def test_a_checkpoint_steps_back_and_is_evaluated_anew() -> None:
    failing = {**STEPS[1], "checkpoints": [{"at": "3m"}], "thresholds": [limit({"step": "canary"}, max="3%")]}
    shop, runner = await at_half({"step": "canary"}, steps=[STEPS[0], failing, STEPS[2]], guards=[])
    shop.values["candidate"] = 0.04
    await passes(shop, runner, 180)
    assert shop.weight == 10
    assert shop.status.checkpoints[0].verdict == "Breach"
    (stepped,) = [when for when, _, reason, _ in shop.cluster.events if reason == "SteppedBack"]
    assert shop.cluster.history[-1].time == stepped, "in the same reconciliation"
    assert "WeightCorrected" not in {reason for _, _, reason, _ in shop.cluster.events}
    shop.values["candidate"] = 0.0
    runner.at(shop.clock.now() + 60, lambda: shop.command(Action.RESUME))
    assert await over(shop, runner) == "Succeeded"


@pytest.mark.parametrize(("gates", "asked"), [("Keep", ["half"]), ("Ask", ["third", "half"])])
async def test_what_was_given_for_the_gate_of_the_step_with_the_breach_is_void(gates: str, asked: list[str]) -> None:
    approvals = {"approvals": [{"name": "finance"}]}
    steps = [
        {"name": "canary", "weight": 10, "duration": "10s"},
        {"name": "third", "weight": 30, "duration": "10s", "gate": approvals},
        {"name": "half", "weight": 50, "duration": "10m", "gate": approvals},
    ]
    shop = Shop()
    runner = shop.rollout(spec(steps=steps, guards=[limit({"step": "canary", "gates": gates})]))

    async def approved_until(weight: float) -> list[str]:
        """The steps whose gates were asked on the way up."""
        found = []
        for _ in range(4):
            await passes(shop, runner, 60)
            if shop.weight == weight or shop.status.gate is None:
                break
            found.append(shop.status.gate.step)
            shop.command(Action.APPROVE, step=found[-1], approval="finance")
        return found

    assert await approved_until(50) == ["third", "half"]
    await fails(shop, runner)
    assert shop.weight == 10
    shop.values["candidate"] = 0.0
    await passes(shop, runner, 60)
    shop.command(Action.RESUME)
    assert await approved_until(50) == asked
    assert await over(shop, runner) == "Succeeded"


async def test_counts_that_led_to_it_do_not_lead_to_it_again() -> None:
    stage = Stage(counted({**WORSE, "onBreach": "StepBack", "stepBack": {"weight": 5}}))
    stage.source.shares(stage.start, baseline=0.005, candidate=0.05)
    await stage.runner.run_until(stage.start + 900, lambda: stage.shop.weight == 5)
    assert stage.shop.weight == 5
    since = stage.shop.clock.now()
    stage.source.shares(since, baseline=0.005, candidate=0.005)
    await stage.until(since - stage.start + 60)
    stage.shop.command(Action.RESUME)
    await stage.until(since - stage.start + 2 * 3600)
    assert run_of(stage.shop).paused is None
    assert stage.shop.weights() == [0, 10, 5, 10]


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"guards": [limit({"step": "nowhere"})]}, "spec.guards[0].stepBack.step", "not a step of this Rollout"),
        ({"guards": [limit({})]}, "spec.guards[0].stepBack", "give either 'step' or 'weight'"),
        ({"guards": [{**limit({"weight": 5}), "onBreach": "Hold"}]}, "spec.guards[0].stepBack", "is required with"),
        (
            {"guards": [{"metric": "errors", "max": "5%", "onBreach": "StepBack"}]},
            "spec.guards[0].stepBack",
            "is required with",
        ),
        (
            {"steps": [STEPS[0], {**STEPS[1], "guards": [limit({"step": "ramp"})]}, STEPS[2]]},
            "spec.steps[1].guards[0].stepBack.step",
            "'ramp' is not an earlier step; write one of canary",
        ),
        (
            {"steps": [{**STEPS[0], "guards": [limit({"step": "ramp"})]}, *STEPS[1:]]},
            "spec.steps[0].guards[0].stepBack.step",
            "the first step has none before it: write 'weight'",
        ),
        (
            {"steps": [STEPS[0], {**STEPS[1], "thresholds": [limit({"weight": 50})]}]},
            "spec.steps[1].thresholds[0].stepBack.weight",
            "'50' is not below the weight of step 'ramp', which is 50%",
        ),
    ],
)
def test_a_step_back_to_nowhere_is_refused_where_it_is_written(
    changed: dict[str, Any], path: str, message: str
) -> None:
    _, found = check_rollout({"metadata": {"name": "shop"}, "spec": spec(**{"guards": [], **changed})})
    assert [one.path for one in found] == [path]
    assert message in found[0].message


async def test_an_approval_of_a_later_step_rests_on_the_verdict_before_the_breach_and_is_void() -> None:
    gate = {"approvals": [{"name": "finance"}], "after": "2099-01-01T00:00:00Z"}
    steps = [STEPS[0], {**STEPS[1], "duration": "30s"}, {**STEPS[2], "gate": gate}]
    shop = Shop()
    runner = shop.rollout(spec(steps=steps, guards=[limit({"step": "canary"})]))
    await passes(shop, runner, 120)
    runner.at(shop.clock.now(), lambda: shop.command(Action.APPROVE, step="most", approval="finance"))
    await passes(shop, runner, 10)
    assert [one.step for one in shop.status.approvals] == ["most"]
    await fails(shop, runner)
    assert shop.weight == 10
    assert shop.status.approvals == ()


async def test_a_step_that_lies_ahead_again_and_was_edited_can_be_approved() -> None:
    gate = {"approvals": [{"name": "finance"}]}
    third: dict[str, Any] = {"name": "third", "weight": 30, "duration": "10s", "gate": gate}
    guards = [limit({"step": "canary"})]
    shop = Shop()
    runner = shop.rollout(spec(steps=[STEPS[0], third, STEPS[1]], guards=guards))

    await passes(shop, runner, 60)
    await does(shop, runner, Action.APPROVE, 60, step="third", approval="finance")
    assert shop.weight == 50
    await fails(shop, runner)
    shop.values["candidate"] = 0.0
    edited = spec(steps=[STEPS[0], {**third, "duration": "20s"}, STEPS[1]], guards=guards)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", edited))
    await passes(shop, runner, 60)
    await does(shop, runner, Action.RESUME, 60)
    assert shop.status.gate is not None, "the approval was for the step as it was"
    await does(shop, runner, Action.APPROVE, 60, step="third", approval="finance")
    assert shop.weight == 50


async def test_after_a_step_back_to_no_traffic_no_window_reaches_back_before_the_next() -> None:
    shop, runner = await at_half({"weight": 0})
    await fails(shop, runner)
    shop.values["candidate"] = 0.0
    await passes(shop, runner, 7200)
    resumed = shop.clock.now()
    runner.at(resumed, lambda: shop.command(Action.RESUME))
    await passes(shop, runner, 30)
    since = run_of(shop).traffic_since
    assert shop.weight == 50
    assert since is not None
    assert since.timestamp() >= resumed - 1


async def test_an_edit_that_lowers_the_step_below_what_it_went_back_to_acts_now() -> None:
    guards = [limit({"weight": 5})]
    shop, runner = await at_half({"weight": 5})
    await fails(shop, runner)
    shop.values["candidate"] = 0.0
    steps = [{**STEPS[0], "weight": 2}, {**STEPS[1], "weight": 3}, STEPS[2]]
    edited, tries = spec(steps=steps, guards=guards), []
    shop.gate.before = lambda call: tries.append(call) if call == "router.write" else None
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", edited))
    await passes(shop, runner, 15)
    assert (shop.weight, len(tries)) == (3, 1)
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    assert await over(shop, runner) == "Succeeded"


async def test_a_breach_during_another_pause_is_told_once_though_there_is_nowhere_to_go_back_to() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS, guards=[limit({"step": "canary"})]))
    await passes(shop, runner, 15)
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await passes(shop, runner, 15)
    shop.values["candidate"] = SICK
    await passes(shop, runner, 120)
    assert paused_of(shop).reason == "PausedByCommand"
    told = [message for _, _, reason, message in shop.cluster.events if reason == "LimitBreached"]
    assert told == [
        "errors of the candidate is 6%, above max 5% (window 20s); the candidate already has no more than canary, and the run is paused"
    ]
