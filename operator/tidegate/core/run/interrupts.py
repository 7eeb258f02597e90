"""What ends or stops a run from outside its steps: a breach, a lost object, a new version, somebody's hand."""

from __future__ import annotations

from tidegate.core.gates.raise_rule import BAD
from tidegate.core.judging.judge import acting
from tidegate.core.model.finding import State
from tidegate.core.model.time_format import in_words
from tidegate.core.model.version import in_full, same_version, version_of
from tidegate.core.model.world import ABSENT, Arm, ArmName
from tidegate.core.run.verdicts import act_on
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import targets


def notice_breaches(draft: Draft) -> None:
    """Acts on breached guards, and while holding on breached thresholds: a revert stands before all else."""
    if _settling(draft):
        holding = [f for f in draft.guard_findings if f.state is State.BREACHED and f.line.on_breach.value == "Hold"]
        act_on(draft, holding, "GuardBreached")
        return
    act_on(draft, [f for f in acting(draft.guard_findings) if f.state is State.BREACHED], "GuardBreached")
    if draft.run.hold is not None:
        act_on(draft, [f for f in acting(draft.threshold_findings) if f.state is State.BREACHED], "ThresholdBreached")


def notice_losses(draft: Draft) -> None:
    """Ends the run when its candidate or its route is gone, or the candidate has had no pod for too long."""
    if _settling(draft):
        return
    candidate = draft.seen.arm(ArmName.CANDIDATE)
    if candidate is ABSENT:
        _end_fresh(draft, "CandidateMissing", f"candidate Deployment {draft.spec.candidate.deployment!r} is gone")
    for target in draft.status.targets:
        key = targets.key_of(target)
        if draft.seen.routes.get(key) is ABSENT and _named(draft, key):
            _end_fresh(draft, "RouteMissing", f"{key} is gone")
    _notice_unavailable(draft, candidate if isinstance(candidate, Arm) else None)


def notice_new_version(draft: Draft) -> None:
    """Ends the run when the candidate or `spec.revision` became another version."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if candidate is None or _settling(draft) or draft.seen.spec is None or not draft.run.version.fingerprint:
        return
    if not same_version(draft.run.version, draft.spec.revision, candidate):
        now = in_full(version_of(candidate, draft.spec.revision, draft.run.version.exclude))
        before = in_full(draft.run.version)
        what = f"{now}; the run was of {before}" if now != before else f"{now}, with another pod template"
        _end_fresh(draft, "NewVersion", f"the candidate became another version: {what}", kind="Superseded")


def notice_our_revert(draft: Draft) -> None:
    """A route was last written by a revert of ours after this run's last raise, and status does not know: it was lost."""
    if draft.weight == 0:
        return
    for route in targets.routes(draft):
        known = next((t for t in draft.status.targets if targets.key_of(t) == route.ref.key), None)
        if known is None or not route.reverted_by_us or route.generation <= known.generation:
            continue
        if not any(pair.candidate for pair in route.pairs):
            _end_fresh(draft, "RevertRecovered", "the weights had been put back before it could be recorded")


def let_go_of_hold(draft: Draft) -> None:
    """Ends a hold when nothing is breached, pending or without data any more."""
    hold = draft.run.hold
    if hold is None or (hold.reason == "StepGone" and draft.step_spec is None):
        return
    findings = acting([*draft.guard_findings, *draft.threshold_findings])
    if draft.weight == 0 and draft.run.promotion is None and targets.traffic(draft) is targets.Traffic.NONE:
        findings = []  # nothing to judge, nothing is asked
    if any(not finding.answered or finding.state in BAD for finding in findings):
        return
    draft.update_run(hold=None)
    restart = hold.restart and draft.run.promotion is None and draft.status.step is not None
    if restart:
        draft.update_step(watched=0.0, judged=-1.0, passed=False)
    held = in_words(draft.now - hold.since.timestamp())
    draft.say("HoldEnded", f"all is well after {held}" + ("; the step's duration starts anew" if restart else ""))


def _settling(draft: Draft) -> bool:
    promotion = draft.run.promotion
    return promotion is not None and promotion.stage in {"Returning", "Settling"}


def _named(draft: Draft, key: str) -> bool:
    return any(ref.key == key for ref in targets.refs_of(draft.spec, draft.seen.rollout.namespace))


def _end_fresh(draft: Draft, reason: str, evidence: str, kind: str = "Reverted") -> None:
    """Ends the run on something seen live; what a cache said is only a reason to look."""
    draft.need()
    if draft.seen.fresh:
        draft.end(kind, reason, evidence)


def _notice_unavailable(draft: Draft, candidate: Arm | None) -> None:
    if candidate is None:
        return
    traffic = targets.traffic(draft)
    if candidate.available > 0 or traffic is targets.Traffic.NONE:
        if draft.run.unavailable:
            draft.update_run(unavailable=0.0)
        return
    if traffic is targets.Traffic.UNKNOWN:  # neither: the time goes on once the route can be read
        return
    lasted = draft.run.unavailable + draft.elapsed
    draft.update_run(unavailable=round(lasted, 3))
    limit = draft.spec.candidate.unavailable_after
    if lasted >= limit.seconds:
        message = f"the candidate has had traffic and no available pod for {in_words(lasted)} (limit {limit})"
        _end_fresh(draft, "CandidateUnavailable", message)
    else:
        draft.wakes.append(draft.now + limit.seconds - lasted)
