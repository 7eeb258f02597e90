"""Gates that Jobs open: each must have succeeded, in this run, for the step as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.api.rollout.jobs import JobPurpose, JobSource
from tidegate.api.rollout.status import JobStatus
from tidegate.api.rollout.steps import Step
from tidegate.core.gates.kind import Closed, GateContext
from tidegate.core.gates.step_hash import hash_of
from tidegate.core.jobs.asking import state
from tidegate.core.jobs.record import newest
from tidegate.core.model.jobs import JobState


@dataclass(frozen=True)
class JobsSucceeded:
    """`jobs`: all of them have succeeded."""

    field: str = "jobs"
    calendar: bool = True

    def evaluate(self, part: Sequence[JobSource], context: GateContext) -> Closed | None:
        """Closed until the last of them has succeeded."""
        waits = [words for source in part if (words := _waits(source, context))]
        return Closed(f"awaits {'; '.join(waits)}", given=True) if waits else None

    def describe(self, part: Sequence[JobSource]) -> str:
        """`Job smoke succeeded`."""
        return ", ".join(f"Job {one.cron_job} succeeded" for one in part)


def result(jobs: Iterable[JobStatus], step: Step, source: JobSource) -> JobStatus | None:
    """The newest Job that counts for a step as it is now; `None` when there is none."""
    counts = (JobPurpose.GATE, source.cron_job, step.name, hash_of(step))
    return newest(one for one in jobs if (one.purpose, one.key, one.step, one.step_hash) == counts and not one.void)


def under_way(part: Sequence[JobSource], context: GateContext) -> bool:
    """Whether one of them was started, and has not succeeded."""
    found = (result(context.jobs, context.step, source) for source in part)
    return any(one is not None and one.outcome != JobState.SUCCEEDED for one in found)


def _waits(source: JobSource, context: GateContext) -> str:
    """What is awaited of one Job; empty once it has succeeded."""
    found = result(context.jobs, context.step, source)
    if found is None:
        return f"a Job of CronJob {source.cron_job}, which starts when the rest of the gate is open"
    if found.outcome == JobState.SUCCEEDED:
        return ""
    if found.outcome:
        return f"Job {found.name}, which failed: {found.message} (Resume runs it again)"
    return state(found)
