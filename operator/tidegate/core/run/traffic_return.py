"""The promotion's last part: the traffic goes back to the promoted baseline, which is watched, and after a breach to the candidate."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd, Stage
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.core.gates import raise_rule, workloads
from tidegate.core.judging.judge import acting
from tidegate.core.model.finding import Finding, State
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import in_words
from tidegate.core.model.version import serves
from tidegate.core.model.world import ArmName
from tidegate.core.run import promotion_stage
from tidegate.core.run.ending import LATE_WRITE, finish
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import acceptance, cohorts, correcting, raising, restoring, shares


def returning(draft: TickContext) -> bool:
    """Whether the traffic is on its way back to the promoted baseline."""
    return draft.run.promotion is not None and draft.run.promotion.stage == Stage.RETURNING


def sending_back(draft: TickContext) -> bool:
    """Whether the traffic is on its way back to the candidate, and its weight not decided yet: it is no higher than asked."""
    back = draft.run.promotion is not None and draft.run.promotion.stage == Stage.SENT_BACK
    return back and _last(draft).exceeds(draft.weights)


def kept_from_baseline(draft: TickContext) -> bool:
    """Whether an end would move users to the baseline that breached: it has been sent back, and nothing tells that it is safe now.

    The operator has no old version to restore where another client writes the baseline, so until that one is seen to have rolled
    out another version the users stay on the candidate.
    """
    promotion = draft.run.promotion
    if promotion is None or promotion.stage != Stage.SENT_BACK or promotion.written:
        return False
    if shares.traffic(draft) is shares.Traffic.NONE:  # nobody is moved
        return False
    baseline = draft.arm(ArmName.BASELINE)
    return baseline is None or not baseline.rolled_out or serves(draft.run.version, baseline, draft.spec)


def return_traffic(draft: Draft) -> None:
    """Plans the way back of all traffic to the promoted baseline, until every gateway has taken it."""
    blocked = workloads.no_way_back(draft.spec, draft.seen.arms)
    if blocked is not None and shares.requests(draft) is not shares.Traffic.NONE:  # it stays where it is served
        draft.wait(blocked)
        return
    back = [restoring.restore(draft, target, revert=False) for target in draft.status.targets]
    slow = acceptance.not_taken(draft) if all(back) else None
    if slow is not None:
        draft.wait(acceptance.not_yet(slow))
    elif all(back):
        promotion_stage.enter(draft, Stage.SETTLING)
        draft.watching = True
        draft.need()
    elif not draft.actions:
        draft.wait(raise_rule.unfit_route(draft) or Why(Reason.READ_FAILED, "a route could not be read"))


def settle(draft: Draft) -> None:
    """Watches the promoted baseline for `promotion.settle`; then the run has succeeded."""
    promotion = promotion_stage.current(draft)
    if _baseline_gone_back(draft):
        return
    if draft.lost is not None:  # users may not be where the route says: this time shows nothing
        draft.wait(draft.lost)
        return
    blocked = workloads.no_way_back(draft.spec, draft.seen.arms)
    if blocked is not None:
        draft.wait(blocked)
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


def breached(draft: Draft) -> bool:
    """A guard breached while settling: the candidate, which served well, gets the traffic again."""
    worst = _worst(draft)
    if worst is not None:
        promotion_stage.enter(draft, Stage.SENT_BACK)
        draft.say(Reason.PROMOTION_BREACHED, f"after the promotion: {worst.message}", warning=True)
        draft.urgent = True
        send_back(draft)
    return worst is not None


def breaches(draft: TickContext) -> bool:
    """Whether the promoted baseline, which has all the traffic, is beyond a guard: what another client gave the candidate comes after that."""
    settling = draft.run.promotion is not None and draft.run.promotion.stage == Stage.SETTLING
    return settling and _worst(draft) is not None


def _worst(draft: TickContext) -> Finding | None:
    breached = [f for f in acting(draft.judgement.guards) if f.state is State.BREACHED]
    return next((f for f in breached if f.limit.on_breach.takes_traffic), None)


def _baseline_gone_back(draft: Draft) -> bool:
    """Somebody put the old version back: said, never fought."""
    baseline = draft.arm(ArmName.BASELINE)
    if baseline is None:
        draft.wait(promotion_stage.not_there(draft))
        return True
    same = serves(draft.run.version, baseline, draft.spec)
    if not same:
        draft.need()
        draft.stalled = Why(
            Reason.BASELINE_OVERWRITTEN,
            f"Deployment {baseline.deployment!r} no longer runs the promoted version: another client changed it. Restore the "
            "promoted version to continue, or Abort",
        )
    return not same


def send_back(draft: Draft) -> None:
    """Gives the traffic back to the candidate, which served well, and waits for a person."""
    weights = _last(draft)
    stands = draft.weights == weights and _stands(draft, weights)
    draft.stalled = _superseding(draft) or Why(Reason.PROMOTION_BREACHED, f"{_where(draft, weights)}: {_next(draft)}")
    if stands:
        return
    blocked = raise_rule.way_back_blocked(draft)
    if blocked is not None:
        on_the_way = blocked.reason is Reason.PODS_NOT_READY
        words = (
            _GOES_BACK
            if on_the_way
            else "the promoted baseline breached a guard, and the traffic cannot go back to the candidate"
        )
        draft.stalled = _superseding(draft) or Why(
            Reason.PROMOTION_BREACHED, f"{words}: {blocked.message} ({_next(draft)})"
        )
        draft.wakes.append(draft.now + raise_rule.AT_MOST_EVERY)
        draft.wait(blocked)
        correcting.correct_excess(draft)
        return
    raising.raise_to(draft, weights, back=True)


_GOES_BACK = "the promoted baseline breached a guard, so the traffic goes back to the candidate"


def _where(draft: TickContext, weights: TargetWeights) -> str:
    """What is said of the traffic: the candidate serves again where the routes were seen to say so."""
    if draft.weights == weights and shares.standing(draft, weights) in {shares.Standing.SAME, shares.Standing.MORE}:
        return "the promoted baseline breached a guard, so the candidate serves again"
    unfit = raise_rule.unfit_route(draft)
    return f"{_GOES_BACK} ({unfit.message})" if unfit is not None else _GOES_BACK


def _next(draft: TickContext) -> str:
    """What a person can do: where another client writes the baseline, its old version is not the operator's to restore."""
    again = "Resume repeats the last part of the promotion"
    if promotion_stage.copies(draft):
        return f"Abort restores the old version, {again}"
    name, baseline = draft.spec.baseline.deployment, draft.arm(ArmName.BASELINE)
    if baseline is None:
        return f"Abort would give Deployment {name!r} all the traffic, whatever it runs; {again}"
    images = " ".join(baseline.images)[:256]
    if serves(draft.run.version, baseline, draft.spec):
        return (
            f"Deployment {name!r} still runs the version that breached ({images}), and Abort would give it all the traffic. "
            f"Restore its old version where it is kept (strategy AwaitBaseline), then Abort; {again}"
        )
    state = "runs" if baseline.rolled_out else "is rolling out"
    return f"Deployment {name!r} {state} another version now ({images}): Abort gives it all the traffic; {again}"


