"""What must be true before a raise, watched for as long as the candidate has traffic: a loss is reported at once and answered.

Deployments and routes that are gone are interrupts.py's business; here is what they need around them.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd, Stage
from tidegate.api.rollout.spec import FINALIZER, LossResponse
from tidegate.core.gates import raise_rule, workloads
from tidegate.core.model.plan import KeepFinalizer, Why
from tidegate.core.model.world import ABSENT, Acceptance, ArmName
from tidegate.core.scaling import to_zero
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import acceptance, correcting, shares, targets

LOSSES: Final = frozenset(
    {
        Reason.ARMS_OVERLAP,
        Reason.ARM_NOT_SELECTED,
        Reason.BASELINE_MISSING,
        Reason.BASELINE_SERVICE_MISSING,
        Reason.CANDIDATE_SERVICE_MISSING,
        Reason.PODS_NOT_READY,
        Reason.RATIO_NOT_POSSIBLE,
        Reason.ROUTE_CONTESTED,
        Reason.ROUTE_NOT_ACCEPTED,
        Reason.ROUTE_NOT_WRITABLE,
        Reason.SCALE_TO_ZERO_NOT_POSSIBLE,
        Reason.STICKY_ROUTE,
    }
)
"""Reasons for which a step stands still until what was lost is back."""

REVERTIBLE: Final = frozenset({Stage.COPYING, Stage.ROLLING_OUT, Stage.AWAITING, Stage.SENT_BACK})
"""Stages of a promotion in which the candidate has its share: what is lost of it reverts, as in a step."""

PASSING: Final = Reason.PODS_NOT_READY
"""A loss that is waited for before it is anybody's business: pods come and go."""


def keep_finalizer(draft: Draft) -> None:
    """Puts our finalizer back where somebody's update of the Rollout took it off: a deletion must find the weights restored."""
    if FINALIZER in draft.seen.rollout.finalizers or draft.seen.rollout.deleting:
        return
    if draft.ending() and draft.actions and draft.memory.refused is None:  # first the weights
        return
    draft.actions.append(KeepFinalizer(present=True))
    draft.need()
    if (
        draft.run.traffic_since is None and draft.run.mirrored_since is None
    ):  # nobody took it off: nothing is raised without it
        return
    draft.say(
        Reason.FINALIZER_RESTORED,
        f"another client removed the finalizer {FINALIZER} during the run: restored",
        warning=True,
        when_done=True,
    )


def notice_lost_services(draft: Draft) -> None:
    """Ends the run, or stops the step, when the candidate no longer gets its share and nothing else, or would keep users at 0."""
    promotion = draft.run.promotion
    settling = promotion is not None and promotion.stage in {Stage.RETURNING, Stage.SETTLING}
    if shares.requests(draft) is shares.Traffic.NONE and not settling:
        return
    unreached = workloads.unreached_baseline(draft.spec, draft.seen.arms)
    if settling:  # all users are, or go, to the promoted baseline: nothing else matters than that they reach it
        lost = unreached
    elif unreached is not None:
        words = f"{unreached.message}: a revert would send the traffic to no backend"
        lost = Why(unreached.reason, words)
    else:
        lost = _lost_service(draft) or _sticky(draft) or _no_ratio(draft)
    if lost is None:
        return
    draft.need()
    if not draft.seen.fresh:
        return
    draft.lost = lost
    reverts = draft.spec.on_precondition_lost is LossResponse.REVERT and unreached is None
    if reverts and (promotion is None or promotion.stage in REVERTIBLE):
        draft.end(RunEnd.REVERTED, lost.reason, lost.message)


def notice_refused_route(draft: Draft) -> None:
    """Stops the step while a gateway refuses its route, or has not taken what stands on it, or a revert would be refused."""
    if draft.lost is not None or not draft.step.reached:
        return
    draft.lost = to_zero.not_writable(draft)
    promotion = draft.run.promotion
    if draft.lost is not None or (
        promotion is not None and (promotion.stage == Stage.RETURNING or draft.spec.ratio is not None)
    ):
        return  # it waits for the route, or for the pods, itself
    for route in targets.routes(draft):
        if route.not_writable:
            draft.lost = Why(Reason.ROUTE_NOT_WRITABLE, f"{route.not_writable}: a revert would be refused")
            return
        if route.acceptance is Acceptance.REFUSED:
            detail = f": {route.acceptance_message}" if route.acceptance_message else ""
            draft.lost = Why(Reason.ROUTE_NOT_ACCEPTED, f"{route.ref.key} is refused by its gateway{detail}")
        elif route.acceptance is Acceptance.PENDING:
            draft.lost = acceptance.not_yet(route)


def notice_contested_route(draft: Draft) -> None:
    """Stops the step while something else keeps giving the candidate more."""
    if contested(draft):
        draft.lost = contest(draft)


def contested(draft: Draft) -> bool:
    """Whether somebody else's higher weight was corrected again and again just now."""
    recent = [one for one in draft.memory.corrections if abs(draft.now - one) < correcting.QUIET]
    if recent:
        draft.wakes.append(recent[0] + correcting.QUIET)
    return len(recent) >= correcting.KEPT_CORRECTIONS


def contest(draft: TickContext) -> Why:
    """What is said of it."""
    names = ", ".join(targets.key_of(target) for target in draft.status.targets) or "the route"
    return Why(
        Reason.ROUTE_CONTESTED,
        f"another client keeps raising the candidate's weight on {names}; it is corrected each time. Find that client "
        "(kubectl get --show-managed-fields) and stop it",
    )


def _sticky(draft: TickContext) -> Why | None:
    """While users stay with the candidate even at weight 0, each request makes more of them."""
    return next(filter(None, (raise_rule.sticky(draft, route) for route in targets.routes(draft))), None)


def _no_ratio(draft: TickContext) -> Why | None:
    """While the share of pods is not the share of traffic, or somebody else sets it, nothing keeps the candidate below its weight."""
    return next((raise_rule.no_ratio(route) for route in targets.routes(draft) if route.unfit), None)


def _lost_service(draft: TickContext) -> Why | None:
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if candidate is not None and candidate.selector is ABSENT:
        name = draft.spec.candidate.service
        return Why(
            Reason.CANDIDATE_SERVICE_MISSING,
            f"candidate Service {name!r} does not exist any more: requests to the candidate fail",
        )
    if baseline is not None and candidate is not None:
        return workloads.overlap(draft.spec, baseline, candidate)
    return None
