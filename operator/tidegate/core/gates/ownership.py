"""Which things this Rollout claims, and who has a better right to one of them."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model.claims import Claim, deployment, pair, stronger
from tidegate.core.model.plan import Why
from tidegate.core.model.world import RolloutObject
from tidegate.core.tick.context import TickContext


def claim_of(rollout: RolloutObject, spec: RolloutSpec, *, active: bool) -> Claim:
    """What a Rollout with this spec holds."""
    things = {deployment(arm.deployment) for arm in (spec.baseline, spec.candidate)}
    things |= {
        pair(target.router, target.name, *target.named(spec.baseline, spec.candidate)) for target in spec.traffic
    }
    return Claim(rollout.name, rollout.uid, active, rollout.created, frozenset(things))


def conflict(draft: TickContext) -> Why | None:
    """The Rollout with a better right to something of ours; `None` when there is none."""
    mine = claim_of(draft.seen.rollout, draft.spec, active=draft.status.run is not None)
    found = stronger(mine, draft.seen.claims)
    if found is None:
        return None
    other, thing = found
    return Why(
        Reason.CLAIMED,
        f"{thing} belongs to Rollout {other.name!r}: one Rollout for each Deployment and pair of backends",
    )
