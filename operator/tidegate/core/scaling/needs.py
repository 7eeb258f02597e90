"""How many pods the candidate needs, and what stands before a raise because it has fewer."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.scaling import Scaling, ScalingMode
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import ScalingStatus
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.target_weights import TargetWeights, weights_at
from tidegate.core.model.plan import Why
from tidegate.core.model.world import Arm, ArmName
from tidegate.core.tick.context import TickContext

_ALL: Final = Decimal(100)
_NONE: Final = Decimal(0)

MOST_WRITES: Final = 3
"""Times a number is written that something else takes back: then it is contested, and not fought for."""


def memory_of(draft: TickContext) -> ScalingStatus:
    """What is remembered of the candidate's scaling."""
    return draft.status.scaling or ScalingStatus()


def load(spec: RolloutSpec, weights: TargetWeights) -> Decimal:
    """The percent of all requests, 0-100, that the candidate gets, copies of them included; none of a cohort whose share is not given."""
    scaling = spec.candidate.scaling
    shares = {name: one.percent for name, one in scaling.cohort_shares.items()} if scaling is not None else {}
    others = _ALL - sum(shares.values(), _NONE)
    return (
        max(weights.weight, Decimal(weights.mirror)) * others
        + sum((weights.of(name) * share for name, share in shares.items()), _NONE)
    ) / _ALL


def needed(draft: TickContext, weights: TargetWeights) -> int:
    """Pods that the candidate needs for these weights; 0 when the operator has no say in it."""
    scaling, memory = draft.spec.candidate.scaling, draft.status.scaling
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    mode = scaling.mode if scaling is not None else ScalingMode.KEEP
    match mode:
        case ScalingMode.MATCH_WEIGHT if scaling is not None:
            return matching(scaling, load(draft.spec, weights), baseline) if baseline is not None else 0
        case ScalingMode.FIXED if scaling is not None:
            return scaling.replicas or 0
        case _:
            rests = memory is not None and candidate is not None and candidate.replicas <= memory.rest
            return (memory.before or 0) if memory is not None and rests else 0


def asked(draft: TickContext, step: Step) -> TargetWeights:
    """The weights of a step, without the cohorts that were taken back."""
    back = frozenset(one.name for one in draft.run.cohorts or () if one.reverted is not None)
    return weights_at(draft.spec, step).without(back)


def matching(scaling: Scaling, load: Decimal, baseline: Arm) -> int:
    """The share of the baseline's pods for a load in percent, rounded up, between the bounds."""
    share = math.ceil(load * baseline.replicas / _ALL)
    share = max(share, scaling.min or 1)
    return min(share, scaling.max) if scaling.max is not None else share


def short(draft: TickContext, to: Step | None) -> Why | None:
    """Why a raise to a step waits for more pods of the candidate; `None` when it has them, or something else scales it."""
    if draft.spec.candidate.scaling is None and draft.status.scaling is None:
        return None
    memory, candidate = memory_of(draft), draft.arm(ArmName.CANDIDATE)
    weights = asked(draft, to) if to is not None else draft.weights
    need = needed(draft, weights)
    if candidate is None or candidate.replicas >= need or memory.refused:
        return None
    if contested(memory, need):
        return Why(Reason.REPLICAS_CONTESTED, contest(need))
    failed = draft.memory.not_scaled
    detail = f"; {failed.message}" if failed is not None else ""
    words = f"weight {weights} needs {need} pods of the candidate, and it asks for {candidate.replicas}{detail}"
    return Why(Reason.CANDIDATE_SCALING, words)


def contested(memory: ScalingStatus, replicas: int | None) -> bool:
    """Whether something else keeps taking a number back."""
    return memory.replicas == replicas and memory.fought >= MOST_WRITES - 1


def contest(replicas: int) -> str:
    """What is said of it."""
    return (
        f"the candidate was scaled to {replicas} pods {MOST_WRITES} times, and another client changed it back each time (Git?): leave "
        "spec.replicas of its Deployment to Tidegate, or scale it there"
    )
