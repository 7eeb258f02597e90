"""The promotion: the candidate's version becomes the baseline, step for step, each of which may be repeated harmlessly.

CopyTemplate: Copying -> RollingOut -> Returning -> Settling. AwaitBaseline: Awaiting -> Returning -> Settling.
A breach while settling sends the traffic back to the candidate (SentBack) and waits for a person.
"""

from __future__ import annotations

from decimal import Decimal

from tidegate.api.reasons import Reason
from tidegate.api.rollout.promotion import BaselineMatch, PromotionStrategy
from tidegate.api.rollout.run_status import RunEnd, Stage
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import PromotionStatus
from tidegate.api.rollout.target_weights import TargetWeights, weights_at
from tidegate.core.gates import raise_rule, workloads
from tidegate.core.judging.judge import acting
from tidegate.core.model.finding import State
from tidegate.core.model.plan import Why, WriteTemplate
from tidegate.core.model.template_fields import in_words as in_fields
from tidegate.core.model.time_format import in_words, instant
from tidegate.core.model.version import differences, same_template, serves
from tidegate.core.model.world import ABSENT, Arm, ArmName, Template
from tidegate.core.run import old_template
from tidegate.core.run.ending import LATE_WRITE, finish
from tidegate.core.run.template_copy import copied
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import acceptance, cohorts, put_back, raising, raising_pods, restoring, shares

MOST_WRITES = 3
"""Template writes of one promotion: one that must be repeated more often is contested, not lost."""


def begin(draft: Draft) -> None:
    """Starts the promotion after the last step has passed."""
    stage = Stage.COPYING if _copies(draft) else Stage.AWAITING
    draft.update_run(promotion=PromotionStatus(stage=str(stage), since=instant(draft.now)))
    draft.go_on()
    draft.say(Reason.PROMOTING, f"every step has passed; {_NEXT[stage]}")
    draft.intent = True


_NEXT = {
    Stage.COPYING: "the candidate's version is copied to the baseline",
    Stage.AWAITING: "waiting for the baseline to run the candidate's version",
}


_BEFORE_RETURNING = frozenset({Stage.COPYING, Stage.ROLLING_OUT, Stage.AWAITING})
"""Stages in which the candidate serves on trial, as in its last step."""


_SERVED_BY_BASELINE = frozenset({Stage.RETURNING, Stage.SETTLING})
"""Stages in which the promoted baseline serves; one of several routes may keep the traffic on its way back for long."""


def promote(draft: Draft) -> None:
    """Plans the promotion's next move."""
    promotion = _current(draft)
    if promotion.stage in _SERVED_BY_BASELINE and _breached(draft):
        return
    if promotion.stage == Stage.SENT_BACK:  # a revert by its nature: a pause does not stop it
        _send_back(draft)
        return
    if draft.spec.paused or draft.run.paused is not None:
        draft.attention = Why(Reason.PAUSED, "the promotion is paused")
        return
    if draft.run.hold is not None and promotion.stage in _BEFORE_RETURNING:
        draft.doing = Why(Reason.HOLDING, draft.run.hold.message)
        return
    match promotion.stage:
        case Stage.COPYING:
            _copy(draft)
        case Stage.ROLLING_OUT:
            _roll_out(draft)
        case Stage.AWAITING:
            _await(draft)
        case Stage.RETURNING:
            _return(draft)
        case Stage.SETTLING:
            _settle(draft)
        case unknown:
            draft.stalled = Why(
                Reason.STATUS_UNREADABLE,
                f"run.promotion.stage {unknown!r} is not known to this version: nothing is moved (Abort reverts)",
            )


def impossible(spec: RolloutSpec, baseline: Arm) -> Why | None:
    """Why the promotion could not be carried out on this baseline; `None` when it could. Asked before a run and before the write."""
    named = f"baseline Deployment {baseline.deployment!r}"
    last = weights_at(spec, spec.steps[-1])
    if baseline.recreates and not last.full:
        rest = (
            f"{100 - last.weight}% of the traffic"
            if last.weight < 100
            else f"a part of a cohort (it has weight {last})"
        )
        return Why(
            Reason.RECREATE_NEEDS_FULL_WEIGHT,
            f"{named} has strategy Recreate, so it serves nothing while it rolls out the new version, and the last step leaves "
            f"it {rest}: give the last step weight 100, or the Deployment strategy RollingUpdate",
        )
    if spec.promotion.strategy is not PromotionStrategy.COPY_TEMPLATE:
        return None
    if baseline.history_limit == 0:
        return Why(
            Reason.NO_REVISION_HISTORY,
            f"{named} has revisionHistoryLimit 0: set it to 1 or more, or promote with AwaitBaseline",
        )
    if baseline.paused:
        return Why(
            Reason.DEPLOYMENT_PAUSED,
            f"{named} is paused (spec.paused): it could not roll out the promoted version; resume it",
        )
    return None


