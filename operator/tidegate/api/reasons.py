"""Every reason that status, Events and logs can give, defined in words. `docs/reasons.md` is made of it."""

from __future__ import annotations

from typing import Final

WAITING: Final = {
    "AnotherVersion": "The candidate runs another version than this run; the run is about to be superseded.",
    "AwaitingBaseline": "`AwaitBaseline`: the baseline does not run the candidate's version (or images) yet. The message names the fields that differ. Git, or whoever owns the Deployment, changes it.",
    "AwaitingJob": "The Job of a hook runs, or could not be created yet: the next raise, or the next run, waits for it. `.status.jobs` has it.",
    "AwaitingJudgement": "Everything allows the next move except the results of this tick's queries, which are pending.",
    "BaselineNotReady": "The baseline has fewer available pods than `baseline.minAvailable`, so a revert would not be safe.",
    "BaselineNotSeen": "The baseline's Deployment is missing or could not be read.",
    "BaselineRollingOut": "The promoted baseline is rolling out the new version.",
    "BaselineTooSmall": "The promoted baseline has fewer replicas than the candidate.",
    "CandidateScaling": "The next weight needs more pods of the candidate than it asks for (`candidate.scaling`): it is being scaled up first.",
    "CandidateNotReady": "The candidate's Deployment has no available pod, or is still rolling out.",
    "DeploymentPaused": "A Deployment has `spec.paused: true`: changes to it are not rolled out until it is resumed.",
    "CheckpointUndecided": "A checkpoint cannot be evaluated: too few requests, no data, or too short a time since the operator was away.",
    "GateClosed": "The next step's gate is not open yet.",
    "NotSeen": "An object could not be read from the API server.",
    "PodsNotReady": "`ReplicaRatio`: not all pods that the weight asks for get traffic. A raise goes on, and the step's time counts, once they do; the message has the API server's words where it refuses them (a quota).",
    "NotWell": "A limit of the current step is not met, so the weight is not raised.",
    "ReadingTemplates": "The promotion reads the two pod templates.",
    "RestoringBaseline": "The baseline's old template was restored, and its pods are becoming available.",
    "RouteNotAccepted": "A gateway has not accepted the route's current generation; the step's time does not count yet.",
    "RouteSettling": "The router does not report that the route acts as written; the step's time counts from a fixed time after the write.",
    "Settling": "The promoted baseline has all the traffic and is evaluated for `promotion.settle`.",
    "SettlingUndecided": "The settling time is over, and the guards cannot be evaluated or are not met.",
    "SourceSilent": "Prometheus does not answer, and no run starts without data.",
    "Watching": "The step's weight is on the route and its duration counts.",
}
"""What the next move waits for, or what is under way. After `progressDeadline` most of them become `Stalled`."""

PEOPLE: Final = {
    "CohortReverted": "A limit with `scope: Cohort` was breached: its cohort stays at 0 for the rest of the run, which goes on for the others. After the last step a person decides: Promote gives that cohort the version as well, Abort reverts.",
    "AwaitingApproval": "The gate of the next step awaits approvals; `.status.gate` names them, and who can give them.",
    "BaselineChanged": "The baseline's version was changed during the run. Resume continues with the baseline as it is now, Abort reverts.",
    "GateJobFailed": "A Job of the next step's gate failed, so the run is paused. Resume runs it again, Abort reverts.",
    "LoweredByOther": "The candidate's weight was lowered by something other than the operator. It stays so until Resume.",
    "Paused": "The run is paused; guards stay active.",
    "PausedByCommand": "A RolloutCommand paused the run; guards stay active.",
    "PausedBySpec": "`spec.paused` is true.",
    "Rejected": "An approval was refused (`Reject`): the run is paused with that reason, and the approval is asked for anew after Resume.",
    "StatusLost": "The status of a run was emptied while the candidate had traffic. The run was recovered from the route and is paused. Guards are active; Abort or Resume.",
    "SteppedBack": "A limit with `onBreach: StepBack` was breached: the candidate went down to the weight given there, and the run is paused. Resume begins that step anew, Abort reverts.",
    "StepGone": "An edit removed the current step from the spec: restore it, or Abort.",
}
"""A person is waited for."""

