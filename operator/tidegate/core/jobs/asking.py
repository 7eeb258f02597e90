"""What is asked of the world for the Jobs in memory, and what of them stands before what comes next."""

from __future__ import annotations

from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.jobs import HookFailure, JobPurpose
from tidegate.api.rollout.status import JobStatus
from tidegate.core.jobs.noticing import LOOK_AGAIN
from tidegate.core.jobs.record import Turn, in_words, only_during_the_run, turn_of
from tidegate.core.model.jobs import JobState, StartJob
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import in_words as lasting
from tidegate.core.model.world import Unknown, Unseen
from tidegate.core.tick.context import TickContext

STARTED_BY_DELETION: Final = 30.0
"""Seconds the deletion of a Rollout waits until the Jobs of its hooks exist, at most."""


def to_start(draft: TickContext) -> tuple[StartJob, ...]:
    """The Jobs that shall exist and were not seen yet."""
    paused = draft.status.run is not None and draft.status.run.paused is not None
    return tuple(_request(draft, one) for one in _startable(draft) if not (one.after and one.on_failure and paused))


def _startable(draft: TickContext) -> list[JobStatus]:
    """The Jobs that were not seen yet and for which no other is waited."""
    jobs = draft.status.jobs
    ending = draft.status.run is not None and draft.status.run.ending is not None
    left = (one for one in jobs if not one.uid and not one.outcome and not one.abandoned)
    wanted = (one for one in left if not (ending and only_during_the_run(one)))
    return [one for one in wanted if turn_of(jobs, one) is Turn.COME]


def awaited(draft: TickContext) -> Why | None:
    """The hook during the run that stands before a raise: it runs, or its failure has not been answered yet."""
    run = draft.status.run
    for one in draft.status.jobs:
        if run is None or one.run != run.id or one.on_failure in {"", HookFailure.IGNORE}:
            continue
        if not one.outcome:
            return Why(Reason.AWAITING_JOB, f"waiting for {state(one)}")
        if one.outcome == JobState.FAILED and not one.answered:
            return Why(Reason.AWAITING_JOB, f"{in_words(one)} failed: {one.message}")
    return None


def undone(draft: TickContext) -> Why | None:
    """The hook of the run before that has not ended: the next run does not begin beside it."""
    for one in draft.status.jobs:
        if not one.outcome and one.purpose in {JobPurpose.REVERT, JobPurpose.SUCCESS, JobPurpose.END}:
            return Why(Reason.AWAITING_JOB, f"the next run waits for {state(one)}")
    return None


def started_by(draft: TickContext) -> float | None:
    """Epoch seconds until which the deletion of the Rollout waits for Jobs to exist; `None` when it need not.

    One that is recorded and was not tried yet is waited for: a process that has just begun tries it at once.
    """
    recorded = {one.get("name") for one in draft.seen.rollout.status.get("jobs") or ()}
    waits = []
    for one in _startable(draft):
        if _refused(draft, one):
            continue
        untried = one.name in recorded and one.name not in draft.seen.jobs
        requested = one.requested.timestamp()
        until = requested + STARTED_BY_DELETION if abs(draft.now - requested) < STARTED_BY_DELETION else draft.now
        waits.append(max(until, draft.now + LOOK_AGAIN) if untried else until)
    return min((until for until in waits if until > draft.now), default=None)


def state(entry: JobStatus) -> str:
    """A Job that has not ended, in words."""
    if not entry.uid:
        coming = "follows the one before it" if entry.after else "is being created"
        why = f", which {entry.message or coming}"
        return in_words(entry) + why
    limit = f", for {lasting(entry.limit)} at most" if entry.limit else ""
    return f"{in_words(entry)}, which runs{limit}"


def _refused(draft: TickContext, entry: JobStatus) -> bool:
    seen = draft.seen.jobs.get(entry.name)
    return isinstance(seen, Unknown) and seen.kind is Unseen.NOT_ALLOWED


def _request(draft: TickContext, entry: JobStatus) -> StartJob:
    rollout = draft.seen.rollout
    return StartJob(
        name=entry.name,
        cron_job=entry.cron_job,
        run=entry.run,
        deadline=entry.deadline or None,
        environment={
            "TIDEGATE_ROLLOUT": rollout.name,
            "TIDEGATE_NAMESPACE": rollout.namespace,
            "TIDEGATE_RUN": entry.run,
            "TIDEGATE_STEP": entry.step,
            "TIDEGATE_PURPOSE": entry.purpose,
            "TIDEGATE_NAME": entry.key,
            "TIDEGATE_REASON": entry.reason,
            "TIDEGATE_MESSAGE": entry.cause,
        },
        owned=not rollout.deleting,
    )
