"""A cohort is taken back alone: by a guard or a threshold, at once, whatever else goes on."""

from __future__ import annotations

import pytest

from tests.simulated.cohorts import ALONE, METRICS, STEPS, TRAFFIC, Cohorts, until_step
from tests.simulated.shop import spec, trouble
from tidegate.api.commands import Action
from tidegate.ports.errors import Rejected


async def test_a_cohort_alone_is_taken_back_and_the_run_goes_on_for_the_others() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "beta")
    shop.sick = {'cohort="staff"'}
    await runner.run_until(shop.clock.now() + 11)
    assert shop.shares == (5, 0, 50)
    assert shop.cohorts()["staff"] == (0, 0)
    assert "of-cohort of the candidate in cohort staff is 6%" in next(one.message for one in shop.status.cohorts or ())
    told = shop.told("CohortReverted")
    assert len(told) == 1
    assert "cohort staff is reverted" in told[0]
    assert not shop.told("WeightCorrected")
    assert shop.status.run is not None
    assert [one.reverted is not None and one.reverted.done for one in shop.status.run.cohorts or ()] == [True, False]
    await until_step(shop, runner, "half")
    assert shop.shares == (50, 0, 50)


async def test_a_threshold_takes_its_cohort_back_and_the_checkpoint_decides_for_the_others() -> None:
    shop = Cohorts()
    steps = [STEPS[0], {**STEPS[1], "thresholds": [ALONE]}, STEPS[2]]
    runner = shop.start_run(guards=[], steps=steps)
    await until_step(shop, runner, "beta")
    shop.sick = {'cohort="staff"'}
    await until_step(shop, runner, "half")
    assert shop.shares == (50, 0, 50)
    assert [one.verdict for one in shop.status.checkpoints if one.step == "beta"] == ["Pass", "Breach"]


async def test_a_version_that_a_cohort_was_spared_is_promoted_only_when_a_person_says_so() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "beta")
    shop.sick = {'cohort="staff"'}
    await runner.run_until(shop.clock.now() + 200)
    run = shop.status.run
    assert run is not None
    assert run.promotion is None
    assert run.waiting is not None
    assert run.waiting.reason == "CohortReverted"
    ready = next(one for one in shop.status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("Unknown", "CohortReverted")
    shop.command(Action.PROMOTE)
    shop.sick = set()
    await runner.run_until(shop.clock.now() + 200, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_promote_of_before_a_cohort_was_taken_back_does_not_count() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "beta")
    shop.command(Action.PROMOTE)
    shop.sick = {'cohort="staff"'}
    await runner.run_until(shop.clock.now() + 200)
    assert shop.status.run is not None
    assert shop.status.run.promotion is None


async def test_the_run_is_reverted_when_the_cohort_was_all_there_is() -> None:
    shop = Cohorts()
    steps = [{"name": "staff", "weight": 0, "cohorts": {"staff": 100}, "duration": "60s"}]
    runner = shop.start_run(guards=[ALONE], steps=steps)
    await until_step(shop, runner, "staff")
    shop.sick = {'cohort="staff"'}
    await runner.run_until(shop.clock.now() + 30, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert shop.shares == (0, 0, 0)


async def test_a_cohort_taken_back_while_later_steps_give_others_traffic_waits_for_those() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "staff")
    shop.sick = {'cohort="staff"'}
    await runner.run_until(shop.clock.now() + 11)
    assert shop.shares == (0, 0, 0)
    await until_step(shop, runner, "half")
    assert shop.written == [(0, 100, 0), (0, 0, 0), (5, 0, 50), (50, 0, 50)]


@pytest.mark.parametrize("limit", ["guard", "threshold"])
@pytest.mark.parametrize("call", ["store.write_status", "announcer.announce", "workloads.arm"])
@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_nothing_delays_the_revert_of_a_cohort(call: str, limit: str, how: str) -> None:
    shop = Cohorts()
    lines = {"guard": [ALONE], "threshold": []}[limit]
    every = [{**ALONE, "name": "staff"}] if limit == "threshold" else []
    steps = [STEPS[0], {**STEPS[1], "thresholds": every, "checkpoints": [{"every": "5s"}]}, STEPS[2]]
    runner = shop.start_run(guards=lines, steps=steps)
    await until_step(shop, runner, "beta")
    await runner.run_until(shop.clock.now() + 1)
    shop.sick, since = {'cohort="staff"'}, shop.clock.now()

    trouble(shop.gate, call, how)
    await runner.run_until(shop.clock.now() + 11)
    assert shop.shares == (5, 0, 50)
    due = 10.0 if limit == "guard" else 5.0  # the interval, and the next checkpoint
    assert shop.cluster.history[-1].time - since < due + 1


async def test_a_revert_of_a_cohort_that_is_refused_is_told_and_tried_again_within_seconds() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "beta")
    shop.sick = {'cohort="staff"'}
    tried: list[float] = []

    def refuse(name: str) -> None:
        if name == "router.write":
            tried.append(shop.clock.now())
            raise Rejected("denied by policy")

    shop.gate.before = refuse
    await runner.run_until(shop.clock.now() + 70)
    assert len(tried) > 20
    assert {one.type: one.status for one in shop.status.conditions}["Stalled"] == "True"
    shop.gate.before = lambda _name: None
    await runner.run_until(shop.clock.now() + 6)
    assert shop.shares == (5, 0, 50)


async def test_the_revert_of_a_cohort_is_tried_again_as_soon_as_that_of_a_run() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "beta")
    key = ("shop", "checkout")
    assert not runner.ticker.reverting(key)
    shop.sick = {'cohort="staff"'}

    def refuse(name: str) -> None:
        if name == "router.write":
            raise Rejected("denied by policy")

    shop.gate.before = refuse
    await runner.run_until(shop.clock.now() + 12)
    assert runner.ticker.reverting(key)
    shop.gate.before = lambda _name: None
    await runner.run_until(shop.clock.now() + 12)
    assert not runner.ticker.reverting(key)


async def test_a_cohort_is_taken_back_alone_while_an_edit_has_removed_the_current_step() -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "beta")
    edited = spec(traffic=TRAFFIC, steps=[STEPS[0], STEPS[2]], metrics=METRICS, guards=[ALONE])
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", edited))
    await runner.run_until(shop.clock.now() + 15)
    shop.sick = {'cohort="staff"'}
    await runner.run_until(shop.clock.now() + 15)
    assert (shop.shares, shop.outcome) == ((5, 0, 50), "")


async def test_a_cohort_and_a_step_back_in_one_evaluation_are_one_write() -> None:
    back = {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"step": "staff"}}
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE, back])
    await until_step(shop, runner, "half")
    shop.sick = {"errors"}
    await runner.run_until(shop.clock.now() + 12)
    assert shop.written[-2:] == [(50, 100, 50), (0, 0, 0)]
    shop.sick = set()
    await runner.run_until(shop.clock.now() + 100)
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 200)
    assert shop.written[-2:] == [(5, 0, 50), (50, 0, 50)], "the cohort stays at 0"
