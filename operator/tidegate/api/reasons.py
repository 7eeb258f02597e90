"""Every reason that status, Events and logs can give, defined in words. `docs/reasons.md` is made of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """The reason of a state or an action. `GROUPS` defines each."""

    @classmethod
    def _missing_(cls, value: object) -> Reason | None:
        """A reason that another version of the operator has stored is given again as it is."""
        if not isinstance(value, str):
            return None
        kept = str.__new__(cls, value)
        kept._name_ = kept._value_ = value
        return kept

    ABORTED = "Aborted"
    ABORTED_BY_COMMAND = "AbortedByCommand"
    ANOTHER_VERSION = "AnotherVersion"
    APPROVED = "Approved"
    ARMS_IMMUTABLE = "ArmsImmutable"
    ARMS_OVERLAP = "ArmsOverlap"
    ARM_NOT_SELECTED = "ArmNotSelected"
    AWAITING_APPROVAL = "AwaitingApproval"
    AWAITING_BASELINE = "AwaitingBaseline"
    AWAITING_JOB = "AwaitingJob"
    AWAITING_RESULTS = "AwaitingResults"
    BACKENDS_MISSING = "BackendsMissing"
    BASELINE_CHANGED = "BaselineChanged"
    BASELINE_DIFFERS = "BaselineDiffers"
    BASELINE_MISSING = "BaselineMissing"
    BASELINE_NOT_READY = "BaselineNotReady"
    BASELINE_NOT_SERVING = "BaselineNotServing"
    BASELINE_OVERWRITTEN = "BaselineOverwritten"
    BASELINE_READY = "BaselineReady"
    BASELINE_ROLLING_OUT = "BaselineRollingOut"
    BASELINE_SERVICE_MISSING = "BaselineServiceMissing"
    BASELINE_TOO_SMALL = "BaselineTooSmall"
    BASELINE_UNAVAILABLE = "BaselineUnavailable"
    CANDIDATE_ALREADY_SERVING = "CandidateAlreadyServing"
    CANDIDATE_MISSING = "CandidateMissing"
    CANDIDATE_NOT_READY = "CandidateNotReady"
    CANDIDATE_SCALED = "CandidateScaled"
    CANDIDATE_SCALING = "CandidateScaling"
    CANDIDATE_SERVICE_MISSING = "CandidateServiceMissing"
    CANDIDATE_UNAVAILABLE = "CandidateUnavailable"
    CHECKPOINT_BREACHED = "CheckpointBreached"
    CHECKPOINT_UNDECIDED = "CheckpointUndecided"
    CLAIMED = "Claimed"
    COHORT_REVERTED = "CohortReverted"
    CONTESTED = "Contested"
    DELETED = "Deleted"
    DEPLOYMENT_PAUSED = "DeploymentPaused"
    ENDING = "Ending"
    FINALIZER_RESTORED = "FinalizerRestored"
    GATE_CLOSED = "GateClosed"
    GATE_JOB_FAILED = "GateJobFailed"
    GUARD_BREACHED = "GuardBreached"
    HOLDING = "Holding"
    HOLD_ENDED = "HoldEnded"
    HOOK_FAILED = "HookFailed"
    IDLE = "Idle"
    INVALID_SPEC = "InvalidSpec"
    JOB_FAILED = "JobFailed"
    JOB_REFUSED = "JobRefused"
    JOB_STARTED = "JobStarted"
    JOB_SUCCEEDED = "JobSucceeded"
    LIMIT_BREACHED = "LimitBreached"
    LIMIT_NOT_MET = "LimitNotMet"
    LOWERED_BY_OTHER = "LoweredByOther"
    MIRROR_NOT_OURS = "MirrorNotOurs"
    MIRROR_NOT_POSSIBLE = "MirrorNotPossible"
    NEW_VERSION = "NewVersion"
    NOTIFICATIONS_OFF = "NotificationsOff"
    NOTIFICATION_FAILED = "NotificationFailed"
    NO_DATA = "NoData"
    NO_REVISION_HISTORY = "NoRevisionHistory"
    PAUSED = "Paused"
    PAUSED_BY_COMMAND = "PausedByCommand"
    PAUSED_BY_SPEC = "PausedBySpec"
    PODS_NOT_READY = "PodsNotReady"
    PODS_TERMINATING = "PodsTerminating"
    PROGRESSING = "Progressing"
    PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
    PROMOTED = "Promoted"
    PROMOTE_REQUESTED = "PromoteRequested"
    PROMOTING = "Promoting"
    PROMOTION_BREACHED = "PromotionBreached"
    RATIO_NOT_POSSIBLE = "RatioNotPossible"
    READING_TEMPLATES = "ReadingTemplates"
    READ_FAILED = "ReadFailed"
    RECREATE_NEEDS_FULL_WEIGHT = "RecreateNeedsFullWeight"
    REJECTED = "Rejected"
    REPLICAS_CONTESTED = "ReplicasContested"
    REPORT_REFUSED = "ReportRefused"
    RESTORING_BASELINE = "RestoringBaseline"
    RESUMED = "Resumed"
    RETURNING_TRAFFIC = "ReturningTraffic"
    REVERTED = "Reverted"
    REVERT_NOT_ACCEPTED = "RevertNotAccepted"
    REVERT_RECOVERED = "RevertRecovered"
    REVERT_REFUSED = "RevertRefused"
    ROLLOUT_DELETED = "RolloutDeleted"
    ROUTER_NOT_SERVED = "RouterNotServed"
    ROUTE_CONTESTED = "RouteContested"
    ROUTE_MISSING = "RouteMissing"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    ROUTE_NOT_WRITABLE = "RouteNotWritable"
    ROUTE_SETTLING = "RouteSettling"
    RULE_MISSING = "RuleMissing"
    RUN_STARTED = "RunStarted"
    SCALE_REFUSED = "ScaleRefused"
    SCALE_TO_ZERO_NOT_POSSIBLE = "ScaleToZeroNotPossible"
    SETTLING = "Settling"
    SETTLING_UNDECIDED = "SettlingUndecided"
    SHARED_INCIDENT = "SharedIncident"
    SOURCE_DOWN = "SourceDown"
    SOURCE_UNAVAILABLE = "SourceUnavailable"
    STATUS_LOST = "StatusLost"
    STATUS_REFUSED = "StatusRefused"
    STATUS_UNREADABLE = "StatusUnreadable"
    STEPPED_BACK = "SteppedBack"
    STEP_ADVANCED = "StepAdvanced"
    STEP_EDITED = "StepEdited"
    STEP_GONE = "StepGone"
    STEP_PASSED = "StepPassed"
    STEP_STARTED = "StepStarted"
    STICKY_ROUTE = "StickyRoute"
    SUCCEEDED = "Succeeded"
    SUPERSEDED = "Superseded"
    THRESHOLD_BREACHED = "ThresholdBreached"
    UNVERIFIED_APPROVAL = "UnverifiedApproval"
    WATCHING = "Watching"
    WEIGHT_CORRECTED = "WeightCorrected"
    WEIGHT_NOT_EXPRESSIBLE = "WeightNotExpressible"
    WRITE_REFUSED = "WriteRefused"
    WRONG_SUM = "WrongSum"


WAITING: Final = {
    Reason.ANOTHER_VERSION: "The candidate runs another version than this run; the run is about to be superseded. As a reason of `Stalled`: after the promotion breached (`AwaitBaseline`), the candidate keeps the traffic until the baseline runs another version than the one that breached.",
    Reason.AWAITING_BASELINE: "`AwaitBaseline`: the baseline does not run the candidate's version (or images) yet. The message names the fields that differ. Git, or whoever owns the Deployment, changes it.",
    Reason.AWAITING_JOB: "The Job of a hook runs, or could not be created yet: the next raise, or the next run, waits for it. `.status.jobs` has it.",
    Reason.AWAITING_RESULTS: "Everything allows the next move except the results of the current queries, which are pending.",
    Reason.BASELINE_NOT_READY: "The baseline has fewer available pods than `baseline.minAvailable`, so a revert would not be safe.",
    Reason.BASELINE_ROLLING_OUT: "The promoted baseline is rolling out the new version.",
    Reason.BASELINE_TOO_SMALL: "The promoted baseline has fewer replicas than the candidate.",
    Reason.CANDIDATE_SCALING: "The next weight needs more pods of the candidate than it asks for (`candidate.scaling`): it is being scaled up first.",
    Reason.CANDIDATE_NOT_READY: "The candidate's Deployment has no available pod, or is still rolling out.",
    Reason.DEPLOYMENT_PAUSED: "A Deployment has `spec.paused: true`: changes to it are not rolled out until it is resumed.",
    Reason.CHECKPOINT_UNDECIDED: "A checkpoint cannot be evaluated: too few requests, no data, or too short a time since the operator was away.",
    Reason.GATE_CLOSED: "The next step's gate is not open yet.",
    Reason.READ_FAILED: "An object could not be read from the API server.",
    Reason.PODS_NOT_READY: "`ReplicaRatio`: not all pods that the weight asks for get traffic. A raise continues, and the step's time counts, once they do; the message contains the API server's error where it refuses them (a quota).",
    Reason.LIMIT_NOT_MET: "A limit of the current step is not met, so the weight is not raised.",
    Reason.READING_TEMPLATES: "The promotion reads the two pod templates.",
    Reason.RESTORING_BASELINE: "The baseline's old template was restored, and its pods are becoming available.",
    Reason.ROUTE_NOT_ACCEPTED: "A gateway has not accepted the route's current generation; the step's time does not count yet.",
    Reason.ROUTE_SETTLING: "The router does not report that the route acts as written; the step's time counts from a fixed time after the write.",
    Reason.SETTLING: "The promoted baseline has all the traffic and is evaluated for `promotion.settle`.",
    Reason.SETTLING_UNDECIDED: "The settling time is over, and the guards cannot be evaluated or are not met.",
    Reason.SOURCE_UNAVAILABLE: "Prometheus does not answer, and no run starts without data.",
    Reason.WATCHING: "The step's weight is on the route and its duration counts.",
}
"""What the next move waits for, or what is in progress. After `progressDeadline` most of them become `Stalled`."""

PEOPLE: Final = {
    Reason.COHORT_REVERTED: "A limit with `scope: Cohort` was breached: its cohort stays at 0 for the rest of the run, which continues for the others. After the last step a person decides: Promote gives that cohort the version as well, Abort reverts.",
    Reason.AWAITING_APPROVAL: "The gate of the next step awaits approvals; `.status.gate` names them, and who can give them.",
    Reason.BASELINE_CHANGED: "The baseline's version was changed during the run. Resume continues with the baseline as it is now, Abort reverts.",
    Reason.GATE_JOB_FAILED: "A Job of the next step's gate failed, so the run is paused. Resume runs it again, Abort reverts.",
    Reason.LOWERED_BY_OTHER: "The candidate's weight was lowered by another client. It is not raised until Resume.",
    Reason.PAUSED: "The run is paused; guards stay active.",
    Reason.PAUSED_BY_COMMAND: "A RolloutCommand paused the run; guards stay active.",
    Reason.PAUSED_BY_SPEC: "`spec.paused` is true.",
    Reason.REJECTED: "An approval was refused (`Reject`): the run is paused with that reason, and the approval must be given again after Resume, unless the gate's `required` is reached without it.",
    Reason.STATUS_LOST: "The status of a run was emptied while the candidate had traffic. The run was recovered from the route and is paused. Guards are active; Abort or Resume.",
    Reason.STEPPED_BACK: "A limit with `onBreach: StepBack` was breached: the candidate went down to the weight given there, and the run is paused. Resume restarts that step, Abort reverts.",
    Reason.STEP_GONE: "An edit removed the current step from the spec: restore it, or Abort.",
}
"""A person is waited for."""

STALLED: Final = {
    Reason.ARM_NOT_SELECTED: "`ReplicaRatio`: the Service does not select the pods of both Deployments, so one of them gets no traffic.",
    Reason.ARMS_IMMUTABLE: "An edit changed `baseline`, `candidate`, or the `backends` of a route, while a run is in progress; the run keeps its own.",
    Reason.ARMS_OVERLAP: "A Service does not select exactly its own arm's pods, so a weight would not have its meaning.",
    Reason.BACKENDS_MISSING: "A route has no rule with both Services as backends.",
    Reason.BASELINE_MISSING: "There is no baseline Deployment of that name.",
    Reason.BASELINE_NOT_SERVING: "Both weights on the route are 0: the baseline receives no traffic.",
    Reason.BASELINE_OVERWRITTEN: "Another client restored the old version on the promoted baseline. The operator does not overwrite it.",
    Reason.BASELINE_SERVICE_MISSING: "There is no baseline Service of that name.",
    Reason.BASELINE_UNAVAILABLE: "A revert is due, and the baseline has no available pod. It happens as soon as one is available (Abort forces it).",
    Reason.CANDIDATE_ALREADY_SERVING: "The route gives the candidate traffic before any run. Nothing is changed until its weight is 0, or Retry.",
    Reason.CANDIDATE_SERVICE_MISSING: "There is no candidate Service of that name.",
    Reason.RATIO_NOT_POSSIBLE: "`ReplicaRatio`: the operator may not set the ratio of pods, or it would not be the ratio of traffic: an HPA or KEDA scales a Deployment, or the Service selects pods of neither.",
    Reason.RECREATE_NEEDS_FULL_WEIGHT: "The baseline's strategy is `Recreate`, so it has no pods while it rolls out: the last step must have weight 100.",
    Reason.PROGRESS_DEADLINE_EXCEEDED: "A Deployment has exceeded its own `progressDeadlineSeconds`; the message is the Deployment's.",
    Reason.CLAIMED: "Another Rollout uses one of the objects, and has precedence.",
    Reason.CONTESTED: "The promoted template, or the old one that a revert has restored, does not stay as written: another client writes the Deployment.",
    Reason.INVALID_SPEC: "The spec is not valid; the message names the field. A run in progress continues with the last valid spec.",
    Reason.MIRROR_NOT_OURS: "A step mirrors, and a rule of the route has a mirror to the candidate that the operator did not add. It is not changed, and no run starts.",
    Reason.MIRROR_NOT_POSSIBLE: "A step mirrors, and a rule of the route cannot: its kind of rule has no mirrors, or it has a field that excludes them.",
    Reason.NO_REVISION_HISTORY: "The baseline's old template could not be found: `revisionHistoryLimit` is 0, or it is too large for status and no ReplicaSet has it.",
    Reason.PROMOTION_BREACHED: "The promoted baseline breached a guard, so the traffic goes back to the candidate. Abort, or Resume.",
    Reason.REVERTED: "This version was reverted. It is not tried again until it changes, or Retry.",
    Reason.REPLICAS_CONTESTED: "Another client keeps changing the number of pods that the candidate was scaled to. It is written three times, and then not again.",
    Reason.PODS_TERMINATING: "`revert: ScaleToZero`: the weights are restored and the candidate is scaled to 0 pods, and some of its pods have not ended within their grace period: sessions and open connections may keep users on them. The run ends when these pods have terminated.",
    Reason.REVERT_NOT_ACCEPTED: "The weights are restored on the route, and its gateway has not accepted them: the candidate may still get requests.",
    Reason.REVERT_REFUSED: "The API server refuses, or keeps failing, the write that restores the weights; the message contains its error. It is retried every second.",
    Reason.ROUTE_CONTESTED: "Another client keeps raising the candidate's weight on a route. It is corrected each time; the step's time does not count.",
    Reason.ROUTE_NOT_WRITABLE: "The operator may not write a route: nothing is raised and the step's time does not count, because a revert would be refused. Grant it the role in deploy/cluster/rbac.yaml.",
    Reason.ROUTER_NOT_SERVED: "The API server does not serve this kind of route, or does not allow it to be read, or the operator's configuration does not enable it (`routers`, `custom`).",
    Reason.RULE_MISSING: "A rule named in the spec is not on the route, or lacks one of the backends.",
    Reason.SCALE_TO_ZERO_NOT_POSSIBLE: "`revert: ScaleToZero`: the end of a run could not scale the candidate to 0 pods, because an HPA or KEDA scales it, whether one does could not be read, or the operator may not write the Deployment. No run starts, and nothing is raised.",
    Reason.STICKY_ROUTE: "A rule of a route keeps sessions with their backend even at weight 0 (`sessionPersistence`), so a revert would not reach those users, and its target does not have `revert: ScaleToZero`. No run starts; where it appears during a run, `onPreconditionLost` applies.",
    Reason.STATUS_UNREADABLE: "Part of the stored status cannot be read by this version of the operator. It is kept as it is; guards are active, nothing is raised.",
    Reason.WRONG_SUM: "The two numbers on a route do not add up to the sum that its router requires.",
    Reason.WEIGHT_NOT_EXPRESSIBLE: "Other backends share the rule, so the pair's sum is kept, and it is too small for one of the weights.",
    Reason.WRITE_REFUSED: "The API server refuses, or keeps failing, a write that the run needs; the message contains its error. It is retried every few seconds.",
}
"""Something must be fixed. Work continues where it can."""

ENDS: Final = {
    Reason.ABORTED_BY_COMMAND: "An Abort command ended the run.",
    Reason.CANDIDATE_MISSING: "The candidate's Deployment was deleted during the run.",
    Reason.CANDIDATE_UNAVAILABLE: "The candidate had traffic and no available pod for too long.",
    Reason.CHECKPOINT_BREACHED: "A threshold was breached at a checkpoint.",
    Reason.GUARD_BREACHED: "A guard was breached for longer than its `for`.",
    Reason.HOOK_FAILED: "The Job of a hook failed. During a run `onFailure` says what that does; after it the weights stay as they are, and the condition `HookFailed` stays until the next run.",
    Reason.NEW_VERSION: "The candidate's version changed during the run.",
    Reason.PROMOTED: "Every step passed and the version became the baseline.",
    Reason.REVERT_RECOVERED: "After a restart the route showed our own revert, which had not been recorded.",
    Reason.ROLLOUT_DELETED: "The Rollout was deleted during the run.",
    Reason.ROUTE_MISSING: "There is no route of that name, or it was deleted during the run.",
    Reason.THRESHOLD_BREACHED: "A threshold was breached during a hold, when every limit is evaluated.",
}
"""Why a run ended, or is being ended."""

NEWS: Final = {
    Reason.APPROVED: "A person gave an approval of a step.",
    Reason.ABORTED: "A command ended the run.",
    Reason.BASELINE_DIFFERS: "The candidate's version was released earlier, and the baseline has been changed since: nothing to do.",
    Reason.BASELINE_READY: "Enough baseline pods are available for a revert.",
    Reason.DELETED: "A run ended because its Rollout was deleted.",
    Reason.ENDING: "The run is ending.",
    Reason.FINALIZER_RESTORED: "The operator's finalizer was removed during a run and was restored, so that a deletion restores the weights first.",
    Reason.HOLD_ENDED: "No limit is breached any more; the run continues.",
    Reason.SHARED_INCIDENT: "The candidate is beyond a limit and no worse than the baseline, so a revert would not help: the step holds until no limit is breached.",
    Reason.HOLDING: "A limit with `onBreach: Hold`, or missing data, holds the step until no limit is breached.",
    Reason.NOTIFICATION_FAILED: "A message of `spec.notifications` could not be sent; the message names the receiver and says why. The run is not affected.",
    Reason.NOTIFICATIONS_OFF: "`spec.notifications` names receivers, and the operator's configuration allows none (`notifications.schemes`): nothing is sent.",
    Reason.IDLE: "The candidate runs the version in service.",
    Reason.JOB_FAILED: "A Job that was started for the run failed; the message contains its error.",
    Reason.JOB_REFUSED: "A Job could not be created: the CronJob is missing or not suspended, or the API server refuses it. It is tried again every few seconds, for an hour.",
    Reason.JOB_STARTED: "A Job is started: of a hook, a gate, or a limit with `onBreach: RunJob`.",
    Reason.JOB_SUCCEEDED: "A Job that was started for the run succeeded.",
    Reason.LIMIT_BREACHED: "A limit with `onBreach: Warn`, `Scale` or `RunJob` is breached.",
    Reason.NO_DATA: "The source answers, and a metric with an acting limit has no data. `missingData.noData` sets how long that is tolerated, and what happens then.",
    Reason.PROGRESSING: "The run progresses.",
    Reason.PROMOTING: "Every step has passed, and the version is becoming the baseline.",
    Reason.WEIGHT_CORRECTED: "The route gave the candidate more than its weight, and was corrected.",
    Reason.REPORT_REFUSED: "The report of an ended run could not be kept in a ConfigMap; the message contains the API server's error. The run is not affected.",
    Reason.RETURNING_TRAFFIC: "The baseline runs the new version; all traffic returns to it.",
    Reason.RESUMED: "A Resume command continued the run; the message says who gave it and why.",
    Reason.RUN_STARTED: "A run began.",
    Reason.SOURCE_DOWN: "The source of a metric with an acting limit cannot be queried. `missingData.sourceDown` sets how long that is tolerated, and what happens then.",
    Reason.CANDIDATE_SCALED: "The candidate's Deployment was scaled.",
    Reason.SCALE_REFUSED: "The candidate is not scaled: an HPA or KEDA scales it, whether one does could not be read, or the write was refused. The message says which.",
    Reason.STATUS_REFUSED: "The API server refuses to store the status; the message contains its error.",
    Reason.STEP_EDITED: "The current step's weight was edited.",
    Reason.PROMOTE_REQUESTED: "A Promote command skips the remaining steps; their gates and the raise rule still apply.",
    Reason.STEP_ADVANCED: "An Advance command ended the step before its duration.",
    Reason.UNVERIFIED_APPROVAL: "An approval was given by a command whose requester the API server had not checked: the admission policies were not installed.",
    Reason.STEP_PASSED: "A step's final checkpoint passed.",
    Reason.STEP_STARTED: "A step's weight was set.",
    Reason.SUCCEEDED: "A run succeeded.",
    Reason.SUPERSEDED: "A run ended because of another version.",
}
"""What happened."""

GROUPS: Final = {
    "The run progresses, or waits": WAITING,
    "A decision of a person is needed": PEOPLE,
    "Something must be fixed (`Stalled`)": STALLED,
    "A run ended, or is being ended": ENDS,
    "Events and conditions": NEWS,
}

REASONS: Final = {reason: words for group in GROUPS.values() for reason, words in group.items()}
"""All of them."""


def as_markdown() -> str:
    """The page `docs/reasons.md`."""
    lines = [
        "# Reasons",
        "",
        "Every reason that conditions, Events, history and logs can give.",
        "Made from `operator/tidegate/api/reasons.py` by `make generate`.",
    ]
    for title, group in GROUPS.items():
        lines += ["", f"## {title}", "", "| reason | what it means |", "|---|---|"]
        lines += [f"| `{reason}` | {words} |" for reason, words in sorted(group.items())]
    return "\n".join(lines) + "\n"
