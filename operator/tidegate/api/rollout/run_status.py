"""`Rollout.status.run`: all that one run remembers. Part of api/rollout/status.py, which says what the marks mean."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tidegate.api.model import Elapsed, Percent, StatusModel, Words


class Stage(StrEnum):
    """How far a promotion is. The field is text: a later version may have more stages."""

    COPYING = "Copying"
    ROLLING_OUT = "RollingOut"
    AWAITING = "Awaiting"
    RETURNING = "Returning"
    SETTLING = "Settling"
    SENT_BACK = "SentBack"


class RunEnd(StrEnum):
    """How a run ends. The fields are text, as those of a stage."""

    SUCCEEDED = "Succeeded"
    REVERTED = "Reverted"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    DELETED = "Deleted"


class Version(StatusModel):
    """A version of the candidate. Operator state."""

    revision: str = ""
    """`spec.revision` at the time."""
    fingerprint: str = ""
    """Identity of the pod template, without labels, scheduling and what is excluded."""
    images: tuple[str, ...] = ()
    """The images, for people, and for `promotion.match: Images`."""
    exclude: tuple[str, ...] = ()
    """`promotion.exclude` when the identity was taken: it is compared by the same fields."""


class Paused(StatusModel):
    """Why a run is paused until a person resumes it. Operator state."""

    reason: str
    """`PausedByCommand`, `Rejected`, `SteppedBack`, `LoweredByOther`, `BaselineChanged`, `GateJobFailed` or `HookFailed`."""
    message: Words = ""
    """Who and why."""
    since: datetime
    """When it stopped."""


class Ending(StatusModel):
    """A run's decided end: set once, removed only by finishing. Operator state."""

    kind: str
    """`Reverted`, `Aborted`, `Superseded` or `Deleted`."""
    reason: str
    """One CamelCase word."""
    evidence: Words = ""
    """The finding that decided it."""
    since: datetime
    """When it was decided."""
    forced: bool = False
    """Proceeds even if the baseline has no pods (a person's Abort)."""


class SharedStatus(StatusModel):
    """A limit that both arms broke. Operator state."""

    name: str
    """The limit's identity."""
    last: datetime
    """When the baseline was last seen beyond it."""
    first: datetime | None = None
    """When it was first seen beyond it in this hold; absent where an earlier version of the operator noted only the last time."""


class Hold(StatusModel):
    """The step does not advance until all limits are met. Operator state."""

    reason: str
    """One CamelCase word."""
    message: Words = ""
    """The limit that is not met."""
    since: datetime
    """When it began."""
    restart: bool = False
    """The step's duration restarts afterwards."""
    shared: tuple[SharedStatus, ...] = ()
    """The limits that both arms breached meanwhile."""


class Waiting(StatusModel):
    """What the run waits for. Operator state: the progress deadline counts from `since`."""

    reason: str
    """One CamelCase word."""
    message: Words = ""
    """What is waited for."""
    since: datetime
    """Since when."""


class StepBegin(StatusModel):
    """When a step's weight was first set. Operator state, for `gate.sinceStep`."""

    name: str
    """The step."""
    time: datetime
    """When."""


class CohortRevert(StatusModel):
    """A cohort whose limit was breached: it stays at 0 for the rest of the run. Operator state."""

    reason: str
    """One CamelCase word."""
    message: Words = ""
    """The finding that decided it."""
    since: datetime
    """When it was decided."""
    done: bool = False
    """Every route was seen with weight 0 for it."""


class CohortWeight(StatusModel):
    """The weight last decided for a cohort: a ceiling like `weight`. Operator state."""

    name: str
    """The cohort."""
    weight: Percent = 0
    """Percent."""
    reverted: CohortRevert | None = None
    """Why the cohort was reverted, if it was."""


class TemplateWriteStatus(StatusModel):
    """The last attempt to write the baseline's template, whatever became of it. Operator state."""

    back: bool = False
    """It was to restore the old template."""
    generation: int
    """The Deployment's generation before it."""
    fingerprint: str
    """Identity of the template that stood there before it."""


