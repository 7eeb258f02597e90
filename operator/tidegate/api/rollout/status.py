"""`Rollout.status`: what people read, and all the memory a run has.

Fields marked *memory* are read back by the next tick or after a restart; the others are written for people and never
read. No enums or patterns here: a status that cannot be written would lose a revert.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from tidegate.api.model import StatusModel, Words
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
    "MissingDataStatus",
    "PairStatus",
    "Paused",
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
    """The step the run is in. *memory*."""

    name: str
    """The step."""
    index: int
    """Its place, from 1."""
    of: int
    """How many steps there are."""
    summary: str = ""
    """Such as `2/3 ramp`, for the printer column."""
    weight: float = 0
    """The step's weight, percent."""
    seen: bool = False
    """The weight was seen on every route: a lower weight from now on was written by something else."""
    reached: bool = False
    """The gateways have accepted it: the duration counts."""
    watched: float = 0
    """Watched seconds of the duration, as last recorded."""
    judged: float = -1
    """Offset in seconds of the last checkpoint that has a verdict."""
    passed: bool = False
    """The final checkpoint passed."""
    expected_end: datetime | None = None
    """When the duration ends if nothing intervenes."""


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
    """An approval that was given. *memory*: it counts for this run, this step and this hash."""

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
    """What the person said."""


class JobStatus(StatusModel):
    """A Job that was started for this Rollout. *memory*: recorded before the Job is created."""

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
    deadline: float = 0
    """The deadline asked for, seconds; 0 for the CronJob's own."""
    on_failure: str = ""
    """What its failure does, for a hook during the run: `Hold`, `Revert` or `Ignore`."""
    reason: str = ""
    """Why it was started: one CamelCase word."""
    cause: Words = ""
    """Why, in words."""
    requested: datetime
    """When it was decided."""
    uid: str = ""
    """The Job's, once it was seen: until then it may not exist."""
    limit: float = 0
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


class ScalingStatus(StatusModel):
    """What the operator did to the number of the candidate's pods. *memory*: recorded before the Deployment is written."""

    replicas: int | None = None
    """The number written last."""
    time: datetime | None = None
    """When."""
    cause: Words = ""
    """Why."""
    weight: float = 0
    """The largest weight, percent, that the candidate had with it."""
    seen: bool = False
    """It was seen on the Deployment: another number from now on was written by something else."""
    fought: int = 0
    """Times in a row that something else took it back."""
    responded: datetime | None = None
    """When a breach was last responded to: the cooldown counts from here."""
    refused: Words = ""
    """Why the candidate is not scaled: what else scales it. Absent when nothing does."""
    refused_at: datetime | None = None
    """When that was last looked at."""
    ended: str = ""
    """The run after whose end the candidate has the size asked for then."""
    before: int | None = None
    """Its size before it was scaled down after a run: the next one brings it back."""
    rest: int = 0
    """The size it was scaled down to."""


class WeightStatus(StatusModel):
    """The candidate's share in percent: what is wanted and what the route says."""

    desired: float
    """What the run wants."""
    observed: float | None = None
    """What was last read; absent when it could not be read."""


class CohortStatus(StatusModel):
    """The candidate's share of one cohort in percent: what is wanted and what the routes say."""

    name: str
    """The cohort."""
    desired: float
    """What the run wants."""
    observed: float | None = None
    """The largest share that was last read; absent when none could be read."""
    message: Words = ""
    """Why it was taken back, where it was."""


class Clock(StatusModel):
    """How long one series has been beyond a limit. *memory*."""

    series: str = ""
    """Its labels; empty for a single series."""
    watched: float = 0
    """Watched seconds of the breach."""
    mark: float = 0
    """The run's watched seconds at the last breached sample."""


class GuardStatus(StatusModel):
    """A guard that is not ok. *memory*."""

    name: str
    """Its identity."""
    limit: str = ""
    """The limit, and a digest of the query; a change restarts its clock."""
    state: str
    """`Breached`, `Pending`, `NotComparable`, `TooFewRequests`, `NoData` or `SourceDown`."""
    since: datetime
    """Since when it is in this state."""
    message: Words = ""
    """The finding in words, as last recorded."""
    clocks: tuple[Clock, ...] = ()
    """The worst eight series."""


class MissingDataStatus(StatusModel):
    """A metric whose data is missing, once for each kind. *memory*."""

    metric: str
    """The metric."""
    kind: str
    """`NoData` or `SourceDown`."""
    since: datetime
    """Since when."""
    watched: float = 0
    """Watched seconds without data, of this kind."""
    mark: float = 0
    """The run's watched seconds at the last query without data of this kind."""
    answers: int = 0
    """Queries sent in that time."""
    message: Words = ""
    """The last answer."""


class FindingStatus(StatusModel):
    """One threshold or guard judged once."""

    threshold: str
    """Its identity."""
    guard: bool = False
    """It is a guard: evaluated every interval, and shown as it was at the checkpoint."""
    metric: str = ""
    """The metric."""
    window: str = ""
    """How far back the metric looks; absent for a test on counts, which looks back to the run's begin."""
    state: str
    """`Ok`, `Breached`, `Pending`, `NotComparable`, `TooFewRequests`, `NoData` or `SourceDown`."""
    value: str = ""
    """The candidate's value, in the metric's unit."""
    baseline: str = ""
    """The baseline's value, for relative limits."""
    limit: str = ""
    """The limit."""
    series: str = ""
    """The worst series."""
    counts: str = ""
    """For a ratio: bad requests of all, such as `3 of 380`."""
    possible: str = ""
    """For a ratio: the rates that these counts leave possible, with 95 % confidence, such as `0% to 1.4%`."""
    conclusion: str = ""
    """For a test on counts: `Regressed`, `ShownOk` or `Inconclusive`."""
    message: Words = ""
    """The finding in words."""


