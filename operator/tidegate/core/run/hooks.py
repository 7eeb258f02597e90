"""Hooks and the Jobs of gates: when they start, and what a failed one does to the run."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.jobs import HookFailure, JobPurpose, JobSource
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import HistoryEntry, JobStatus
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates.jobs import result
from tidegate.core.gates.step_hash import hash_of
from tidegate.core.jobs import record
from tidegate.core.jobs.record import Wanted
from tidegate.core.model.jobs import JobState
from tidegate.core.model.plan import Why
from tidegate.core.tick.draft import Draft

PAUSES = frozenset({Reason.GATE_JOB_FAILED, Reason.HOOK_FAILED})
"""Pauses that come of a failed Job."""


def start_due(draft: Draft) -> None:
    """Starts the hooks whose instant has come, each once for its run and step; none while the run is paused."""
    run, step = draft.run, draft.status.step
    if not draft.spec.hooks or draft.memory.unreadable or draft.spec.paused or run.paused is not None:
        return
    if not run.begun:
        _start_hooks(draft, JobPurpose.RUN_START, "", Reason.RUN_STARTED, f"run {run.id} started")
    if step is None or run.promotion is not None:
        return
    if step.reached:
        words = f"step {step.name} has weight {step.weight:g}% on the route"
        _start_hooks(draft, JobPurpose.STEP_START, step.name, Reason.STEP_STARTED, words)
    if step.passed:
        _start_hooks(draft, JobPurpose.STEP_END, step.name, Reason.STEP_PASSED, f"step {step.name} passed")


def start_after(draft: Draft, step: str, ended: HistoryEntry) -> None:
    """Starts the hooks that run once a run has ended and its weights are written.

    Args:
        draft: the plan, with the run concluded.
        step: the step it was in.
        ended: what became of it.
    """
    reverted = ended.outcome != RunEnd.SUCCEEDED
    during = [one for one in draft.status.jobs if one.run == ended.id and one.on_failure and not one.outcome]
    record.abandon(draft, ended.id)
    last = record.newest(during)
    before = last.name if last is not None else ""
    for purpose in (JobPurpose.REVERT if reverted else JobPurpose.SUCCESS, JobPurpose.END):
        for hook in draft.spec.hooks:
            if hook.purpose is purpose:
                why = (ended.reason, ended.message)
                wanted = Wanted(hook.job, purpose, hook.name, ended.id, *why, step=step, after=before)
                before = record.start(draft, wanted).name


def start_gate_jobs(draft: Draft, to: Step) -> None:
    """Starts the Jobs of the gate before a step, once they are all that keeps it closed, and its checks were met just now."""
    if not gates.awaits_jobs_alone(draft, to) or gates.unanswered(draft, to) is not None:
        return
    for one in gates.before(draft, to):
        step = one.context.step
        for source in step.gate.jobs if step.gate is not None else ():
            if result(one.context.jobs, step, source) is None and not _runs(draft, step, source):
                why = f"the rest of the gate of step {step.name} is open"
                gate = JobPurpose.GATE
                wanted = Wanted(
                    source, gate, source.cron_job, draft.run.id, Reason.GATE_CLOSED, why, step.name, hash_of(step)
                )
                record.start(draft, wanted)


def _runs(draft: Draft, step: Step, source: JobSource) -> bool:
    """Whether an earlier one, which counts no more, has not ended: two do not run beside each other."""
    gate = (draft.run.id, JobPurpose.GATE, source.cron_job, step.name)
    return any((one.run, one.purpose, one.key, one.step) == gate and not one.outcome for one in draft.status.jobs)


def answer_failures(draft: Draft) -> None:
    """Does what a failed Job of this run asks for: pause, revert, or nothing but the words."""
    for entry in draft.status.jobs:
        if entry.run != draft.run.id or entry.outcome != JobState.FAILED or entry.answered or draft.ending():
            continue
        if _answer(draft, entry):
            _mark(draft, entry, answered=True)


def resume(draft: Draft) -> None:
    """A person resumes: failed Jobs of gates are run again; a failed hook counts as dealt with."""
    for entry in draft.status.jobs:
        if entry.purpose == JobPurpose.GATE and entry.outcome == JobState.FAILED and entry.answered:
            _mark(draft, entry, void=True)


def _answer(draft: Draft, entry: JobStatus) -> bool:
    """Whether it was answered; one that must pause a run that is paused already waits for that to end."""
    words = f"{record.in_words(entry)} failed: {entry.message}"
    if entry.purpose == JobPurpose.GATE:
        step = next((one for one in draft.spec.steps if one.name == entry.step), None)
        if entry.void or step is None or entry.step_hash != hash_of(step):  # counts no more, so it does nothing
            return True
        return _pause(draft, Why(Reason.GATE_JOB_FAILED, f"{words}. Resume runs it again, Abort reverts"))
    match entry.on_failure:
        case HookFailure.REVERT:
            draft.end(RunEnd.REVERTED, Reason.HOOK_FAILED, words)
        case HookFailure.HOLD:
            return _pause(draft, Why(Reason.HOOK_FAILED, f"{words}. Resume continues without it, Abort reverts"))
        case _:
            pass
    return True


def _pause(draft: Draft, why: Why) -> bool:
    if draft.run.paused is not None:
        return False
    draft.pause(why.reason, why.message)
    draft.intent = True
    return True


def _mark(draft: Draft, entry: JobStatus, **changes: bool) -> None:
    marked = entry.model_copy(update=changes)
    draft.update(jobs=tuple(marked if one.name == entry.name else one for one in draft.status.jobs))
    draft.intent = True


def _start_hooks(draft: Draft, purpose: JobPurpose, step: str, reason: Reason, cause: str) -> None:
    """Starts the hooks of an instant, one after the other in the order in which they are listed."""
    known = {record.of_one(one)[:4]: one.name for one in draft.status.jobs}
    before = ""
    for hook in draft.spec.hooks:
        if hook.purpose is not purpose or not hook.concerns(step):
            continue
        name = known.get((draft.run.id, str(purpose), hook.name, step))
        if name is None:
            why, answer = (reason, cause), str(hook.on_failure)
            wanted = Wanted(
                hook.job, purpose, hook.name, draft.run.id, *why, step=step, on_failure=answer, after=before
            )
            name = record.start(draft, wanted).name
        before = name