class PromotionStatus(StatusModel):
    """How far the promotion is. Operator state."""

    stage: str
    """`Copying`, `RollingOut`, `Awaiting`, `Returning`, `Settling` or `SentBack`."""
    since: datetime
    """When the stage began."""
    settled: Elapsed = 0
    """Watched seconds with all traffic on the promoted baseline."""
    old_template: str = ""
    """What the promotion replaces in the baseline's template, as it was, as JSON; empty where that is too large."""
    old_fingerprint: str = ""
    """Identity of the baseline's template before the promotion: by it the ReplicaSet is found that still has it."""
    old_parts: str = ""
    """The same as operator 0.1.0 kept it: containers, init containers and volumes, as JSON."""
    writes: int = 0
    """Times another client has changed the template after it was promoted; counts with `lastWrite`."""
    undone: int = 0
    """Times another client has changed the template after it was restored; counts with `lastWrite`."""
    last_write: TemplateWriteStatus | None = None
    """The last attempt to write the template; absent before the first, and where an earlier version of the operator made it."""
    written: bool = False
    """The new template was (or may have been) written: from here an end restores the old one first."""


class GroupsStatus(StatusModel):
    """The `by` groups of a ratio metric that were seen in this run. Operator state: one that is gone leaves a verdict undecided."""

    metric: str
    """The metric."""
    asked: str = ""
    """Digest of its query: a change starts it over."""
    seen: tuple[str, ...] = ()
    """Digests of their labels, 6 hex digits each, at most 64."""


class EvidenceStatus(StatusModel):
    """What a test on counts has gathered. Operator state: a restart goes on from it, and counts no request twice.

    Written when it begins, at checkpoints and with every heartbeat.
    """

    name: str
    """The limit's identity."""
    asked: str
    """Digest of the test and its query: a change starts it over."""
    start: datetime
    """Where its windows begin."""
    step: float
    """Seconds of one window."""
    windows: int = 0
    """Windows counted since `start`."""
    state: str = ""
    """The state of the test: one opaque text with a version, which only the operator reads."""


class RunStatus(StatusModel):
    """One attempt to bring one candidate version from weight 0 to the end. Operator state."""

    id: str
    """The run's number and version."""
    version: Version
    """What is under test."""
    baseline: Version | None = None
    """The baseline's version during the run: a promotion overwrites no other."""
    baseline_changed: Version | None = None
    """What the baseline was changed to since: it counts from the next Resume on."""
    not_promoted: tuple[str, ...] = ()
    """Fields in which the arms differed at the start and that stay each arm's own, the first eight."""
    start_time: datetime
    """When the run began."""
    weight: Percent = 0
    """The weight last decided, percent: a ceiling for the route, regardless of who writes it."""
    cohorts: tuple[CohortWeight, ...] | None = None
    """The weights last decided for cohorts; absent where there are none."""
    mirror: int | None = None
    """The share of requests to be copied to the candidate, as last decided, percent: a ceiling like `weight`; absent for none."""
    scales_to_zero_from: int | None = None
    """The number of pods of the candidate when a target with `revert: ScaleToZero` was raised: the end of the run scales it to 0, whatever the spec says by then, and the next run restores this number."""
    grace: Elapsed = 0
    """With `revert: ScaleToZero`: the longest termination grace period, seconds, that its pods had when it was given traffic."""
    terminated_for: Elapsed | None = None
    """Where the API server does not report terminating pods: seconds watched since the candidate asks for no pods."""
    raised: datetime | None = None
    """When a raise was last decided: an end is not concluded before a late write could have landed."""
    traffic_since: datetime | None = None
    """When the candidate was first seen with traffic in this run; no window reaches back before it."""
    mirrored_since: datetime | None = None
    """When requests were first seen to be mirrored to the candidate: until it has traffic no window reaches back before it."""
    watched: Elapsed = 0
    """Watched seconds of the run, in all."""
    heartbeat: datetime | None = None
    """The last tick that was recorded."""
    unavailable: Elapsed = 0
    """Watched seconds the candidate has had traffic and no available pod."""
    spec: str = ""
    """The last valid spec, as JSON: it stays in force after an invalid edit."""
    groups: tuple[GroupsStatus, ...] = ()
    """The groups seen so far, for metrics that have any."""
    evidence: tuple[EvidenceStatus, ...] = ()
    """What the tests on counts have gathered."""
    paused: Paused | None = None
    """Paused until a person resumes it."""
    ending: Ending | None = None
    """The run's decided end."""
    hold: Hold | None = None
    """The run holds until all limits are met again."""
    waiting: Waiting | None = None
    """What the run waits for."""
    begun: tuple[StepBegin, ...] = ()
    """The steps begun so far."""
    promote: bool = False
    """Promote was requested: the remaining steps are skipped."""
    promotion: PromotionStatus | None = None
    """How far the promotion is."""