class CheckpointStatus(StatusModel):
    """One checkpoint with its evidence. `step`, `at` and `verdict` of the newest are enough to know what was evaluated."""

    step: str
    """The step."""
    at: str
    """Offset in the step."""
    time: datetime
    """When it was evaluated."""
    verdict: str
    """`Pass`, `Breach` or `Undecided`."""
    findings: tuple[FindingStatus, ...] = ()
    """The evidence; dropped from the oldest when status grows too large."""


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
    """Why, in words."""
    start_time: datetime
    """When it began."""
    end_time: datetime
    """When it ended."""


class PairStatus(StatusModel):
    """The two numbers of one rule as found before the first write. *memory*."""

    rule: str
    """The rule's name or position."""
    identity: str = ""
    """Digest of the rule without its weights: unnamed rules are found again by it."""
    baseline: int
    """Found on the baseline's backend."""
    candidate: int
    """Found on the candidate's backend."""


class TargetStatus(StatusModel):
    """A route that was, or may have been, written: what a revert restores. *memory*."""

    kind: str
    """Kind of the route."""
    name: str
    """Name of the route."""
    baseline: str
    """Service of the baseline in its backends."""
    candidate: str
    """Service of the candidate in its backends."""
    rules: tuple[str, ...] = ()
    """The rules named; empty: every rule with both."""
    found: tuple[PairStatus, ...] = ()
    """The numbers before the first write."""
    generation: int = 0
    """The route's generation when the last raise was decided."""


class CommandStatus(StatusModel):
    """A RolloutCommand that was carried out or refused. *memory* until its own status says so."""

    uid: str
    """The command's."""
    done: bool = True
    """It was carried out; otherwise it was refused."""
    message: Words = "carried out"
    """What was done, or why not."""


def _with_outcome(value: object) -> object:
    """Version 0.1.0 remembered the uid alone."""
    return {"uid": value} if isinstance(value, str) else value


class MessageStatus(StatusModel):
    """A notification of `spec.notifications`. *memory*: it is sent once, and once more as resolved when it is over."""

    event: str
    """The event, as in `spec.notifications[].events`."""
    subject: str = ""
    """What of it, such as the step or the reason: with run and event it is the key by which receivers know repeats."""
    run: str = ""
    """The run; absent outside of one."""
    since: datetime
    """Since when it is so."""
    resolved: datetime | None = None
    """When it was over; absent while it lasts, and for what does not last."""
    again: datetime | None = None
    """When it began again, too soon after the last notification to send another one at once."""
    message: Words = ""
    """Why, in words; cut short once it is sent."""
    step: str = ""
    """The step of the run, such as `2/3 ramp`."""
    weight: float = 0
    """The candidate's weight, percent."""
    outcome: str = ""
    """`Sent` to every receiver, or `Failed`; absent while it is under way."""
    failure: Words = ""
    """What kept it from being sent."""


class MessagesStatus(StatusModel):
    """The notifications that were sent, and those under way. *memory*."""

    run: str = ""
    """The newest run whose start has been noted."""
    steps: int = 0
    """Steps of it that have been noted as begun."""
    promoting: bool = False
    """Its promotion has been noted."""
    ended: str = ""
    """The newest run whose end has been noted."""
    messages: tuple[MessageStatus, ...] = ()
    """The newest messages, oldest first."""


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
    """The run under way."""
    step: StepStatus | None = None
    """The step the run is in."""
    gate: GateStatus | None = None
    """The gate that the run waits at, while it is closed."""
    approvals: tuple[ApprovalStatus, ...] = ()
    """The approvals given in this run, or in the last one. *memory*."""
    jobs: tuple[JobStatus, ...] = ()
    """The Jobs of this run, or of the last one, oldest first. *memory*."""
    scaling: ScalingStatus | None = None
    """The candidate's pods, as far as the operator sets their number; absent until it does. *memory*."""
    weight: WeightStatus | None = None
    """The candidate's share of traffic."""
    cohorts: tuple[CohortStatus, ...] | None = None
    """The candidate's share of each cohort; absent where there are none."""
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
    """The version last promoted, or found serving. *memory*."""
    rejected: Version | None = None
    """The version last reverted or aborted: not tried again until it changes or is retried. *memory*."""
    targets: tuple[TargetStatus, ...] = ()
    """The routes a revert restores. *memory*."""
    commands: tuple[Annotated[CommandStatus, BeforeValidator(_with_outcome)], ...] = ()
    """The last RolloutCommands carried out, with their outcomes. *memory*."""
    retry: bool = False
    """Retry was requested: a run starts at the next evaluation. *memory*."""
    waiting: Waiting | None = None
    """What the next run waits for. *memory*."""
    runs: int = 0
    """Runs begun so far. *memory*."""
    notifications: MessagesStatus | None = None
    """The notifications of `spec.notifications`; absent without any. *memory*."""
