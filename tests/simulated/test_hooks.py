"""Hooks in whole runs: when each runs, what its failure does, and that none delays a revert."""

from __future__ import annotations

import pytest

from tests.simulated.jobs import BREACH, Told, hook
from tidegate.api.commands import Action
from tidegate.simulation.cluster.objects import SimulatedCronJob

ALL = [hook(one) for one in ("RunStart", "StepStart", "StepEnd", "Revert", "Success", "End")]


async def test_each_hook_runs_at_its_instant_and_the_next_raise_waits_for_it() -> None:
    told = Told(hooks=ALL)
    await told.passes(5)
    assert (told.created, told.shop.weight) == (["runstart"], 0)
    assert told.status.run is not None
    assert told.status.run.waiting is not None
    assert told.status.run.waiting.reason == "AwaitingJob"
    await told.passes(45)
    assert (told.created, told.shop.weight) == (["runstart", "stepstart"], 10)
    await told.passes(900)
    assert told.shop.outcome == "Succeeded"
    assert told.created == ["runstart", "stepstart", "stepend", "stepstart", "stepend", "success", "end"]
    assert told.shop.weights() == [0, 10, 50, 0]
    assert {one.outcome for one in told.status.jobs} == {"Succeeded"}
    made = told.shop.cluster.created_jobs[2].environment
    assert made == {
        "TIDEGATE_ROLLOUT": "checkout",
        "TIDEGATE_NAMESPACE": "shop",
        "TIDEGATE_RUN": told.status.history[0].id,
        "TIDEGATE_STEP": "canary",
        "TIDEGATE_PURPOSE": "StepEnd",
        "TIDEGATE_NAME": "stepend",
        "TIDEGATE_REASON": "StepPassed",
        "TIDEGATE_MESSAGE": "step canary passed",
    }
    assert told.shop.cluster.rollouts["checkout"].finalizers == ()


async def test_a_revert_s_hook_runs_once_the_weights_are_back_and_its_failure_changes_nothing() -> None:
    told = Told(
        hooks=[hook("Revert", "undo"), hook("Success", "tell")],
        cron_jobs={"undo": SimulatedCronJob(fails=9, retries=2, lasts=10)},
    )
    await told.passes(20)
    told.shop.values["candidate"] = BREACH
    at_zero: list[float] = []
    begin = told.shop.clock.now()
    await told.passes(60)
    at_zero = [one.time for one in told.shop.cluster.history if one.manager == "tidegate-revert"]
    (undo,) = told.shop.cluster.created_jobs
    assert undo.cron_job == "undo"
    assert at_zero
    assert at_zero[0] - begin <= 11
    assert undo.started > at_zero[0]
    assert undo.environment["TIDEGATE_REASON"] == "GuardBreached"
    assert "errors" in undo.environment["TIDEGATE_MESSAGE"]
    assert (told.job("undo").outcome, told.job("undo").message) == (
        "Failed",
        "BackoffLimitExceeded: 3 attempts failed",
    )
    assert told.condition("HookFailed") == ("True", "HookFailed")
    assert told.condition("Stalled") == ("True", "Reverted")
    assert (told.shop.outcome, told.shop.weight) == ("Reverted", 0)
    assert told.reasons().count("HookFailed") == 1
    assert (told.runner.due, len(told.shop.cluster.created_jobs)) == (float("inf"), 1), "at rest, and not again"


async def test_hooks_of_one_instant_run_one_after_the_other() -> None:
    told = Told(
        hooks=[hook("End"), hook("Revert", "undo"), hook("Revert", "verify")],
        cron_jobs={name: SimulatedCronJob(lasts=20) for name in ("undo", "verify")},
    )
    await told.passes(20)
    told.shop.values["candidate"] = BREACH
    await told.passes(20)
    assert told.created == ["undo"]
    await told.passes(120)
    assert told.created == ["undo", "verify", "end"]
    first, second, third = told.shop.cluster.created_jobs
    assert first.ends <= second.started
    assert second.ends <= third.started


async def test_the_undo_waits_for_what_the_run_has_started_and_the_revert_does_not() -> None:
    told = Told(
        hooks=[hook("StepStart", "migrate"), hook("Revert", "undo")],
        cron_jobs={"migrate": SimulatedCronJob(lasts=100, fails=1, retries=0)},
    )
    await told.passes(20)
    assert told.created == ["migrate"]
    told.shop.values["candidate"] = BREACH
    await told.passes(20)
    assert (told.shop.weight, told.shop.outcome, told.created) == (0, "Reverted", ["migrate"])
    await told.passes(120)
    assert told.created == ["migrate", "undo"]
    migrate, undo = told.shop.cluster.created_jobs
    assert undo.started >= migrate.ends
    assert [one.outcome for one in told.status.jobs] == ["Failed", "Succeeded"]


