"""What became of Jobs: taken over into memory. A Job that is gone, or that never ends, has failed."""

from __future__ import annotations

from typing import Any, Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.jobs import JobPurpose
from tidegate.api.rollout.status import JobStatus
from tidegate.api.status_budget import LONGEST_CAUSE
from tidegate.api.values.text import printable
from tidegate.core.jobs.record import Turn, in_words, turn_of
from tidegate.core.model.jobs import Job, JobState
from tidegate.core.model.time_format import in_words as lasting
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import Absence, Unknown
from tidegate.core.tick.draft import Draft

GIVEN_UP: Final = 3600.0
"""Seconds after which a Job that could not be created counts as failed."""
LATE: Final = 60.0
"""Seconds after its deadline in which a Job's controller should have ended it."""
LANDED: Final = 10.0
"""Seconds after which a creation whose answer was lost has landed, or never will: longer than any request's time-out."""
LOOK_AGAIN: Final = 5.0
"""Seconds until a Job that no watch stream tells of is looked at again."""


def notice_jobs(draft: Draft) -> None:
    """Takes over what was seen of the Jobs that have not ended."""
    if all(one.outcome for one in draft.status.jobs):
        return
    found: list[JobStatus] = []
    for one in draft.status.jobs:  # the one before is taken over before the one that follows it
        found.append(one if one.outcome else _in_turn(draft, found, one))
    if tuple(found) != draft.status.jobs:
        draft.update(jobs=tuple(found))


def _in_turn(draft: Draft, before: list[JobStatus], entry: JobStatus) -> JobStatus:
    turn = Turn.COME if entry.uid or entry.abandoned else turn_of(before, entry)
    if turn is Turn.NEVER:
        words = "the one before it failed"
        draft.say(Reason.JOB_FAILED, f"{in_words(entry)} is not started: {words}", warning=True)
        draft.intent = True
        return entry.model_copy(
            update={"outcome": str(JobState.SKIPPED), "message": words, "finished": instant(draft.now)}
        )
    return _after(draft, entry) if turn is Turn.COME else entry


def _after(draft: Draft, entry: JobStatus) -> JobStatus:
    seen = draft.seen.jobs.get(entry.name)
    match seen:
        case Job():
            entry = _seen(draft, entry, seen)
        case Absence.ABSENT if entry.uid:
            entry = _ended(draft, entry, JobState.FAILED, "it was deleted before it ended", draft.now)
        case Absence.ABSENT if entry.abandoned and abs(draft.now - entry.requested.timestamp()) >= LANDED:
            words = "the run ended before it was created"
            draft.intent = True
            return entry.model_copy(
                update={"outcome": str(JobState.SKIPPED), "message": words, "finished": instant(draft.now)}
            )
        case Unknown(reason) if not entry.uid:
            entry = entry.model_copy(update={"message": f"cannot be created: {printable(reason)}"[:LONGEST_CAUSE]})
        case _:
            pass
    if entry.outcome:
        return entry
    if not isinstance(seen, Job) or not seen.watched:
        draft.wakes.append(draft.now + LOOK_AGAIN)
    return _unless_late(draft, entry)


def _seen(draft: Draft, entry: JobStatus, job: Job) -> JobStatus:
    changes: dict[str, Any] = {
        "uid": job.uid,
        "limit": job.deadline,
        "started": instant(job.started) if job.started is not None else None,
        "message": "",
    }
    if entry.after and not entry.uid:
        draft.say(Reason.JOB_STARTED, f"{in_words(entry)} is started")
    entry = entry.model_copy(update=changes)
    if job.state is JobState.RUNNING:
        return entry
    return _ended(draft, entry, job.state, job.message, job.finished if job.finished is not None else draft.now)


def _unless_late(draft: Draft, entry: JobStatus) -> JobStatus:
    """The entry; failed when nobody has created it, or ended it, for too long."""
    if not entry.uid:
        before = next((one.finished for one in draft.status.jobs if one.name == entry.after), None)
        lasts, ends = GIVEN_UP, (before or entry.requested).timestamp() + GIVEN_UP
        why = entry.message or "cannot be created"
        why = f"{why} (for {lasting(GIVEN_UP)})"
    elif entry.limit:
        lasts, ends = entry.limit, (entry.started or entry.requested).timestamp() + entry.limit + LATE
        why = f"it did not end within its deadline of {lasting(entry.limit)}, and nothing has ended it"
    else:
        return entry
    ends = max(ends, draft.now + _unwatched(draft, entry, lasts))
    if draft.now >= ends:
        return _ended(draft, entry, JobState.FAILED, why, draft.now)
    draft.wakes.append(ends)
    return entry


def _unwatched(draft: Draft, entry: JobStatus, lasts: float) -> float:
    """Seconds that a Job of the run under way is still to be watched before it is late: a clock set forward makes none late.

    Args:
        draft: the tick's draft.
        entry: the Job.
        lasts: seconds that it may take.
    """
    run = draft.status.run
    if run is None or run.id != entry.run or entry.watched is None:
        return 0.0
    return lasts - (run.watched - entry.watched)


def _ended(draft: Draft, entry: JobStatus, state: JobState, message: str, at: float) -> JobStatus:
    failed = state is JobState.FAILED
    words = printable(message)[:LONGEST_CAUSE] if failed else ""
    if failed:
        last = JobPurpose(entry.purpose).after_the_run if entry.purpose in set(JobPurpose) else False
        beside = ": the weights stay as the run left them" if last else ""
        draft.say(
            Reason.HOOK_FAILED if last else Reason.JOB_FAILED,
            f"{in_words(entry)} failed: {words}{beside}",
            warning=True,
        )
    else:
        draft.say(Reason.JOB_SUCCEEDED, f"{in_words(entry)} succeeded")
    draft.intent = True
    return entry.model_copy(update={"outcome": str(state), "message": words, "finished": instant(at)})
