"""`Rollout.status`: what people read, and all the memory a run has.

Fields marked "Operator state" are read back by the next tick or after a restart; the others are written for people and never
read. No enums or patterns here: a status that cannot be written would lose a revert.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from tidegate.api.model import Elapsed, Percent, StatusModel, Words
from tidegate.api.rollout.evaluation_status import (
    CheckpointStatus,
    Clock,
    FindingStatus,
    GuardStatus,
    MissingDataStatus,
)
from tidegate.api.rollout.gate_status import ApprovalStatus, ClosedPartStatus, GateStatus
from tidegate.api.rollout.job_status import JobStatus
from tidegate.api.rollout.message_status import MessagesStatus, MessageStatus
from tidegate.api.rollout.run_status import (
    CohortRevert,
    CohortWeight,
    Ending,
    EvidenceStatus,
    Hold,
    Paused,
    PromotionStatus,
    RunStatus,
    SharedStatus,
    StepBegin,
    Version,
    Waiting,
)
from tidegate.api.rollout.scaling_status import ScalingStatus
from tidegate.api.rollout.traffic_status import (
    CohortStatus,
    MirrorStatus,
    PairStatus,
    PodsStatus,
    TargetStatus,
    WeightStatus,
)

__all__ = [
    "ApprovalStatus",
    "CheckpointStatus",
    "Clock",
    "ClosedPartStatus",
    "CohortRevert",
    "CohortStatus",
    "CohortWeight",
    "CommandStatus",
    "Condition",
    "Ending",
    "EvidenceStatus",
    "FindingStatus",
    "GateStatus",
    "GuardStatus",
    "HistoryEntry",
    "Hold",
    "JobStatus",
    "MessageStatus",
    "MessagesStatus",
    "MirrorStatus",
    "MissingDataStatus",
    "PairStatus",
    "Paused",
    "PodsStatus",
    "PromotionStatus",
    "RolloutStatus",
    "RunStatus",
    "ScalingStatus",
    "SharedStatus",
    "StepBegin",
    "StepStatus",
    "TargetStatus",
    "Version",
    "Waiting",
    "WeightStatus",
]


class Condition(StatusModel):
    """A Kubernetes condition, in the shape kstatus reads."""

    type: str
    """`Ready`, `Reconciling`, `Stalled`, `RevertReady`, `MissingData`, `NotificationsFailing`, `ScaleRefused`."""
    status: str
    """`True`, `False` or `Unknown`."""
    reason: str
    """One CamelCase word, defined in api/reasons.py."""
    message: Words = ""
    """The reason in a sentence."""
    last_transition_time: datetime
    """When `status` last changed."""
    observed_generation: int | None = None
    """The generation this was evaluated on."""


class StepStatus(StatusModel):
    """The step the run is in. Operator state."""

    name: str
    """The step."""
    index: int
    """Its place, from 1."""
    of: int
    """The number of steps."""
    summary: str = ""
    """Such as `2/3 ramp`, for the printer column."""
    weight: Percent = 0
    """The step's weight, percent."""
    seen: bool = False
    """The weight was seen on every route: a lower weight from now on was written by another client."""
    reached: bool = False
    """The gateways have accepted it: the duration counts."""
    watched: Elapsed = 0
    """Watched seconds of the duration, as last recorded."""
    judged: float = -1
    """Offset in seconds of the last checkpoint that has a verdict."""
    passed: bool = False
    """The final checkpoint passed."""
    expected_end: datetime | None = None
    """When the duration ends if nothing pauses or ends the run."""


class HistoryEntry(StatusModel):
    """A finished run."""

    id: str
    """The run."""
    version: Version
    """What was under test."""
    outcome: str
    """`Succeeded`, `Reverted`, `Aborted`, `Superseded` or `Deleted`."""
    reason: str
    """One CamelCase word."""
    message: Words = ""
    """The reason as text."""
    start_time: datetime
    """When it began."""
    end_time: datetime
    """When it ended."""


class CommandStatus(StatusModel):
    """A RolloutCommand that was carried out or refused. Operator state until its own status says so."""

    uid: str
    """The command's."""
    done: bool = True
    """It was carried out; otherwise it was refused."""
    message: Words = "carried out"
    """What was done, or why not."""


def _with_outcome(value: object) -> object:
    """Version 0.1.0 remembered the uid alone."""
    return {"uid": value} if isinstance(value, str) else value


class RolloutStatus(StatusModel):
    """The state of the Rollout, its reason, and since when."""

    observed_generation: Annotated[int, Field(description="The generation of the spec this status is about.")] = -1
    phase: str = ""
    """For people: `Idle Waiting Progressing Paused Reverting Reverted Promoting Succeeded Invalid`. Not read by the operator."""
    message: Words = ""
    """The state in a sentence."""
    conditions: tuple[Condition, ...] = ()
    """`Ready`, and `Reconciling` or `Stalled` while true, as kstatus reads them."""
    run: RunStatus | None = None
    """The run in progress."""
    step: StepStatus | None = None
    """The step the run is in."""
    gate: GateStatus | None = None
    """The gate that the run waits at, while it is closed."""
    approvals: tuple[ApprovalStatus, ...] = ()
    """The approvals given in this run, or in the last one. Operator state."""
    jobs: tuple[JobStatus, ...] = ()
    """The Jobs of this run, or of the last one, oldest first. Operator state."""
    scaling: ScalingStatus | None = None
    """The candidate's pods, as far as the operator sets their number; absent until it does. Operator state."""
    weight: WeightStatus | None = None
    """The candidate's share of traffic."""
    cohorts: tuple[CohortStatus, ...] | None = None
    """The candidate's share of each cohort; absent where there are none."""
    mirror: MirrorStatus | None = None
    """What is mirrored to the candidate; absent where no step mirrors."""
    guards: tuple[GuardStatus, ...] = ()
    """The guards that are not ok."""
    missing_data: tuple[MissingDataStatus, ...] = ()
    """The metrics whose data is missing."""
    checkpoints: tuple[CheckpointStatus, ...] = ()
    """The last checkpoints with their evidence, newest first."""
    history: tuple[HistoryEntry, ...] = ()
    """The last ten runs, newest first."""
    next_check_time: datetime | None = None
    """The next checkpoint or gate."""
    released: Version | None = None
    """The version last promoted, or found serving. Operator state."""
    rejected: Version | None = None
    """The version last reverted or aborted: not tried again until it changes or is retried. Operator state."""
    targets: tuple[TargetStatus, ...] = ()
    """The routes a revert restores. Operator state."""
    commands: tuple[Annotated[CommandStatus, BeforeValidator(_with_outcome)], ...] = ()
    """The last RolloutCommands carried out, with their outcomes. Operator state."""
    retry: bool = False
    """Retry was requested: a run starts at the next evaluation. Operator state."""
    waiting: Waiting | None = None
    """What the next run waits for. Operator state."""
    runs: int = 0
    """Runs begun so far. Operator state."""
    notifications: MessagesStatus | None = None
    """The notifications of `spec.notifications`; absent without any. Operator state."""
