"""Every reason that status, Events and logs can give, defined in words. `docs/reasons.md` is made of it."""

from __future__ import annotations

from typing import Final

WAITING: Final = {
    "AnotherVersion": "The candidate is no longer the version of this run; the run is about to be superseded.",
    "AwaitingBaseline": "AwaitBaseline: the baseline does not run the candidate's version (or images) yet; the message names the fields that still differ. Somebody else (Git) changes it.",
    "AwaitingJudgement": "Everything allows the next move except this tick's answers, which are being asked for.",
    "BaselineNotReady": "The baseline has fewer available pods than `baseline.minAvailable`: a revert would land badly.",
    "BaselineNotSeen": "The baseline's Deployment is missing or could not be read.",
    "BaselineRollingOut": "The promoted baseline is rolling out the new version.",
    "BaselineTooSmall": "The promoted baseline has fewer replicas than the candidate serves with.",
    "CandidateNotReady": "The candidate's Deployment has no available pod, or is still rolling out.",
    "DeploymentPaused": "A Deployment has `spec.paused`: what was changed in it is not rolled out until it is resumed.",
    "CheckpointUndecided": "A checkpoint cannot be judged: too few requests, no answer, or too short a time since an absence.",
    "GateClosed": "The next step's gate is not open yet.",
    "NotSeen": "Something could not be read from the API server just now.",
    "NotWell": "A limit of the current step is not met right now, so nothing is raised.",
    "ReadingTemplates": "The promotion reads the two pod templates.",
    "RestoringBaseline": "The baseline's old template was put back and is becoming available again.",
    "RouteNotAccepted": "A gateway has not accepted the route's current generation; the step's time does not count yet.",
    "Settling": "The promoted baseline is watched with all the traffic.",
    "SettlingUndecided": "The settling time is over, and the guards cannot be judged, or are not well.",
    "SourceSilent": "Prometheus does not answer, and nothing starts without data.",
    "Watching": "The step's weight stands on the route and its duration counts.",
}
"""What stands before the next move, or goes on. After `progressDeadline` most of them become `Stalled`."""

PEOPLE: Final = {
    "BaselineChanged": "Somebody changed the baseline's version during the run: Resume goes on beside it as it is now, Abort reverts.",
    "LoweredByOther": "Somebody else gave the candidate less than the step: it stays so until Resume.",
    "Paused": "A person stopped the run; guards stay on.",
    "PausedByCommand": "A RolloutCommand stopped the run; guards stay on.",
    "PausedBySpec": "`spec.paused` is true.",
    "StatusLost": "The status of a run was emptied while the candidate had traffic: the run was recovered from the route, paused. Guards are in force; Abort or Resume.",
    "StepGone": "An edit took the current step out of the spec: put it back, or Abort.",
}
"""A person is waited for."""

STALLED: Final = {
    "ArmsImmutable": "An edit changed `baseline` or `candidate` while a run is under way; the run keeps its own.",
    "ArmsOverlap": "A Service does not select exactly its own arm's pods, so a weight would mean something else.",
    "BackendsMissing": "A route has no rule with both Services as backends.",
    "BaselineMissing": "There is no baseline Deployment of that name.",
    "BaselineNotServing": "Both weights on the route are 0: the baseline serves nothing.",
    "BaselineOverwritten": "Somebody put the old version back on the promoted baseline. It is not fought.",
    "BaselineServiceMissing": "There is no baseline Service of that name.",
    "BaselineUnavailable": "A revert is due, and the baseline has no available pod: it happens the moment one is there (Abort forces it).",
    "CandidateAlreadyServing": "The route gives the candidate traffic before any run: nothing is touched until it is at 0, or Retry.",
    "CandidateServiceMissing": "There is no candidate Service of that name.",
    "RecreateNeedsFullWeight": "The baseline's strategy is `Recreate`, so it serves nothing while it rolls out: the last step must have weight 100.",
    "ProgressDeadlineExceeded": "A Deployment is past its own `progressDeadlineSeconds`; the message is its own.",
    "Claimed": "Another Rollout has a better right to one of the objects.",
    "Contested": "The promoted template does not stay as written: something else writes the Deployment.",
    "InvalidSpec": "The spec cannot be carried out; the message names the field. A run under way continues with the last valid spec.",
    "NoRevisionHistory": "The baseline's old template could not be found again: `revisionHistoryLimit` is 0, or it is too large for status and no ReplicaSet has it.",
    "PromotionBreached": "The promoted baseline breached a guard, so the candidate serves again. Abort, or Resume.",
    "Reverted": "This version was put back. It is not tried again until it changes, or Retry.",
    "RevertNotAccepted": "The weights are back on the route, and its gateway has not taken them: the candidate may still get requests.",
    "RevertRefused": "The API server refuses, or keeps failing, to put the weights back; the message has its words. It is tried again every second.",
    "RouteContested": "Something else keeps giving the candidate more than the step on a route. It is put back each time; the step's time does not count.",
    "RouteNotWritable": "The operator may not write a route: nothing is raised and the step's time does not count, because a revert would be refused. Grant it the role in examples/install/rbac.yaml.",
    "RouterNotServed": "The API server does not serve this kind of route, or does not allow it to be read.",
    "RuleMissing": "A rule named in the spec is not on the route, or lacks one of the backends.",
    "StatusUnreadable": "Part of the stored status cannot be read by this version of the operator. It stays as it is; guards are in force, nothing is raised.",
    "WeightNotExpressible": "Beside foreign backends the pair's sum is kept, and it is too small for one of the weights.",
    "WriteRefused": "The API server refuses, or keeps failing, a write that the run needs; the message has its words. It is tried again every few seconds.",
}
"""A person must mend something. Work goes on where it can."""

