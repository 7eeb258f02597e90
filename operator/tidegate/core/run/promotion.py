"""The promotion: the candidate's version becomes the baseline, step for step, each of which may be repeated harmlessly.

CopyTemplate: Copying -> RollingOut -> Returning -> Settling. AwaitBaseline: Awaiting -> Returning -> Settling.
A breach while settling sends the traffic back to the candidate (SentBack) and waits for a person.
"""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import Stage
from tidegate.api.rollout.status import PromotionStatus
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import instant
from tidegate.core.run import baseline_update, promotion_stage, traffic_return
from tidegate.core.tick.draft import Draft


def begin(draft: Draft) -> None:
    """Starts the promotion after the last step has passed."""
    stage = Stage.COPYING if promotion_stage.copies(draft) else Stage.AWAITING
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
    promotion = promotion_stage.current(draft)
    if promotion.stage in _SERVED_BY_BASELINE and traffic_return.breached(draft):
        return
    if promotion.stage == Stage.SENT_BACK:  # a revert by its nature: a pause does not stop it
        traffic_return.send_back(draft)
        return
    if draft.spec.paused or draft.run.paused is not None:
        draft.attention = Why(Reason.PAUSED, "the promotion is paused")
        return
    if draft.run.hold is not None and promotion.stage in _BEFORE_RETURNING:
        draft.doing = Why(Reason.HOLDING, draft.run.hold.message)
        return
    match promotion.stage:
        case Stage.COPYING:
            baseline_update.copy(draft)
        case Stage.ROLLING_OUT:
            baseline_update.roll_out(draft)
        case Stage.AWAITING:
            baseline_update.await_version(draft)
        case Stage.RETURNING:
            traffic_return.return_traffic(draft)
        case Stage.SETTLING:
            traffic_return.settle(draft)
        case unknown:
            draft.stalled = Why(
                Reason.STATUS_UNREADABLE,
                f"run.promotion.stage {unknown!r} is not known to this version: no weight is changed (Abort reverts)",
            )


def try_again(draft: Draft) -> None:
    """After a person said so: the last part again, from where the baseline runs the new version."""
    promotion_stage.enter(draft, Stage.ROLLING_OUT if promotion_stage.copies(draft) else Stage.AWAITING)