def returning(draft: TickContext) -> bool:
    """Whether the traffic is on its way back to the promoted baseline."""
    return draft.run.promotion is not None and draft.run.promotion.stage == Stage.RETURNING


def sending_back(draft: TickContext) -> bool:
    """Whether the traffic is on its way back to the candidate, and its weight not decided yet: it is no higher than asked."""
    back = draft.run.promotion is not None and draft.run.promotion.stage == Stage.SENT_BACK
    return back and _last(draft).exceeds(draft.weights)


def try_again(draft: Draft) -> None:
    """After a person said so: the last part again, from where the baseline runs the new version."""
    _enter(draft, Stage.ROLLING_OUT if _copies(draft) else Stage.AWAITING)


def _copies(draft: TickContext) -> bool:
    return draft.spec.promotion.strategy is PromotionStrategy.COPY_TEMPLATE


def _current(draft: TickContext) -> PromotionStatus:
    if draft.run.promotion is None:
        raise LookupError("the run is not being promoted")
    return draft.run.promotion


def _enter(draft: Draft, stage: Stage) -> None:
    draft.update_run(
        promotion=_current(draft).model_copy(update={"stage": str(stage), "since": instant(draft.now), "settled": 0.0})
    )
    if stage in {
        Stage.RETURNING,
        Stage.SETTLING,
        Stage.SENT_BACK,
    }:  # another arm serves: what was seen of the other says nothing of it
        draft.update(guards=())
        draft.update_run(traffic_since=instant(draft.now), groups=())
    if stage == Stage.SENT_BACK:
        draft.update_step(seen=False)
    draft.go_on()
    draft.intent = True


def _copy(draft: Draft) -> None:
    promotion = _current(draft)
    baseline, candidate = (draft.seen.templates.get(arm) for arm in (ArmName.BASELINE, ArmName.CANDIDATE))
    if not isinstance(baseline, Template) or not isinstance(candidate, Template):
        draft.templates = True
        draft.need()
        draft.wait(Why(Reason.READING_TEMPLATES, "the two pod templates are being read"))
        return
    exclude = draft.run.version.exclude
    if candidate.fields.fingerprint(exclude) != draft.run.version.fingerprint:
        draft.wait(Why(Reason.ANOTHER_VERSION, "the candidate is no longer the version of this run"))
        return
    change = copied(baseline, candidate, exclude)
    if change.empty or baseline.fields.fingerprint(exclude) == draft.run.version.fingerprint:
        _enter(draft, Stage.ROLLING_OUT)
        return
    base = draft.arm(ArmName.BASELINE)
    blocked = impossible(draft.spec, base) if base is not None else None
    if blocked is not None:
        draft.stalled = blocked
        return
    if promotion.written and old_template.never_written(draft, promotion, baseline):
        draft.update_run(promotion=promotion.model_copy(update={"written": False}))
        draft.intent = True
        draft.need()  # `notice_baseline` sees what somebody made of it
        return
    if promotion.writes >= MOST_WRITES or _overwritten(draft, promotion, baseline):
        _contested(draft)
        return
    if not promotion.written and _another_baseline(draft, baseline):
        draft.need()  # `notice_baseline` sees it by its own look
        draft.wait(Why(Reason.BASELINE_CHANGED, "the baseline is no longer the one this run was judged beside"))
        return
    if not old_template.keep(draft, promotion, baseline):
        return
    draft.update_run(raised=instant(draft.now))
    draft.actions.append(WriteTemplate(draft.spec.baseline.deployment, baseline, change))
    draft.intent = True
    draft.need()


def _another_baseline(draft: TickContext, baseline: Template) -> bool:
    known = draft.run.baseline
    return known is not None and baseline.fields.fingerprint(draft.run.version.exclude) != known.fingerprint


def _overwritten(draft: TickContext, promotion: PromotionStatus, baseline: Template) -> bool:
    """Something else than the old version stands there after our write: a webhook or Git changed what we wrote."""
    return promotion.written and not old_template.stands(draft, promotion, baseline)