STALLED: Final = {
    "ArmNotSelected": "`ReplicaRatio`: the Service does not select the pods of both Deployments, so one of them gets no traffic.",
    "ArmsImmutable": "An edit changed `baseline`, `candidate`, or the `backends` of a route, while a run is under way; the run keeps its own.",
    "ArmsOverlap": "A Service does not select exactly its own arm's pods, so a weight would not have its meaning.",
    "BackendsMissing": "A route has no rule with both Services as backends.",
    "BaselineMissing": "There is no baseline Deployment of that name.",
    "BaselineNotServing": "Both weights on the route are 0: the baseline receives no traffic.",
    "BaselineOverwritten": "The old version was restored on the promoted baseline by something other than the operator. The operator does not overwrite it.",
    "BaselineServiceMissing": "There is no baseline Service of that name.",
    "BaselineUnavailable": "A revert is due, and the baseline has no available pod. It happens as soon as one is available (Abort forces it).",
    "CandidateAlreadyServing": "The route gives the candidate traffic before any run. Nothing is changed until its weight is 0, or Retry.",
    "CandidateServiceMissing": "There is no candidate Service of that name.",
    "RatioNotPossible": "`ReplicaRatio`: the ratio of pods is not ours to set, or would not be the ratio of traffic: an HPA or KEDA scales a Deployment, or the Service selects pods of neither.",
    "RecreateNeedsFullWeight": "The baseline's strategy is `Recreate`, so it has no pods while it rolls out: the last step must have weight 100.",
    "ProgressDeadlineExceeded": "A Deployment has exceeded its own `progressDeadlineSeconds`; the message is the Deployment's.",
    "Claimed": "Another Rollout uses one of the objects, and has precedence.",
    "Contested": "The promoted template does not stay as written: something else writes the Deployment.",
    "InvalidSpec": "The spec is not valid; the message names the field. A run under way continues with the last valid spec.",
    "MirrorNotOurs": "A step mirrors, and a rule of the route has a mirror to the candidate that the operator did not add. It is left alone, and no run starts.",
    "MirrorNotPossible": "A step mirrors, and a rule of the route cannot: its kind of rule has no mirrors, or it has a field that excludes them.",
    "NoRevisionHistory": "The baseline's old template could not be found again: `revisionHistoryLimit` is 0, or it is too large for status and no ReplicaSet has it.",
    "PromotionBreached": "The promoted baseline breached a guard, so the candidate serves again. Abort, or Resume.",
    "Reverted": "This version was reverted. It is not tried again until it changes, or Retry.",
    "ReplicasContested": "Something else keeps taking back the number of pods that the candidate was scaled to. It is written three times, and then left alone.",
    "RevertNotAccepted": "The weights are restored on the route, and its gateway has not accepted them: the candidate may still get requests.",
    "RevertRefused": "The API server refuses, or keeps failing, the write that restores the weights; the message has its words. It is retried every second.",
    "RouteContested": "Something else keeps raising the candidate's weight on a route. It is restored each time; the step's time does not count.",
    "RouteNotWritable": "The operator may not write a route: nothing is raised and the step's time does not count, because a revert would be refused. Grant it the role in deploy/cluster/rbac.yaml.",
    "RouterNotServed": "The API server does not serve this kind of route, or does not allow it to be read, or the operator's configuration does not enable it (`routers`, `custom`).",
    "RuleMissing": "A rule named in the spec is not on the route, or lacks one of the backends.",
    "StickyRoute": "A rule of a route keeps sessions with their backend even at weight 0 (`sessionPersistence`), so a revert would not reach those users. No run starts; where it appears during a run, `onPreconditionLost` applies.",
    "StatusUnreadable": "Part of the stored status cannot be read by this version of the operator. It is kept as it is; guards are active, nothing is raised.",
    "WrongSum": "The two numbers on a route do not add up to the sum that its router demands.",
    "WeightNotExpressible": "Other backends share the rule, so the pair's sum is kept, and it is too small for one of the weights.",
    "WriteRefused": "The API server refuses, or keeps failing, a write that the run needs; the message has its words. It is retried every few seconds.",
}
"""Something must be fixed. Work continues where it can."""

