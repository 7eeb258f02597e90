"""A Job in memory: how it is named and recorded before it exists, and which entries are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.jobs import JobPurpose, JobSource
from tidegate.api.rollout.status import JobStatus
from tidegate.api.status_budget import KEPT_JOBS, LONGEST_CAUSE
from tidegate.api.values.text import printable
from tidegate.core.model.jobs import JobState
from tidegate.core.model.time_format import instant
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

LONGEST_NAME: Final = 63
"""Characters of a Job's name: its pods carry it as a label."""
DIGEST: Final = 12
"""Hex digits that make the name of one Job."""


def abandon(draft: Draft, run: str) -> None:
    """A run has ended: what was to run during it and was not seen to exist is created no more."""
    draft.update(
        jobs=tuple(
            one.model_copy(update={"abandoned": True})
            if one.run == run and only_during_the_run(one) and not one.uid
            else one
            for one in draft.status.jobs
        )
    )


def only_during_the_run(entry: JobStatus) -> bool:
    """Whether it has not ended, and makes no sense once its run has: a hook during the run, or a Job of a gate."""
    return not entry.outcome and (entry.on_failure != "" or entry.purpose == JobPurpose.GATE)


def void_gates(draft: Draft, steps: Collection[str]) -> None:
    """The gates of these steps must open again: what Jobs gave for them in this run counts no more."""
    run = draft.status.run
    draft.update(
        jobs=tuple(
            one.model_copy(update={"void": True})
            if run is not None and one.run == run.id and one.purpose == JobPurpose.GATE and one.step in steps
            else one
            for one in draft.status.jobs
        )
    )


class Turn(Enum):
    """Whether a Job may begin, as far as the one before it is concerned."""

    COME = "come"
    AWAITED = "awaited"
    NEVER = "never"


@dataclass(frozen=True)
class Wanted:
    """A Job that shall exist, and what for."""

    source: JobSource
    purpose: JobPurpose
    key: str
    """The hook, the limit or, for a gate, the CronJob."""
    run: str
    reason: str
    """Why, in one word."""
    cause: str
    """The reason as text."""
    step: str = ""
    """The step it belongs to; empty for none."""
    step_hash: str = ""
    """For a gate, the identity of the step."""
    on_failure: str = ""
    """For a hook during the run."""
    after: str = ""
    """The name of the Job that must have succeeded before."""

    @property
    def identity(self) -> tuple[str, str, str, str, str]:
        """As `of_one`."""
        return self.run, str(self.purpose), self.key, self.step, self.step_hash


def start(draft: Draft, job: Wanted) -> JobStatus:
    """Records that a Job shall exist: it is created once this is stored, and found again by its name whatever happens between."""
    before = [one for one in draft.status.jobs if of_one(one) == job.identity]
    ordinal = max((one.ordinal for one in before), default=0) + 1
    entry = JobStatus(
        name=_named(draft, job.source, *job.identity, str(ordinal)),
        run=job.run,
        purpose=str(job.purpose),
        key=job.key,
        cron_job=job.source.cron_job,
        step=job.step,
        step_hash=job.step_hash,
        after=job.after,
        ordinal=ordinal,
        deadline=job.source.deadline.seconds if job.source.deadline is not None else 0.0,
        on_failure=job.on_failure,
        reason=job.reason,
        cause=printable(job.cause)[:LONGEST_CAUSE],
        requested=instant(draft.now),
        watched=draft.run.watched if draft.status.run is not None else None,
    )
    draft.update(jobs=_kept(draft, (*draft.status.jobs, entry)))
    if not job.after:
        draft.say(Reason.JOB_STARTED, f"{in_words(entry)} is started")
    draft.intent = True
    return entry


def of_one(entry: JobStatus) -> tuple[str, str, str, str, str]:
    """What the Jobs of one purpose have in common."""
    return entry.run, entry.purpose, entry.key, entry.step, entry.step_hash


def in_words(entry: JobStatus) -> str:
    """`Job documents-undo-0a1b2c of hook undo`, for messages."""
    match entry.purpose:
        case JobPurpose.GATE:
            what = f"of the gate of step {entry.step!r}"
        case JobPurpose.RESPONSE:
            what = f"of limit {entry.key!r}"
        case _:
            what = f"of hook {entry.key!r}" + (f" in step {entry.step!r}" if entry.step else "")
    return f"Job {entry.name} {what}"


def forget_earlier_runs(draft: Draft) -> None:
    """A run begins: what ended before is no longer shown; the last Job of a limit stays, for its cooldown."""
    draft.update(jobs=tuple(one for one in draft.status.jobs if not one.outcome or one in _newest_of_limits(draft)))


def turn_of(jobs: Sequence[JobStatus], entry: JobStatus) -> Turn:
    """Whether the one before a Job lets it begin. A hook's failure that was answered, and did not end the run, does."""
    before = next((one for one in jobs if one.name == entry.after), None)
    if before is None or before.outcome == JobState.SUCCEEDED:
        return Turn.COME
    if before.on_failure and not entry.on_failure:  # a hook during the run, and one after it: it need only have ended
        return Turn.COME if before.outcome else Turn.AWAITED
    if not before.outcome or (before.on_failure and not before.answered):
        return Turn.AWAITED
    return Turn.COME if before.on_failure else Turn.NEVER


def newest(entries: Iterable[JobStatus]) -> JobStatus | None:
    """The one that was started last: they are kept in that order, whatever was done to the clock between them."""
    return next(reversed(tuple(entries)), None)


def _kept(draft: TickContext, entries: tuple[JobStatus, ...]) -> tuple[JobStatus, ...]:
    """The entries without the oldest of those on which nothing rests any more."""
    spare = [one for one in entries if not _needed(draft, one)]
    dropped = {one.name for one in spare[: max(len(spare) - KEPT_JOBS, 0)]}
    return tuple(one for one in entries if one.name not in dropped)


def _needed(draft: TickContext, entry: JobStatus) -> bool:
    """Whether it has not ended, or its not being there would start it again."""
    if not entry.outcome or entry in _newest_of_limits(draft):
        return True
    if any(one.after == entry.name and not one.outcome for one in draft.status.jobs):
        return True
    run = draft.status.run
    if run is None or entry.run != run.id or entry.purpose == JobPurpose.RESPONSE:
        return False
    if entry.purpose in {JobPurpose.RUN_START, JobPurpose.GATE}:
        return True
    passed = {one.name for one in run.begun}
    current = draft.status.step.name if draft.status.step is not None else ""
    return entry.step == current or entry.step not in passed


def _newest_of_limits(draft: TickContext) -> list[JobStatus]:
    responses = [one for one in draft.status.jobs if one.purpose == JobPurpose.RESPONSE]
    return [one for one in responses if one is newest(other for other in responses if other.key == one.key)]


def _named(draft: TickContext, source: JobSource, *identity: str) -> str:
    """`ROLLOUT-CRONJOB-DIGEST`: the same for the same Job of the same Rollout, and for no other."""
    rollout = draft.seen.rollout
    text = "\0".join((rollout.uid, *identity, source.cron_job))
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST]
    words = f"{rollout.name}-{source.cron_job}".replace(".", "-")[: LONGEST_NAME - DIGEST - 1].rstrip("-")
    return f"{words}-{digest}"
