"""What ends or stops a run from outside its steps: a breach, a lost object, a new version, somebody's hand."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.api.reasons import Reason
from tidegate.api.rollout.responses import Response
from tidegate.api.rollout.run_status import RunEnd, Stage
from tidegate.api.rollout.status import MissingDataStatus
from tidegate.core.gates.raise_rule import BAD
from tidegate.core.judging import missing_data
from tidegate.core.judging.judge import acting, serving
from tidegate.core.model.finding import Finding, State
from tidegate.core.model.time_format import in_words
from tidegate.core.model.version import in_full, same_version, version_of
from tidegate.core.model.world import ABSENT, Arm, ArmName
from tidegate.core.responses import KINDS, respond, warn
from tidegate.core.responses.kind import Breach
from tidegate.core.run import traffic_return
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.kept_spec import kept_spec
from tidegate.core.traffic import mirrors, raising_pods, shares, targets


def notice_breaches(draft: Draft) -> None:
    """Responds to breached guards, and while holding to breached thresholds: a revert stands before all else."""
    warn(draft, _breached(draft.judgement.guards))
    guards = _breached(acting(draft.judgement.guards))
    if _settling(draft):  # the way back from a breach is the promotion's
        respond(draft, [one for one in guards if not one.limit.on_breach.takes_traffic], Reason.GUARD_BREACHED)
        return
    respond(draft, guards, Reason.GUARD_BREACHED)
    if draft.run.hold is not None:
        respond(draft, _breached(acting(draft.judgement.thresholds)), Reason.THRESHOLD_BREACHED)


def notice_missing_data(draft: Draft, *, judging: bool) -> None:
    """Counts the queries of this tick that brought no data, and responds where one has lasted.

    Args:
        draft: with its findings judged.
        judging: this is the tick's first look at its answers (a second look must not count them again).
    """
    found = missing_data.after(draft, judging=judging)
    for one in found:
        if draft.ending():
            break
        if missing_data.lasted(draft, one):
            _respond_to_missing(draft, one)
        else:
            draft.wakes.append(missing_data.acts_at(draft, one))
    draft.update(missing_data=found)


def _respond_to_missing(draft: Draft, missing: MissingDataStatus) -> None:
    rule = missing_data.policy(draft, missing)
    response = Response(rule.then)
    promoted = serving(draft) is ArmName.BASELINE  # every step was passed with eyes open
    if response.takes_traffic and (promoted or traffic_return.kept_from_baseline(draft)):
        response = Response.HOLD
    message = f"{missing.message}; no data for {in_words(missing.watched)} (limit {rule.after})"
    reason, new = Reason(missing.kind), not missing_data.lasted_before(draft, missing)
    KINDS[response].apply(draft, Breach(reason, message, hold_reason=reason, new=new))


def _breached(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.state is State.BREACHED]


def notice_losses(draft: Draft) -> None:
    """Ends the run when its candidate or its route is gone, or the candidate has had no pod for too long."""
    if _settling(draft):
        return
    candidate = draft.seen.arm(ArmName.CANDIDATE)
    if candidate is ABSENT:
        _end_fresh(
            draft,
            Reason.CANDIDATE_MISSING,
            f"candidate Deployment {draft.spec.candidate.deployment!r} does not exist any more",
        )
    for target in draft.status.targets:
        key = targets.key_of(target)
        if draft.seen.routes.get(key) is ABSENT and _named(draft, key):
            _end_fresh(draft, Reason.ROUTE_MISSING, f"{key} does not exist any more")
    _notice_unavailable(draft, candidate if isinstance(candidate, Arm) else None)


def notice_new_version(draft: Draft) -> None:
    """Ends the run when the candidate or `spec.revision` became another version."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if candidate is None or _settling(draft) or not draft.run.version.fingerprint:
        return
    if draft.seen.spec is None and kept_spec(draft.run.spec) is None:  # neither spec tells what a version is
        return
    if not same_version(draft.run.version, draft.spec.revision, candidate) and not traffic_return.kept_from_baseline(
        draft
    ):
        now = in_full(version_of(candidate, draft.spec.revision, draft.run.version.exclude))
        before = in_full(draft.run.version)
        what = f"{now}; the run was of {before}" if now != before else f"{now}, with another pod template"
        _end_fresh(draft, Reason.NEW_VERSION, f"the candidate's version changed: {what}", kind=RunEnd.SUPERSEDED)


