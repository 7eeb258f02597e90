"""Jobs in whole runs: hooks, gates and responses, what their failure does, and that none delays a revert or runs twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.api.rollout.status import JobStatus, RolloutStatus
from tidegate.ports.errors import Unavailable
from tidegate.simulation.cluster.objects import SimulatedCronJob
from tidegate.simulation.runner import Runner

BREACH = 0.06


class Told:
    """A shop with hooks, and a person's hands."""

    def __init__(
        self, *, watched: bool = False, cron_jobs: dict[str, SimulatedCronJob] | None = None, **changes: object
    ) -> None:
        self.shop = Shop()
        self.shop.cluster.jobs_watched = watched
        self.shop.cluster.cron_jobs.update(cron_jobs or {})
        self.runner: Runner = self.shop.rollout(spec(**changes))

    async def passes(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.clock.now() + seconds)

    async def does(self, action: Action, **fields: Any) -> tuple[bool, str]:  # noqa: ANN401
        uid = ""

        def create() -> None:
            nonlocal uid
            uid = self.shop.command(action, **fields)

        self.runner.at(self.shop.clock.now(), create)
        await self.passes(3)
        return self.shop.cluster.outcomes[uid]

    @property
    def status(self) -> RolloutStatus:
        return self.shop.status

    @property
    def created(self) -> list[str]:
        """The CronJobs of which Jobs were created, in order."""
        return [one.cron_job for one in self.shop.cluster.created_jobs]

    def job(self, cron_job: str) -> JobStatus:
        """What status has of the newest Job of a CronJob."""
        return [one for one in self.status.jobs if one.cron_job == cron_job][-1]

    def condition(self, kind: str) -> tuple[str, str] | None:
        found = [one for one in self.status.conditions if one.type == kind]
        return (found[0].status, found[0].reason) if found else None

    def reasons(self) -> list[str]:
        return [reason for _, _, reason, _ in self.shop.cluster.events]


def hook(when: str, name: str | None = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": name or when.lower(), "when": when, "job": {"cronJob": (name or when).lower()}, **fields}


def gated(*jobs: dict[str, Any], **gate: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    canary, half = spec()["steps"]
    return [canary, {**half, "gate": {"jobs": list(jobs or ({"cronJob": "smoke"},)), **gate}}]


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


@pytest.mark.parametrize("call", ["jobs.start", "jobs.read"])
async def test_a_revert_waits_for_no_job_that_hangs(call: str) -> None:
    hooks = [hook("StepStart"), hook("Revert")]
    told = Told(hooks=hooks)
    told.shop.gate.takes = lambda name: 8.0 if name == call else 0.0
    await told.passes(22)
    told.shop.values["candidate"] = BREACH
    await told.passes(10.5)
    assert told.shop.weight == 0


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


async def test_deleting_mid_run_reverts_starts_the_hooks_without_an_owner_and_lets_go() -> None:
    told = Told(hooks=[hook("Revert", "undo")])
    await told.passes(40)
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.delete_rollout("checkout"))
    await told.passes(30)
    assert "checkout" not in told.shop.cluster.rollouts
    (undo,) = told.shop.cluster.created_jobs
    assert (undo.owned, undo.environment["TIDEGATE_REASON"], told.shop.weight) == (False, "RolloutDeleted", 0)


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
