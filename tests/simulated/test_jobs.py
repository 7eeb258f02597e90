"""Jobs of gates and responses in whole runs: what their failure does, and that none delays a revert or runs twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.jobs import BREACH, Told, gated, hook
from tests.simulated.shop import spec
from tidegate.api.commands import Action
from tidegate.ports.errors import Unavailable
from tidegate.simulation.cluster.objects import SimulatedCronJob


@pytest.mark.parametrize("call", ["jobs.start", "jobs.read"])
async def test_a_revert_waits_for_no_job_that_hangs(call: str) -> None:
    hooks = [hook("StepStart"), hook("Revert")]
    told = Told(hooks=hooks)
    told.shop.gate.takes = lambda name: 8.0 if name == call else 0.0
    await told.passes(22)
    told.shop.values["candidate"] = BREACH
    await told.passes(10.5)
    assert told.shop.weight == 0


async def test_a_gate_s_job_runs_once_all_else_is_open_and_opens_the_gate() -> None:
    told = Told(watched=True, steps=gated(approvals=[{"name": "engineering"}]))
    await told.passes(120)
    assert told.created == [], "an approval is awaited"
    assert told.status.gate is not None
    assert [one.part for one in told.status.gate.closed] == ["approvals", "jobs"]
    await told.does(Action.APPROVE, step="half", approval="engineering")
    assert (told.created, told.shop.weight) == (["smoke"], 10)
    assert told.status.gate is not None
    (closed,) = told.status.gate.closed
    assert closed.message.startswith("awaits Job checkout-smoke-")
    assert closed.message.endswith("which runs, for 1h at most")
    await told.passes(40)
    assert told.shop.weight == 50
    await told.passes(300)
    assert (told.shop.outcome, told.created) == ("Succeeded", ["smoke"])


async def test_the_first_step_s_gate_runs_its_job_before_any_traffic() -> None:
    canary, half = spec()["steps"]
    told = Told(steps=[{**canary, "gate": {"jobs": [{"cronJob": "preflight"}]}}, half])
    await told.passes(10)
    assert (told.created, told.shop.weight) == (["preflight"], 0)
    await told.passes(35)
    assert told.shop.weight == 10


async def test_a_failed_job_of_a_gate_pauses_and_resume_runs_it_again() -> None:
    told = Told(steps=gated(), cron_jobs={"smoke": SimulatedCronJob(fails=1, retries=0, lasts=5)})
    await told.passes(120)
    assert told.status.run is not None
    assert told.status.run.paused is not None
    assert told.status.run.paused.reason == "GateJobFailed"
    assert (told.shop.weight, told.created) == (10, ["smoke"])
    assert told.reasons().count("GateJobFailed") == 1
    told.shop.cluster.cron_jobs.clear()
    await told.does(Action.RESUME)
    await told.passes(45)
    assert (told.shop.weight, told.created) == (50, ["smoke", "smoke"])
    assert len({one.name for one in told.shop.cluster.created_jobs}) == 2


async def test_an_edit_of_the_step_makes_the_result_void() -> None:
    told = Told(steps=gated(sinceStep={"step": "canary", "elapsed": "2m"}))
    await told.passes(60)
    canary, half = gated(sinceStep={"step": "canary", "elapsed": "1m"})
    told.runner.at(
        told.shop.clock.now(), lambda: told.shop.cluster.edit_rollout("checkout", spec(steps=[canary, half]))
    )
    await told.passes(10)
    assert told.created == ["smoke"]
    edited = spec(steps=[canary, {**half, "duration": "40s"}])
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.edit_rollout("checkout", edited))
    await told.passes(10)
    assert told.created == ["smoke"], "the one before has not ended"
    await told.passes(20)
    assert told.created == ["smoke", "smoke"]
    assert len({one.step_hash for one in told.status.jobs}) == 2
    await told.passes(35)
    assert told.shop.weight == 50


@pytest.mark.parametrize(
    "broken",
    [
        SimulatedCronJob(missing=True),
        SimulatedCronJob(suspended=False),
        SimulatedCronJob(refused="jobs.batch is forbidden"),
    ],
)
async def test_a_job_that_cannot_be_created_keeps_the_gate_closed_and_is_told_and_tried_again(
    broken: SimulatedCronJob,
) -> None:
    told = Told(steps=gated(), cron_jobs={"smoke": broken})
    await told.passes(120)
    assert told.shop.weight == 10
    assert told.condition("JobsRefused") == ("True", "JobRefused")
    assert told.status.gate is not None
    assert "cannot be created" in told.status.gate.closed[0].message
    assert told.reasons().count("JobRefused") == 1
    told.shop.cluster.cron_jobs.clear()
    await told.passes(15)
    assert told.created == ["smoke"]
    await told.passes(35)
    assert told.shop.weight == 50
    assert told.condition("JobsRefused") is None


async def test_a_job_that_is_deleted_counts_as_failed() -> None:
    told = Told(steps=gated(), cron_jobs={"smoke": SimulatedCronJob(lasts=600)})
    await told.passes(60)
    told.shop.cluster.jobs.clear()
    await told.passes(20)
    assert told.job("smoke").message == "it was deleted before it ended"
    assert told.status.run is not None
    assert told.status.run.paused is not None
    assert (told.shop.weight, told.created) == (10, ["smoke"])


async def test_a_job_that_nothing_ends_fails_after_its_deadline() -> None:
    told = Told(steps=gated({"cronJob": "smoke", "deadline": "1m"}), cron_jobs={"smoke": SimulatedCronJob(lasts=600)})
    await told.passes(60)
    told.shop.cluster.jobs[told.job("smoke").name].ends = float("inf")
    await told.passes(120)
    assert told.job("smoke").message.startswith("it did not end within its deadline of 1m")


@pytest.mark.parametrize("watched", [True, False])
async def test_a_clock_that_is_set_forward_ends_no_job(watched: bool) -> None:  # noqa: FBT001
    smoke = {"smoke": SimulatedCronJob(lasts=90)}
    told = Told(steps=gated({"cronJob": "smoke", "deadline": "2m"}), cron_jobs=smoke, watched=watched)
    await told.passes(60)
    running = told.shop.cluster.jobs[told.job("smoke").name]
    told.runner.leap(3600)
    running.ends += 3600
    await told.passes(30)
    assert (told.job("smoke").outcome, told.shop.weight) == ("", 10)
    await told.passes(60)
    assert (told.job("smoke").outcome, told.shop.weight) == ("Succeeded", 50)


async def test_a_clock_that_is_set_forward_gives_up_no_job_that_cannot_be_created_yet() -> None:
    told = Told(steps=gated(), cron_jobs={"smoke": SimulatedCronJob(missing=True)})
    await told.passes(60)
    told.runner.leap(7200)
    await told.passes(30)
    assert (told.job("smoke").outcome, told.condition("JobsRefused")) == ("", ("True", "JobRefused"))
    told.shop.cluster.cron_jobs.clear()
    await told.runner.run_until(told.shop.clock.now() + 90, lambda: told.shop.weight == 50)
    assert (told.job("smoke").outcome, told.shop.weight) == ("Succeeded", 50)


@pytest.mark.parametrize("goal", [{"step": "canary"}, {"weight": 5}])
async def test_a_step_back_runs_no_hook_of_a_step_again(goal: dict[str, Any]) -> None:
    guard = {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": goal}
    hooks = [hook(one) for one in ("RunStart", "StepStart", "StepEnd")]
    canary, half = spec()["steps"]
    told = Told(hooks=hooks, guards=[guard, {"metric": "errors", "max": "5%"}], steps=[canary, half])
    await told.runner.run_until(told.shop.clock.now() + 300, lambda: "stepstart" in told.created[2:])
    told.shop.values["candidate"] = 0.02
    await told.passes(15)
    assert "SteppedBack" in told.reasons()
    told.shop.values["candidate"] = 0.0
    await told.does(Action.RESUME)
    await told.passes(400)
    assert told.shop.outcome == "Succeeded"
    assert told.created == ["runstart", "stepstart", "stepend", "stepstart", "stepend"]


async def test_a_response_starts_a_job_at_most_once_per_cooldown_and_the_run_goes_on() -> None:
    guard = {"metric": "errors", "max": "5%", "onBreach": "RunJob", "job": {"cronJob": "clean", "cooldown": "2m"}}
    told = Told(guards=[guard], steps=[{"name": "canary", "weight": 10, "duration": "10m"}])
    await told.passes(20)
    told.shop.values["candidate"] = BREACH
    await told.passes(90)
    assert (told.created, told.shop.weight) == (["clean"], 10)
    assert told.status.run is not None
    assert told.status.run.hold is None
    assert (told.status.phase, told.status.message) == ("Progressing", "step 1/1 canary: weight 10% for 10m")
    await told.passes(60)
    assert told.created == ["clean", "clean"]
    told.shop.values["candidate"] = 0.0
    await told.passes(900)
    assert (told.shop.outcome, told.created) == ("Succeeded", ["clean", "clean"])


def breaching_with_a_job(lasts: float, duration: str) -> Told:
    """A run of one step in breach of a guard that runs a Job, with a cooldown of one second."""
    guard = {"metric": "errors", "max": "5%", "onBreach": "RunJob", "job": {"cronJob": "clean", "cooldown": "1s"}}
    told = Told(
        guards=[guard],
        steps=[{"name": "canary", "weight": 10, "duration": duration}],
        cron_jobs={"clean": SimulatedCronJob(lasts=lasts)},
    )
    told.shop.values["candidate"] = BREACH
    return told


async def test_a_response_does_not_start_a_job_beside_the_last_one() -> None:
    told = breaching_with_a_job(lasts=200, duration="10m")
    await told.passes(180)
    assert told.created == ["clean"]


async def test_a_revert_beside_a_response_goes_first_and_the_job_runs_all_the_same() -> None:
    guards = [
        {"name": "tidy", "metric": "errors", "max": "4%", "onBreach": "RunJob", "job": {"cronJob": "clean"}},
        {"metric": "errors", "max": "5%"},
    ]
    told = Told(guards=guards)
    await told.passes(20)
    told.shop.values["candidate"] = BREACH
    await told.passes(40)
    assert (told.shop.outcome, told.shop.weight, told.created) == ("Reverted", 0, ["clean"])


@pytest.mark.parametrize(("fault", "within"), [("refused", 20), ("down", 45)])
async def test_a_job_that_cannot_be_created_keeps_no_rollout_from_being_deleted(fault: str, within: float) -> None:
    told = Told(hooks=[hook("Revert", "undo")])
    await told.passes(40)
    if fault == "refused":
        told.shop.cluster.cron_jobs["undo"] = SimulatedCronJob(refused="the namespace is being terminated")
    else:

        def fail(name: str) -> None:
            if name == "jobs.start":
                raise Unavailable("no answer")

        told.shop.gate.before = fail
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.delete_rollout("checkout"))
    await told.passes(within)
    assert "checkout" not in told.shop.cluster.rollouts


async def test_a_paused_run_starts_no_job() -> None:
    told = Told(hooks=[hook("StepEnd")], steps=gated())
    await told.passes(20)
    await told.does(Action.PAUSE)
    await told.passes(60)
    assert told.created == []


async def test_the_kept_jobs_are_few_however_many_there_were() -> None:
    told = breaching_with_a_job(lasts=1, duration="1h")
    await told.passes(600)
    assert len(told.created) > 20
    assert len({one.name for one in told.shop.cluster.created_jobs}) == len(told.created)
    assert len(told.status.jobs) <= 10


async def test_a_rollout_without_jobs_makes_no_call_for_them() -> None:
    told = Told()
    await told.passes(400)
    assert told.shop.outcome == "Succeeded"
    assert not [call for call in told.shop.gate.calls if call.startswith("jobs.")]


async def test_a_gate_that_must_open_again_after_a_step_back_runs_its_job_again() -> None:
    guard = {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
    canary, half = gated()
    told = Told(guards=[guard, {"metric": "errors", "max": "5%"}], steps=[canary, {**half, "duration": "1h"}])
    await told.passes(90)
    assert (told.created, told.shop.weight) == (["smoke"], 50)
    told.shop.values["candidate"] = 0.02
    await told.passes(15)
    assert told.shop.weight == 10
    told.shop.values["candidate"] = 0.0
    await told.does(Action.RESUME)
    await told.passes(45)
    assert (told.created, told.shop.weight) == (["smoke", "smoke"], 10)
    await told.passes(45)
    assert told.shop.weight == 50
    assert len({one.name for one in told.shop.cluster.created_jobs}) == 2


@pytest.mark.parametrize("fails", [0, 1])
async def test_a_job_of_a_later_gate_that_runs_during_a_step_back_counts_for_nothing(fails: int) -> None:
    guard = {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
    canary, half = gated()
    steps = [canary, {"name": "third", "weight": 30, "duration": "30s"}, half]
    smoke = SimulatedCronJob(fails=fails, retries=0, lasts=120)
    told = Told(guards=[guard, {"metric": "errors", "max": "5%"}], steps=steps, cron_jobs={"smoke": smoke})
    await told.passes(90)
    assert (told.created, told.shop.weight) == (["smoke"], 30)
    told.shop.values["candidate"] = 0.02
    await told.passes(15)
    assert told.shop.weight == 10
    told.shop.values["candidate"] = 0.0
    told.shop.cluster.cron_jobs.clear()
    await told.does(Action.RESUME)
    await told.passes(75)
    assert (told.created, told.shop.weight) == (["smoke"], 30), "the next one waits until this one has ended"
    await told.runner.run_until(told.shop.clock.now() + 300, lambda: told.shop.weight == 50)
    assert (told.created, told.shop.weight) == (["smoke", "smoke"], 50)
    assert "GateJobFailed" not in told.reasons()


async def test_a_step_back_beside_a_response_goes_down_and_the_job_runs_all_the_same() -> None:
    guards = [
        {"name": "tidy", "metric": "errors", "max": "1%", "onBreach": "RunJob", "job": {"cronJob": "clean"}},
        {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": {"weight": 5}},
    ]
    told = Told(guards=guards, steps=[{"name": "canary", "weight": 10, "duration": "10m"}])
    await told.passes(20)
    told.shop.values["candidate"] = 0.02
    await told.passes(15)
    assert (told.created, told.shop.weight) == (["clean"], 5)