def _contested(draft: Draft) -> None:
    name = draft.spec.baseline.deployment
    draft.stalled = Why(
        Reason.CONTESTED,
        f"Deployment {name!r} does not keep the promoted template (spec.template): something else writes it, such as "
        "Git or a webhook. It is not written again; use AwaitBaseline for a Deployment kept in Git",
    )


def _not_there(draft: Draft) -> Why:
    """Why one of the Deployments is not known: it is gone, or it could not be read."""
    if draft.seen.arm(ArmName.BASELINE) is ABSENT:
        draft.need()
        name = draft.spec.baseline.deployment
        words = f"baseline Deployment {name!r} is gone during the promotion: bring it back"
        return Why(Reason.BASELINE_MISSING, words)
    return Why(Reason.NOT_SEEN, "one of the Deployments could not be read")


def _roll_out(draft: Draft) -> None:
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is None or candidate is None:
        draft.wait(_not_there(draft))
        return
    if not same_template(draft.run.version, baseline):
        draft.need()
        _contested(draft)
        return
    least = workloads.least_available(draft.spec, baseline, candidate)
    needed = max(candidate.available if draft.weights.some else 1, least)
    if not baseline.rolled_out:
        draft.wait(workloads.rolling_out(baseline, "baseline", Reason.BASELINE_ROLLING_OUT))
        return
    if _grows(draft):
        return
    if draft.spec.ratio is not None:  # it has the pods again that it had for all the traffic
        needed = min(needed, baseline.replicas)
    if baseline.available < min(needed, max(baseline.replicas, 1)):
        message = f"the baseline runs the new version, with {baseline.available} of {needed} pods available"
        draft.wait(Why(Reason.BASELINE_ROLLING_OUT, message))
        return
    if baseline.replicas < needed:
        message = (
            f"the baseline has {baseline.replicas} replicas, the candidate serves with {needed}: scale the baseline up"
        )
        draft.wait(Why(Reason.BASELINE_TOO_SMALL, message))
        return
    _start_returning(draft)


def _await(draft: Draft) -> None:
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is None or candidate is None:
        draft.wait(_not_there(draft))
        return
    if not serves(draft.run.version, baseline, draft.spec):
        why = Why(
            Reason.AWAITING_BASELINE,
            f"waiting for Deployment {draft.spec.baseline.deployment!r} to run {_awaited(draft, baseline, candidate)}",
        )
        draft.wait(why, deadline=False)
        draft.attention = why
        return
    if not baseline.rolled_out:
        draft.wait(workloads.rolling_out(baseline, "baseline", Reason.BASELINE_ROLLING_OUT))
        return
    if _grows(draft):
        return
    least = workloads.least_available(draft.spec, baseline, candidate)
    if baseline.available < least:
        message = f"the baseline runs the new version, with {baseline.available} of {least} pods available"
        draft.wait(Why(Reason.BASELINE_ROLLING_OUT, message))
        return
    _start_returning(draft)


def _grows(draft: Draft) -> bool:
    """Whether the promoted baseline is given its own pods back first: the candidate's are the capacity until it has them."""
    if not raising_pods.grow(draft):
        return False
    draft.wait(
        Why(Reason.BASELINE_ROLLING_OUT, "the baseline runs the new version, and is given its own number of pods again")
    )
    return True


def _awaited(draft: TickContext, baseline: Arm, candidate: Arm) -> str:
    if draft.spec.promotion.match is BaselineMatch.IMAGES:
        return " ".join(draft.run.version.images)
    fields = differences(baseline, candidate, draft.run.version.exclude)
    return f"the candidate's version: {in_fields(fields)} still differ{'s' if len(fields) == 1 else ''}"


def _start_returning(draft: Draft) -> None:
    nothing = TargetWeights(Decimal(0), dict.fromkeys(draft.weights.cohorts, Decimal(0)))
    draft.update_run(**cohorts.decided(draft, nothing))
    _enter(draft, Stage.RETURNING)
    draft.say(Reason.RETURNING_TRAFFIC, "the baseline runs the new version: all traffic goes back to it")
    draft.need()


def _return(draft: Draft) -> None:
    back = [restoring.restore(draft, target, revert=False) for target in draft.status.targets]
    slow = acceptance.not_taken(draft) if all(back) else None
    if slow is not None:
        draft.wait(acceptance.not_yet(slow))
    elif all(back):
        _enter(draft, Stage.SETTLING)
        draft.watching = True
        draft.need()
    elif not draft.actions:
        draft.wait(raise_rule.unfit_route(draft) or Why(Reason.NOT_SEEN, "a route could not be read"))


