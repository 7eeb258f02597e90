"""The one exception to lowering at once: with no available pod of the baseline, what is taken from the candidate would go nowhere."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.core.model.plan import Why
from tidegate.core.model.world import ABSENT, Arm, ArmName
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import shares


def would_be(draft: Draft, evidence: str) -> Why | None:
    """Why a lower weight waits; `None` when it need not.

    There is nothing to lose where the candidate has no pod either, where nothing has traffic, and where the Rollout is being
    deleted and its baseline is gone for good: waiting for pods that can never come would keep both for ever.

    Args:
        draft: the tick's draft.
        evidence: why the weight is lowered.
    """
    baseline, candidate = draft.seen.arm(ArmName.BASELINE), draft.seen.arm(ArmName.CANDIDATE)
    if available(baseline) != 0 or shares.traffic(draft) is shares.Traffic.NONE:
        return None
    draft.need()
    gone = baseline is ABSENT and draft.seen.rollout.deleting
    if draft.seen.fresh and (gone or available(candidate) == 0):
        return None
    what = "does not exist any more" if baseline is ABSENT else "has no available pod"
    return Why(
        Reason.BASELINE_UNAVAILABLE,
        f"{evidence}; but the baseline {draft.spec.baseline.deployment!r} {what}: the weights are "
        f"restored as soon as a pod is available{forced_by(draft)}",
    )


def forced_by(draft: Draft) -> str:
    """What a person can do; of a Rollout that is being deleted the API server takes no command any more."""
    return "" if draft.seen.rollout.deleting else " (Abort forces it)"


def available(arm: object) -> int | None:
    """Available pods; none when there is no Deployment; `None` when it could not be read."""
    if isinstance(arm, Arm):
        return arm.available
    return 0 if arm is ABSENT else None