async def test_what_could_not_be_created_during_the_run_is_not_created_after_it() -> None:
    told = Told(hooks=[hook("StepStart", "migrate"), hook("Revert", "undo")])
    told.shop.cluster.cron_jobs["migrate"] = SimulatedCronJob(missing=True)
    await told.passes(4)
    assert told.condition("JobsRefused") == ("True", "JobRefused")
    await told.does(Action.ABORT)
    told.shop.cluster.cron_jobs.clear()
    await told.passes(60)
    assert told.created == ["undo"]
    assert [(one.outcome, one.message) for one in told.status.jobs] == [
        ("Skipped", "the run ended before it was created"),
        ("Succeeded", ""),
    ]
    assert told.condition("JobsRefused") is None
    assert told.runner.due == float("inf")


async def test_what_follows_a_failed_step_of_the_recovery_is_skipped() -> None:
    told = Told(
        hooks=[hook("Revert", "undo"), hook("Revert", "verify"), hook("End")],
        cron_jobs={"undo": SimulatedCronJob(fails=1, retries=0)},
    )
    await told.passes(20)
    told.shop.values["candidate"] = BREACH
    await told.passes(120)
    assert told.created == ["undo"]
    assert [one.outcome for one in told.status.jobs] == ["Failed", "Skipped", "Skipped"]
    assert told.runner.due == float("inf")


async def test_during_the_run_a_person_s_resume_lets_the_next_hook_begin() -> None:
    told = Told(
        hooks=[hook("StepEnd", "one", steps=["canary"]), hook("StepEnd", "two", steps=["canary"])],
        cron_jobs={"one": SimulatedCronJob(fails=1, retries=0)},
    )
    await told.passes(120)
    assert (told.created, told.shop.weight) == (["one"], 10)
    await told.does(Action.RESUME)
    await told.passes(10)
    assert (told.created, told.shop.weight) == (["one", "two"], 10)
    await told.passes(40)
    assert told.shop.weight == 50


@pytest.mark.parametrize(
    ("answer", "paused", "outcome"),
    [("Hold", "HookFailed", ""), ("Revert", None, "Reverted"), ("Ignore", None, "Succeeded")],
)
async def test_what_a_failed_hook_does(answer: str, paused: str | None, outcome: str) -> None:
    told = Told(
        hooks=[hook("StepEnd", "verify", steps=["canary"], onFailure=answer)],
        cron_jobs={"verify": SimulatedCronJob(fails=1, retries=0)},
    )
    await told.passes(300)
    run = told.status.run
    assert (run.paused.reason if run is not None and run.paused is not None else None) == paused
    assert told.shop.outcome == outcome
    assert told.created == ["verify"]
    if paused:
        assert told.shop.weight == 10
        assert (await told.does(Action.RESUME))[0]
        await told.passes(300)
        assert (told.shop.outcome, told.created) == ("Succeeded", ["verify"])
    if outcome == "Reverted":
        assert told.status.history[0].reason == "HookFailed"


async def test_deleting_mid_run_reverts_starts_the_hooks_without_an_owner_and_lets_go() -> None:
    told = Told(hooks=[hook("Revert", "undo")])
    await told.passes(40)
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.delete_rollout("checkout"))
    await told.passes(30)
    assert "checkout" not in told.shop.cluster.rollouts
    (undo,) = told.shop.cluster.created_jobs
    assert (undo.owned, undo.environment["TIDEGATE_REASON"], told.shop.weight) == (False, "RolloutDeleted", 0)


async def test_the_next_run_waits_for_the_undo_of_the_one_before() -> None:
    told = Told(hooks=[hook("Revert", "undo")], cron_jobs={"undo": SimulatedCronJob(lasts=120)})
    await told.passes(40)
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.set_image("checkout-canary", "shop:v3"))
    await told.passes(60)
    assert (told.shop.outcome, told.created, told.status.run) == ("Superseded", ["undo"], None)
    assert told.status.waiting is not None
    assert told.status.waiting.reason == "AwaitingJob"
    await told.passes(90)
    assert told.status.run is not None
