"""The stage of a promotion: which one it is in, and what entering another resets."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.promotion import PromotionStrategy
from tidegate.api.rollout.run_status import Stage
from tidegate.api.rollout.status import PromotionStatus
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ABSENT, ArmName
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

_ANOTHER_ARM_SERVES = frozenset({Stage.RETURNING, Stage.SETTLING, Stage.SENT_BACK})
"""Stages before which the other arm served: what was seen of that one says nothing of this."""


def copies(draft: TickContext) -> bool:
    """Whether the operator copies the version itself (`CopyTemplate`)."""
    return draft.spec.promotion.strategy is PromotionStrategy.COPY_TEMPLATE


def current(draft: TickContext) -> PromotionStatus:
    """The promotion of a run that is being promoted."""
    if draft.run.promotion is None:
        raise LookupError("the run is not being promoted")
    return draft.run.promotion


def enter(draft: Draft, stage: Stage) -> None:
    """Enters a stage: its time starts, and what was seen while the other arm served is forgotten."""
    draft.update_run(
        promotion=current(draft).model_copy(update={"stage": str(stage), "since": instant(draft.now), "settled": 0.0})
    )
    if stage in _ANOTHER_ARM_SERVES:
        draft.update(guards=())
        draft.update_run(traffic_since=instant(draft.now), groups=())
    if stage == Stage.SENT_BACK:
        draft.update_step(seen=False)
    draft.go_on()
    draft.intent = True


def not_there(draft: Draft) -> Why:
    """Why one of the Deployments is not known: it is gone, or it could not be read."""
    if draft.seen.arm(ArmName.BASELINE) is ABSENT:
        draft.need()
        name = draft.spec.baseline.deployment
        words = f"baseline Deployment {name!r} was deleted during the promotion: restore it"
        return Why(Reason.BASELINE_MISSING, words)
    return Why(Reason.READ_FAILED, "one of the Deployments could not be read")