def _settle(draft: Draft) -> None:
    promotion = _current(draft)
    if _baseline_gone_back(draft):
        return
    if draft.lost is not None:  # users may not be where the route says: this time shows nothing
        draft.wait(draft.lost)
        return
    draft.watching = draft.run.hold is None
    settled = promotion.settled + (draft.elapsed if draft.memory.watching else 0.0)
    draft.update_run(promotion=promotion.model_copy(update={"settled": round(settled, 3)}))
    left = draft.spec.promotion.settle.seconds - settled
    if left > 1e-6:
        draft.wait(Why(Reason.SETTLING, "the promoted baseline is watched with all the traffic"), deadline=False)
        draft.wakes.append(draft.now + left)
        return
    unwell = next((f for f in acting(draft.judgement.guards) if f.state not in raise_rule.WELL), None)
    if unwell is not None or draft.run.hold is not None:
        message = unwell.message if unwell else (draft.run.hold.message if draft.run.hold else "")
        draft.wait(Why(Reason.SETTLING_UNDECIDED, message or "the promoted baseline is being evaluated"))
        return
    draft.need()
    took = in_words(draft.now - draft.run.start_time.timestamp())
    draft.update(released=draft.run.version, rejected=None, targets=())
    finish(draft, RunEnd.SUCCEEDED, Reason.PROMOTED, f"promoted after {took}")


def _breached(draft: Draft) -> bool:
    """A guard breached while settling: the candidate, which served well, gets the traffic again."""
    breached = [f for f in acting(draft.judgement.guards) if f.state is State.BREACHED]
    worst = next((f for f in breached if f.line.on_breach.takes_traffic), None)
    if worst is not None:
        _enter(draft, Stage.SENT_BACK)
        draft.say(Reason.PROMOTION_BREACHED, f"after the promotion: {worst.message}", warning=True)
        draft.urgent = True
    return worst is not None


def _baseline_gone_back(draft: Draft) -> bool:
    """Somebody put the old version back: said, never fought."""
    baseline = draft.arm(ArmName.BASELINE)
    if baseline is None:
        draft.wait(_not_there(draft))
        return True
    same = serves(draft.run.version, baseline, draft.spec)
    if not same:
        draft.need()
        draft.stalled = Why(
            Reason.BASELINE_OVERWRITTEN,
            f"Deployment {baseline.deployment!r} no longer runs the promoted version: another client changed it. Let the run go on "
            "by putting the promoted version back, or Abort",
        )
    return not same


def _send_back(draft: Draft) -> None:
    """Gives the traffic back to the candidate, which served well, and waits for a person."""
    weights = _last(draft)
    why = draft.stalled = Why(
        Reason.PROMOTION_BREACHED,
        "the promoted baseline breached a guard, so the candidate serves again: Abort puts the old version back, Resume "
        "tries the promotion's last part again",
    )
    if draft.weights == weights and _stands(draft, weights):
        return
    blocked = raise_rule.way_back_blocked(draft)
    if blocked is not None:
        words = "the promoted baseline breached a guard, and the traffic cannot go back to the candidate"
        draft.stalled = Why(why.reason, f"{words}: {blocked.message} (Abort puts the old version back)")
        draft.wakes.append(draft.now + raise_rule.AT_MOST_EVERY)
        draft.wait(blocked)
        put_back.put_back_more(draft)
        return
    raising.raise_to(draft, weights)


def _last(draft: TickContext) -> TargetWeights:
    """The weights with which the candidate served well."""
    return cohorts.asked(draft, draft.spec.steps[-1])


def _stands(draft: Draft, weights: TargetWeights) -> bool:
    """Whether nothing is left to be raised: the weight was seen on the routes, whoever has lowered it since.

    While one of our own writes of before may still land, a lower weight is not taken for somebody's.
    """
    standing = shares.standing(draft, weights)
    if standing is shares.Standing.UNSEEN:
        return not shares.below(draft, weights)
    if standing is shares.Standing.LESS and draft.step.seen:
        draft.pause(Reason.LOWERED_BY_OTHER, shares.lowered(draft, weights))
        return True
    if standing is shares.Standing.LESS:
        return False
    raised = draft.run.raised or _current(draft).since
    alone = max(raised, _current(draft).since).timestamp() + LATE_WRITE
    if draft.now >= alone:
        draft.update_step(seen=True)
    else:
        draft.wakes.append(alone)
    return True
