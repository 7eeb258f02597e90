"""The candidate's pods over a run: more before its weight, fewer after it, and what becomes of them once it has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.scaling import AfterEnd, ScalingMode
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.api.values.scalars import Duration
from tidegate.core.model.time_format import in_words
from tidegate.core.model.world import Arm, ArmName
from tidegate.core.scaling.needs import asked, load, memory_of, needed
from tidegate.core.scaling.setting import notice, set_replicas
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft, Wish
from tidegate.core.traffic import acceptance, shares

WAITS_FOR_PODS = frozenset({Reason.CANDIDATE_SCALING, Reason.CANDIDATE_NOT_READY})
"""What more pods of the candidate can mend. A raise that waits for anything else as well gets none yet."""


AT_ONCE: Final = Duration("0s")

LOOK_AGAIN = 15.0
"""Seconds until a route that could not be read is looked at again."""


def begin(draft: Draft) -> None:
    """A run begins: what kept the runs before it from being scaled is looked at anew."""
    memory = draft.status.scaling
    if memory is not None:
        changes = {"refused": "", "refused_at": None, "fought": 0, "responded": None}
        draft.update(scaling=memory.model_copy(update=changes))


def prepare(draft: Draft, to: Step) -> None:
    """Asks for the pods that a raise to the step needs: everything else allows it."""
    weights = asked(draft, to)
    _ask_for(draft, weights, f"weight {weights} of step {to.name} needs them")


def scale(draft: Draft) -> None:
    """Plans the scaling that was asked for, where nothing else is to be done: no revert waits for it."""
    if (
        draft.spec.candidate.scaling is None
        and draft.status.scaling is None
        and not (draft.wishes or draft.memory.not_scaled)
    ):
        return
    notice(draft)
    if draft.urgent or draft.ending() or draft.actions or draft.memory.unreadable or draft.seen.rollout.deleting:
        return
    if draft.status.run is not None:
        _follow(draft)
    if draft.wishes:
        set_replicas(draft, max(draft.wishes, key=lambda one: one.replicas))
    elif draft.memory.not_scaled is not None:
        draft.memory = replace(draft.memory, not_scaled=None)


def _follow(draft: Draft) -> None:
    """What the weight as it is needs: never less; less than before once the route has the lower weight."""
    memory, candidate = draft.status.scaling, draft.arm(ArmName.CANDIDATE)
    if candidate is None:
        return
    if memory is not None and memory.before is not None and candidate.replicas > memory.rest:
        draft.update(scaling=memory.model_copy(update={"before": None}))
    if draft.weights.exposed:
        _ask_for(draft, draft.weights, f"weight {draft.weights} needs them")
    if not draft.wishes and _may_shrink(draft, candidate):
        fewer = needed(draft, draft.weights)
        if fewer < candidate.replicas:
            words = f"weight {draft.weights} needs no more"
            draft.wishes.append(Wish(fewer, words))


def _ask_for(draft: Draft, weights: TargetWeights, words: str) -> None:
    candidate, need = draft.arm(ArmName.CANDIDATE), needed(draft, weights)
    if candidate is not None and candidate.replicas < need:
        draft.wishes.append(Wish(need, words))


def _may_shrink(draft: Draft, candidate: Arm) -> bool:
    """Whether the weight was lowered since the pods were set, every gateway has taken that, and the number is still ours."""
    scaling, memory = draft.spec.candidate.scaling, memory_of(draft)
    if scaling is None or scaling.mode is not ScalingMode.MATCH_WEIGHT or draft.run.promotion is not None:
        return False
    if (
        candidate.replicas != memory.replicas
        or float(load(draft.spec, draft.weights)) >= memory.weight
        or not draft.step.seen
    ):
        return False
    standing = shares.standing(draft, draft.weights)
    return standing in {shares.Standing.SAME, shares.Standing.LESS} and acceptance.not_taken(draft) is None


def rest(draft: Draft) -> None:
    """After a run's end: once its delay is over and no route gives the candidate anything, it is scaled down, once."""
    memory, after, candidate = memory_of(draft), _after_end(draft), draft.arm(ArmName.CANDIDATE)
    if after is None or candidate is None or memory.ended == draft.status.history[0].id:
        return
    last = draft.status.history[0]
    ended = last.end_time.timestamp()
    if abs(draft.now - ended) < after.delay.seconds:
        draft.wakes.append(ended + after.delay.seconds)
    elif candidate.replicas <= after.replicas:
        draft.update(scaling=memory.model_copy(update={"ended": last.id}))
    elif shares.requests(draft) is shares.Traffic.NONE:
        ago = in_words(after.delay.seconds) or "0s"
        words = f"run {last.id} ended {ago} ago, and no route gives it traffic"
        draft.wishes.append(Wish(after.replicas, words, rests=True))
    elif shares.requests(draft) is shares.Traffic.UNKNOWN:
        draft.wakes.append(draft.now + LOOK_AGAIN)


def _after_end(draft: TickContext) -> AfterEnd | None:
    """What becomes of the pods after the last run; `None` for nothing.

    Sessions that a route keeps at weight 0 must end after a success too: their users would be the first to meet the next
    version, before any weight.
    """
    scaling, history = draft.spec.candidate.scaling, draft.status.history
    after = scaling.after_end if scaling is not None else None
    if history and history[0].outcome == RunEnd.SUCCEEDED and draft.spec.scales_to_zero:
        return AfterEnd(replicas=0, delay=after.delay if after is not None else AT_ONCE)
    return after if history else None