def _superseding(draft: TickContext) -> Why | None:
    """What a new version of the candidate waits for: its users would be moved to the baseline that breached."""
    candidate, written = draft.arm(ArmName.CANDIDATE), promotion_stage.current(draft).written
    if candidate is None and not written:  # what was said before holds until it can be read
        said = next((one for one in draft.memory.status.conditions if one.type == "Stalled"), None)
        known = said if said is not None and said.reason == Reason.ANOTHER_VERSION else None
        return Why(Reason.ANOTHER_VERSION, known.message) if known is not None else None
    if candidate is None or written or raise_rule.another_version(draft) is None:
        return None
    name, baseline = draft.spec.baseline.deployment, draft.arm(ArmName.BASELINE)
    if baseline is None:
        state = "could not be read"
    elif serves(draft.run.version, baseline, draft.spec):
        state = f"still runs the version that breached ({' '.join(baseline.images)[:256]})"
    else:
        state = (
            f"{'runs' if baseline.rolled_out else 'is rolling out'} another version ({' '.join(baseline.images)[:256]})"
        )
    return Why(
        Reason.ANOTHER_VERSION,
        f"the candidate has a new version ({' '.join(candidate.images)[:256]}), and it keeps the traffic: after the promotion the baseline "
        f"breached a guard, and Deployment {name!r} {state}. Once it has rolled out another version, the traffic goes back to it and the new "
        "version gets a run of its own: restore its old version where it is kept (Git). Abort and Resume do not wait for that",
    )


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
    since = promotion_stage.current(draft).since
    begun = {one.timestamp() for one in (draft.run.raised or since, since)}
    recent = [one + LATE_WRITE for one in begun if abs(draft.now - one) < LATE_WRITE]
    if recent:
        draft.wakes.append(max(recent))
    else:
        draft.update_step(seen=True)
    return True
