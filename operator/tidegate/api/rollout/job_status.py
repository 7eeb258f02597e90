"""`Rollout.status.jobs`: the Jobs that were started for a run. Part of status.py, which says what the marks mean."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.model import Elapsed, StatusModel, Words


class JobStatus(StatusModel):
    """A Job that was started for this Rollout. Operator state: recorded before the Job is created."""

    name: str
    """The Job's name."""
    run: str
    """The run it belongs to."""
    purpose: str
    """When a hook runs (`RunStart`, `StepStart`, `StepEnd`, `Revert`, `Success`, `End`), `Gate` or `Response`."""
    key: str
    """The hook's name, the limit's identity, or for a gate the CronJob."""
    cron_job: str
    """The CronJob it is made from."""
    step: str = ""
    """The step the run was in; for a gate the step behind it."""
    step_hash: str = ""
    """For a gate: identity of the step as it was; the result counts for it alone."""
    after: str = ""
    """The Job of the hook before it: it is created once that has succeeded."""
    ordinal: int = 1
    """Which of the Jobs for the same purpose it is, from 1."""
    deadline: Elapsed = 0
    """The requested deadline, seconds; 0 for the CronJob's own."""
    on_failure: str = ""
    """What its failure does, for a hook during the run: `Hold`, `Revert` or `Ignore`."""
    reason: str = ""
    """Why it was started: one CamelCase word."""
    cause: Words = ""
    """The reason as text."""
    requested: datetime
    """When it was decided."""
    watched: Elapsed | None = None
    """Watched seconds of its run when it was decided: a clock that is set forward ends no Job; absent after a run."""
    uid: str = ""
    """The Job's, once it was seen: until then it may not exist."""
    limit: Elapsed = 0
    """The Job's `activeDeadlineSeconds`, as created."""
    started: datetime | None = None
    """When the Job began."""
    finished: datetime | None = None
    """When it ended."""
    outcome: str = ""
    """`Succeeded`, `Failed`, or `Skipped` because the one before it failed or the run had ended; empty while it runs."""
    message: Words = ""
    """How it failed, or why it could not be created so far."""
    answered: bool = False
    """What its failure does to the run was done."""
    abandoned: bool = False
    """The run ended before the Job was seen: it is looked for, and not created any more."""
    void: bool = False
    """For a gate: its result counts no more, because a person resumed the run: the Job is run again."""