ENDS: Final = {
    "AbortedByCommand": "An Abort command ended the run.",
    "CandidateMissing": "The candidate's Deployment was deleted during the run.",
    "CandidateUnavailable": "The candidate had traffic and no available pod for too long.",
    "CheckpointBreached": "A threshold was breached at a checkpoint.",
    "GuardBreached": "A guard was breached for longer than its `for`.",
    "HookFailed": "The Job of a hook failed. During a run `onFailure` says what that does; after it the weights stay as they are, and the condition `HookFailed` stays until the next run.",
    "NewVersion": "The candidate became another version during the run.",
    "Promoted": "Every step passed and the version became the baseline.",
    "RevertRecovered": "After a restart the route showed our own revert, which had not been recorded.",
    "RolloutDeleted": "The Rollout was deleted during the run.",
    "RouteMissing": "There is no route of that name, or it was deleted during the run.",
    "ThresholdBreached": "A threshold was breached during a hold, when every limit is evaluated.",
}
"""Why a run ended, or is being ended."""

NEWS: Final = {
    "Approved": "A person gave an approval of a step.",
    "Aborted": "A command ended the run.",
    "BaselineDiffers": "The candidate's version was released before, and the baseline has been changed since: nothing to do.",
    "BaselineReady": "Enough baseline pods are available for a revert.",
    "Deleted": "A run ended because its Rollout was deleted.",
    "Ending": "The run is ending.",
    "FinalizerRestored": "The operator's finalizer was removed during a run and was restored, so that a deletion restores the weights first.",
    "HoldEnded": "No limit is breached any more; the run continues.",
    "SharedIncident": "The candidate is beyond a limit and no worse than the baseline, so a revert would not help: the step holds until no limit is breached.",
    "Holding": "A limit with `onBreach: Hold`, or missing data, holds the step until no limit is breached.",
    "NotificationFailed": "A message of `spec.notifications` could not be sent; the message names the receiver and says why. The run is not affected.",
    "NotificationsOff": "`spec.notifications` names receivers, and the operator's configuration allows none (`notifications.schemes`): nothing is sent.",
    "Idle": "The candidate runs the version in service.",
    "JobFailed": "A Job that was started for the run failed; the message has its words.",
    "JobRefused": "A Job could not be created: the CronJob is missing or not suspended, or the API server refuses it. It is tried again every few seconds, for an hour.",
    "JobStarted": "A Job is started: of a hook, a gate, or a limit with `onBreach: RunJob`.",
    "JobSucceeded": "A Job that was started for the run succeeded.",
    "LimitBreached": "A limit with `onBreach: Warn`, `Scale` or `RunJob` is breached.",
    "NoData": "The source answers, and a metric with an acting limit has no data. `missingData.noData` sets how long that is tolerated, and what happens then.",
    "Progressing": "The run progresses.",
    "Promoting": "Every step has passed, and the version is becoming the baseline.",
    "PutBack": "The route gave the candidate more than its weight, and was corrected.",
    "ReportRefused": "The report of an ended run could not be kept in a ConfigMap; the message has the API server's words. The run is not affected.",
    "ReturningTraffic": "The baseline runs the new version; all traffic returns to it.",
    "Resumed": "A Resume command let the run go on; the message says who gave it and why.",
    "RunStarted": "A run began.",
    "SourceDown": "The source of a metric with an acting limit cannot be queried. `missingData.sourceDown` sets how long that is tolerated, and what happens then.",
    "CandidateScaled": "The candidate's Deployment was scaled.",
    "ScaleRefused": "The candidate is not scaled: an HPA or KEDA scales it, whether one does could not be read, or the write was refused. The message says which.",
    "StatusRefused": "The API server refuses to store the status; the message has its words.",
    "StepEdited": "The current step's weight was edited.",
    "PromoteRequested": "A Promote command skips the remaining steps; their gates and the raise rule still apply.",
    "StepAdvanced": "An Advance command ended the step before its duration.",
    "UnverifiedApproval": "An approval was given by a command whose requester the API server had not checked: the admission policies were not installed.",
    "StepPassed": "A step's final checkpoint passed.",
    "StepStarted": "A step's weight was set.",
    "Succeeded": "A run succeeded.",
    "Superseded": "A run ended because of another version.",
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
        "Every reason that conditions, Events, history and logs can give. Made from `operator/tidegate/api/reasons.py` by",
        "`make generate`.",
    ]
    for title, group in GROUPS.items():
        lines += ["", f"## {title}", "", "| reason | what it means |", "|---|---|"]
        lines += [f"| `{reason}` | {words} |" for reason, words in sorted(group.items())]
    return "\n".join(lines) + "\n"
