"""The report of one run, as it is kept in a ConfigMap and as `tidegate report -o json` writes it (docs/report.md).

Versioned by `schema`: fields are added within a version, never renamed or given another meaning. Loaded only by what reads or
writes a report.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from tidegate.api.model import StatusModel, Words
from tidegate.api.rollout.run_status import Version
from tidegate.api.rollout.status import ApprovalStatus, CheckpointStatus, CohortStatus, GateStatus, MirrorStatus

SCHEMA: Final = "tidegate.dev/report/v1"
RUNNING: Final = "Running"
"""The outcome of a run in progress."""
DATA_KEY: Final = "report.json"
"""The key in the ConfigMap's data."""


class ReportedArm(StatusModel):
    """One version of the run."""

    deployment: str
    """Its Deployment."""
    version: Version | None = None
    """What it ran; absent where that is not known any more."""


class Standing(StatusModel):
    """One limit and its state: a row of the table that `tidegate status` shows too."""

    name: str
    """The limit's identity."""
    metric: str
    """The metric."""
    target: str
    """The limit, such as `max 1% for 10m`."""
    guard: bool = False
    """It is a guard: evaluated every interval."""
    step: str = ""
    """The step whose own limit it is; empty for one of every step."""
    current: Words = ""
    """The candidate's last known value."""
    baseline: str = ""
    """The baseline's beside it."""
    cohort: str = ""
    """The cohort that is evaluated; empty for all traffic."""
    status: str
    """`Ok`, `Breached`, ... as a finding's state, or `NotEvaluated`."""
    counts: str = ""
    """What was counted, such as `0 of 380`."""
    possible: str = ""
    """What the counts leave possible, with 95 % confidence."""
    time: datetime | None = None
    """As of when; absent for one that was not evaluated."""


class Moment(StatusModel):
    """One line of the timeline."""

    time: datetime
    """When."""
    what: str
    """One CamelCase word."""
    why: Words = ""
    """As text."""
    weight: float | None = None
    """The candidate's weight from here on, percent, where it changed."""


class Breach(StatusModel):
    """Why the run was ended, and how fast."""

    reason: str
    """One CamelCase word."""
    message: Words = ""
    """What was seen."""
    decided: datetime | None = None
    """When it was decided."""
    ended: datetime | None = None
    """When every route was seen without the candidate; absent while the revert is in progress."""
    seconds: float | None = None
    """From the one to the other."""


class CandidateRequests(StatusModel):
    """Requests that the candidate answered, as far as a limit counted them."""

    requests: int
    """How many."""
    at_least: bool
    """More may have been: only those in one metric's window are known."""
    source: str
    """What counted them."""


class Users(StatusModel):
    """Users that were sent to the candidate, by the query given for it."""

    count: float
    """How many."""
    query: str
    """The PromQL that was asked."""


class Report(StatusModel):
    """See the module."""

    schema_version: str = SCHEMA
    """`tidegate.dev/report/v1`."""
    written: datetime
    """As of when."""
    namespace: str
    """The Rollout's."""
    rollout: str
    """Its name."""
    run: str
    """The run."""
    outcome: str
    """`Running`, `Succeeded`, `Reverted`, `Aborted`, `Superseded` or `Deleted`."""
    reason: str = ""
    """One CamelCase word."""
    message: Words = ""
    """The reason as text."""
    start: datetime
    """When the run began."""
    end: datetime | None = None
    """When it ended; absent while it runs."""
    expected_end: datetime | None = None
    """When the last step ends if nothing pauses or ends the run; absent when it is unknown."""
    candidate: ReportedArm
    """The version under test."""
    baseline: ReportedArm
    """The version in service when the run began."""
    not_promoted: tuple[str, ...] = ()
    """Fields in which the arms differ and that stay each arm's own."""
    step: str = ""
    """The step the run is in, or was in last."""
    weight: float | None = None
    """The candidate's weight, percent, as last seen."""
    mirror: MirrorStatus | None = None
    """What is mirrored to the candidate, while the run continues; absent where no step mirrors."""
    cohorts: tuple[CohortStatus, ...] = ()
    """The candidate's share of each cohort, as last seen."""
    breach: Breach | None = None
    """Why it was ended early."""
    candidate_requests: CandidateRequests | None = None
    """Requests that the candidate answered; absent where nothing counted them."""
    users: Users | None = None
    """Users that were sent to it; absent without a query."""
    limits: tuple[Standing, ...] = ()
    """Every limit and its state."""
    timeline: tuple[Moment, ...] = ()
    """What was decided, oldest first."""
    checkpoints: tuple[CheckpointStatus, ...] = ()
    """The checkpoints with their evidence, oldest first."""
    approvals: tuple[ApprovalStatus, ...] = ()
    """Who approved what."""
    gate: GateStatus | None = None
    """What the run waits for."""
    jobs: tuple[dict[str, Any], ...] = ()
    """The Jobs of the run, as in the status."""
    left_out: tuple[str, ...] = ()
    """What is not in the report, and why."""