def notice_our_revert(draft: Draft) -> None:
    """A route was last written by a revert of ours after this run's last raise, and status does not know: it was lost."""
    if not draft.weights.exposed:
        return
    for route in targets.routes(draft):
        known = next((t for t in draft.status.targets if targets.key_of(t) == route.ref.key), None)
        if known is None or not route.reverted_by_us or route.generation <= known.generation:
            continue
        if (
            known.pods is not None and known.pods.candidate == 0
        ):  # the baseline grows first: there is nothing to restore
            continue
        if not any(pair.candidate or mirrors.percent(draft, route, pair) for pair in route.pairs):
            _end_fresh(draft, Reason.REVERT_RECOVERED, "the weights had been restored before it could be recorded")


def let_go_of_hold(draft: Draft) -> None:
    """Ends a hold when nothing is breached, pending or without data any more."""
    hold = draft.run.hold
    if hold is None or (hold.reason == Reason.STEP_GONE and draft.step_spec is None):
        return
    findings = acting([*draft.judgement.guards, *draft.judgement.thresholds])
    if not draft.weights.exposed and draft.run.promotion is None and shares.requests(draft) is shares.Traffic.NONE:
        findings = []  # nothing to judge, nothing is asked
    if any(not finding.answered or finding.state in BAD for finding in findings):
        return
    draft.update_run(hold=None)
    restart = hold.restart and draft.run.promotion is None and draft.status.step is not None
    if restart:
        draft.update_step(watched=0.0, judged=-1.0, passed=False)
    held = in_words(draft.now - hold.since.timestamp())
    draft.say(
        Reason.HOLD_ENDED, f"all limits met after {held}" + ("; the step's duration starts again" if restart else "")
    )


def _settling(draft: TickContext) -> bool:
    promotion = draft.run.promotion
    return promotion is not None and promotion.stage in {Stage.RETURNING, Stage.SETTLING}


def _named(draft: TickContext, key: str) -> bool:
    return any(ref.key == key for ref in targets.refs_of(draft.spec, draft.seen.rollout.namespace))


def _end_fresh(draft: Draft, reason: Reason, evidence: str, kind: RunEnd = RunEnd.REVERTED) -> None:
    """Ends the run on something seen live; what a cache said is only a reason to look."""
    draft.need()
    if draft.seen.fresh:
        draft.end(kind, reason, evidence)


def _notice_unavailable(draft: Draft, candidate: Arm | None) -> None:
    if candidate is None:
        return
    traffic = shares.requests(draft)
    if candidate.available > 0 or traffic is shares.Traffic.NONE:
        if draft.run.unavailable:
            draft.update_run(unavailable=0.0)
        return
    starting = not draft.step.seen or raising_pods.completing(draft, draft.weights)
    if draft.spec.ratio is not None and starting:  # no pod of it gets traffic yet
        return
    if traffic is shares.Traffic.UNKNOWN:  # neither: the time goes on once the route can be read
        return
    lasted = draft.run.unavailable + draft.elapsed
    draft.update_run(unavailable=round(lasted, 3))
    limit = draft.spec.candidate.unavailable_after
    if lasted >= limit.seconds:
        message = f"the candidate has had traffic and no available pod for {in_words(lasted)} (limit {limit})"
        _end_fresh(draft, Reason.CANDIDATE_UNAVAILABLE, message)
    else:
        draft.wakes.append(draft.now + limit.seconds - lasted)
