"""`Rollout.status.gate` and `.approvals`: what the run waits for before a raise, and what people have approved. Part of status.py, which says what the marks mean."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.model import StatusModel, Words


class ClosedPartStatus(StatusModel):
    """A part of a gate that is closed."""

    part: str
    """The field of the gate, such as `windows` or `approvals`."""
    message: Words = ""
    """What it waits for."""
    since: datetime
    """Since when it is waited for."""
    people: Words = ""
    """Who can open it; absent where no person can."""
    opens: datetime | None = None
    """When time opens it; absent when something else must happen first."""


class GateStatus(StatusModel):
    """The gate that the run waits at."""

    step: str
    """The step behind it."""
    step_hash: str = ""
    """Identity of the step as it is now: an approval counts for it alone."""
    summary: Words = ""
    """What is waited for, for the printer column."""
    closed: tuple[ClosedPartStatus, ...] = ()
    """The parts that are closed."""
    opens: datetime | None = None
    """When it can open next, as far as time is concerned; absent when it could open now, or when the instant is unknown."""


class ApprovalStatus(StatusModel):
    """An approval that was given. Operator state: it counts for this run, this step and this hash."""

    step: str
    """The step."""
    step_hash: str
    """Identity of the step as it was approved."""
    name: str
    """The approval."""
    person: str
    """The requester of the command that gave it."""
    verified: bool = False
    """Whether the API server had checked the requester (docs/approvals.md)."""
    time: datetime
    """When it was given."""
    reason: Words = ""
    """The reason that the person gave."""