ENDS: Final = {
    "AbortedByCommand": "A person said Abort.",
    "CandidateMissing": "The candidate's Deployment disappeared during the run.",
    "CandidateUnavailable": "The candidate had traffic and no available pod for too long.",
    "CheckpointBreached": "A threshold was breached at a checkpoint.",
    "GuardBreached": "A guard was breached for as long as it allows.",
    "NewVersion": "The candidate became another version during the run.",
    "Promoted": "Every step passed and the version became the baseline.",
    "RevertRecovered": "After a restart the route showed our own revert, which had not been recorded.",
    "RolloutDeleted": "The Rollout was deleted during the run.",
    "RouteMissing": "There is no route of that name; during a run it disappeared.",
    "ThresholdBreached": "A threshold was breached while a hold had everything judged.",
}
"""Why a run ended, or is being ended."""

NEWS: Final = {
    "Aborted": "A run ended by a person's word.",
    "BaselineDiffers": "The candidate's version was dealt with before, and the baseline has been changed since: nothing to do.",
    "BaselineReady": "A revert would land on enough available pods.",
    "Deleted": "A run ended because its Rollout was deleted.",
    "Ending": "The run is ending.",
    "FinalizerRestored": "Somebody removed the operator's finalizer during a run: put back, so that a deletion restores the weights first.",
    "HoldEnded": "All is well again.",
    "SharedIncident": "The candidate is beyond a limit and no worse than the baseline: the step stands still until all is well; a revert would not help.",
    "Holding": "A limit with `onBreach: Hold`, or missing data, keeps the step standing still until all is well.",
    "Idle": "The candidate's version is the one in service.",
    "LimitBreached": "A limit with `onBreach: Warn` is breached.",
    "NoData": "A metric with a limit that acts has no data although its source answers; `missingData.noData` says for how long, and what then.",
    "Progressing": "The run goes on.",
    "Promoting": "Every step has passed, and the version is becoming the baseline.",
    "PutBack": "The route gave the candidate more than it should have: put back.",
    "ReturningTraffic": "The baseline runs the new version, and gets all traffic back.",
    "RunStarted": "A run began.",
    "SourceDown": "The source of a metric with a limit that acts cannot be queried; `missingData.sourceDown` says for how long, and what then.",
    "StatusRefused": "The API server refuses to store the status; the message has its words.",
    "StepEdited": "The current step's weight was edited.",
    "StepPassed": "A step's final checkpoint passed.",
    "StepStarted": "A step's weight was set.",
    "Succeeded": "A run ended well.",
    "Superseded": "A run ended because of another version.",
}
"""What happened."""

GROUPS: Final = {
    "The run goes on, or waits for something": WAITING,
    "A person is waited for": PEOPLE,
    "A person must mend something (`Stalled`)": STALLED,
    "A run ended, or is being ended": ENDS,
    "News": NEWS,
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
