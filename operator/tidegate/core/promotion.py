"""The promotion: the candidate's version becomes the baseline, step for step, each of which may be repeated harmlessly.

CopyTemplate: Copying -> RollingOut -> Returning -> Settling. AwaitBaseline: Awaiting -> Returning -> Settling.
A breach while settling sends the traffic back to the candidate (SentBack) and waits for a person.
"""

from __future__ import annotations

import json

from tidegate.api.rollout import PromotionStrategy
from tidegate.api.status import PromotionStatus
from tidegate.api.threshold import OnBreach
from tidegate.core import raising, targets
from tidegate.core.draft import Draft
from tidegate.core.endings import finish
from tidegate.core.findings import State
from tidegate.core.instants import in_words, instant
from tidegate.core.judging import acting
from tidegate.core.observed import ArmName, Template
from tidegate.core.plan import Why, WriteTemplate
from tidegate.core.version import parts_fingerprint

MOST_WRITES = 3
"""Template writes of one promotion: one that must be repeated more often is contested, not lost."""


def begin(draft: Draft) -> None:
    """Starts the promotion after the last step has passed."""
    stage = "Copying" if _copies(draft) else "Awaiting"
    draft.update_run(promotion=PromotionStatus(stage=stage, since=instant(draft.now)))
    draft.go_on()
    draft.say("Promoting", f"every step has passed; {_NEXT[stage]}")
    draft.intent = True


_NEXT = {
    "Copying": "the candidate's containers and volumes are copied to the baseline",
    "Awaiting": "waiting for the baseline to run the candidate's images",
}


_BEFORE_RETURNING = frozenset({"Copying", "RollingOut", "Awaiting"})
"""Stages in which the candidate serves on trial, as in its last step."""


def promote(draft: Draft) -> None:
    """Plans the promotion's next move."""
    promotion = _current(draft)
    if promotion.stage == "Settling" and _breached(draft):
        return
    if draft.spec.paused or draft.run.paused is not None:
        draft.attention = Why("Paused", "the promotion is paused")
        return
    if draft.run.hold is not None and promotion.stage in _BEFORE_RETURNING:
        draft.doing = Why("Holding", draft.run.hold.message)
        return
    match promotion.stage:
        case "Copying":
            _copy(draft)
        case "RollingOut":
            _roll_out(draft)
        case "Awaiting":
            _await(draft)
        case "Returning":
            _return(draft)
        case "Settling":
            _settle(draft)
        case _:
            _send_back(draft)


def returning(draft: Draft) -> bool:
    """Whether the traffic is on its way back to the promoted baseline."""
    return draft.run.promotion is not None and draft.run.promotion.stage == "Returning"


def try_again(draft: Draft) -> None:
    """After a person said so: the last part again, from where the baseline runs the new version."""
    _enter(draft, "RollingOut" if _copies(draft) else "Awaiting")


def _copies(draft: Draft) -> bool:
    return draft.spec.promotion.strategy is PromotionStrategy.COPY_TEMPLATE


def _current(draft: Draft) -> PromotionStatus:
    if draft.run.promotion is None:
        raise LookupError("the run is not being promoted")
    return draft.run.promotion


def _enter(draft: Draft, stage: str) -> None:
    draft.update_run(
        promotion=_current(draft).model_copy(update={"stage": stage, "since": instant(draft.now), "settled": 0.0})
    )
    if stage in {"Settling", "SentBack"}:  # another arm serves: what was seen of the other says nothing of it
        draft.update(guards=())
        draft.update_run(traffic_since=instant(draft.now), groups=())
    draft.go_on()
    draft.intent = True


def _copy(draft: Draft) -> None:
    promotion = _current(draft)
    baseline, candidate = (draft.seen.templates.get(arm) for arm in (ArmName.BASELINE, ArmName.CANDIDATE))
    if not isinstance(baseline, Template) or not isinstance(candidate, Template):
        draft.templates = draft.needs_fresh = True
        draft.wait(Why("ReadingTemplates", "the two pod templates are being read"))
        return
    if parts_fingerprint(baseline.parts) == draft.run.parts:
        if not promotion.old_parts:
            _remember_template(draft, baseline, written=False)
        _enter(draft, "RollingOut")
        return
    if candidate.fingerprint != draft.run.version.fingerprint:
        draft.wait(Why("AnotherVersion", "the candidate is no longer the version of this run"))
        return
    base = draft.arm(ArmName.BASELINE)
    if base is not None and base.history_limit == 0:
        draft.stalled = Why(
            "NoRevisionHistory",
            f"Deployment {base.deployment!r} has revisionHistoryLimit 0: set it to 1 or more, or promote with AwaitBaseline",
        )
        return
    if promotion.writes >= MOST_WRITES or _overwritten(promotion, baseline):
        _contested(draft)
        return
    _remember_template(draft, baseline, written=True)
    draft.update_run(raised=instant(draft.now))
    draft.actions.append(WriteTemplate(draft.spec.baseline.deployment, baseline, candidate.parts))
    draft.intent = draft.needs_fresh = True


def _remember_template(draft: Draft, baseline: Template, *, written: bool) -> None:
    promotion = _current(draft)
    changes: dict[str, object] = {"written": promotion.written or written, "writes": promotion.writes + int(written)}
    if not promotion.old_parts:
        changes["old_parts"] = json.dumps(baseline.parts, sort_keys=True, separators=(",", ":"))
        changes["old_fingerprint"] = parts_fingerprint(baseline.parts)
    draft.update_run(promotion=promotion.model_copy(update=changes))


def _overwritten(promotion: PromotionStatus, baseline: Template) -> bool:
    """Something else than the old version stands there after our write: a webhook or Git changed what we wrote."""
    return promotion.written and parts_fingerprint(baseline.parts) != promotion.old_fingerprint


def _contested(draft: Draft) -> None:
    name = draft.spec.baseline.deployment
    draft.stalled = Why(
        "Contested",
        f"Deployment {name!r} does not keep the promoted template (spec.template.spec): something else writes it, such as "
        "Git or a webhook. It is not written again; use AwaitBaseline for a Deployment kept in Git",
    )


def _roll_out(draft: Draft) -> None:
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is None or candidate is None:
        draft.wait(Why("NotSeen", "one of the Deployments could not be read"))
        return
    if baseline.parts != draft.run.parts:
        draft.needs_fresh = True
        _contested(draft)
        return
    needed = max(candidate.available if draft.weight > 0 else 1, draft.spec.baseline.min_available)
    if not baseline.rolled_out or baseline.available < min(needed, max(baseline.replicas, 1)):
        message = f"the baseline is rolling out the new version: {baseline.available} of {needed} pods available"
        draft.wait(Why("BaselineRollingOut", message))
        return
    if baseline.replicas < needed:
        message = (
            f"the baseline has {baseline.replicas} replicas, the candidate serves with {needed}: scale the baseline up"
        )
        draft.wait(Why("BaselineTooSmall", message))
        return
    _start_returning(draft)


def _await(draft: Draft) -> None:
    baseline = draft.arm(ArmName.BASELINE)
    images = " ".join(draft.run.version.images)
    if baseline is None or baseline.images != draft.run.version.images:
        why = Why("AwaitingBaseline", f"waiting for Deployment {draft.spec.baseline.deployment!r} to run {images}")
        draft.wait(why, deadline=False)
        draft.attention = why
        return
    if not baseline.rolled_out or baseline.available < draft.spec.baseline.min_available:
        draft.wait(Why("BaselineRollingOut", f"the baseline is rolling out {images}"))
        return
    _start_returning(draft)


def _start_returning(draft: Draft) -> None:
    draft.update_run(weight=0.0)
    _enter(draft, "Returning")
    draft.say("ReturningTraffic", "the baseline runs the new version: all traffic goes back to it")
    draft.needs_fresh = True


def _return(draft: Draft) -> None:
    back = [targets.restore(draft, target, revert=False) for target in draft.status.targets]
    if all(back):
        _enter(draft, "Settling")
        draft.needs_fresh = draft.watching = True
    elif not draft.actions:
        draft.wait(raising.unfit_route(draft) or Why("NotSeen", "a route could not be read"))


def _settle(draft: Draft) -> None:
    promotion = _current(draft)
    if _baseline_gone_back(draft):
        return
    draft.watching = draft.run.hold is None
    settled = promotion.settled + (draft.elapsed if draft.memory.watching else 0.0)
    draft.update_run(promotion=promotion.model_copy(update={"settled": round(settled, 3)}))
    left = draft.spec.promotion.settle.seconds - settled
    if left > 1e-6:
        draft.wait(Why("Settling", "the promoted baseline is watched with all the traffic"), deadline=False)
        draft.wakes.append(draft.now + left)
        return
    unwell = next((f for f in acting(draft.guard_findings) if f.state not in raising.WELL), None)
    if unwell is not None or draft.run.hold is not None:
        message = unwell.message if unwell else (draft.run.hold.message if draft.run.hold else "")
        draft.wait(Why("SettlingUndecided", message or "the promoted baseline is being judged"))
        return
    draft.needs_fresh = True
    took = in_words(draft.now - draft.run.start_time.timestamp())
    draft.update(released=draft.run.version, rejected=None, targets=())
    finish(draft, "Succeeded", "Promoted", f"promoted after {took}")


def _breached(draft: Draft) -> bool:
    """A guard breached while settling: the candidate, which served well, gets the traffic again."""
    breached = [f for f in acting(draft.guard_findings) if f.state is State.BREACHED]
    worst = next((f for f in breached if f.line.on_breach is OnBreach.REVERT), None)
    if worst is not None:
        _enter(draft, "SentBack")
        draft.say("PromotionBreached", f"after the promotion: {worst.message}", warning=True)
        draft.urgent = True
    return worst is not None


def _baseline_gone_back(draft: Draft) -> bool:
    """Somebody put the old version back: said, never fought."""
    baseline = draft.arm(ArmName.BASELINE)
    if baseline is None:
        draft.wait(Why("NotSeen", "the baseline could not be read"))
        return True
    same = baseline.parts == draft.run.parts if _copies(draft) else baseline.images == draft.run.version.images
    if not same:
        draft.needs_fresh = True
        draft.stalled = Why(
            "BaselineOverwritten",
            f"Deployment {baseline.deployment!r} no longer runs the promoted version: somebody changed it. Let the run go on "
            "by putting the promoted version back, or Abort",
        )
    return not same


def _send_back(draft: Draft) -> None:
    """Gives the traffic back to the candidate, which served well, and waits for a person."""
    weight = draft.spec.steps[-1].weight.percent
    draft.stalled = Why(
        "PromotionBreached",
        "the promoted baseline breached a guard, so the candidate serves again: Abort puts the old version back, Resume "
        "tries the promotion's last part again",
    )
    if targets.standing(draft, weight) is targets.Standing.SAME:
        return
    blocked = [why for why in raising.blockers(draft, None) if why.reason != "Holding"] or [
        why for why in (raising.unjudged(draft),) if why is not None and why.reason != "NotWell"
    ]
    if blocked:
        draft.wakes.append(draft.now + raising.AT_MOST_EVERY)
        draft.wait(blocked[0])
        return
    targets.raise_to(draft, weight)
