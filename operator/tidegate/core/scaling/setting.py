"""The one way in which the candidate's pods are set: after live looks, tested, never against an HPA, KEDA or somebody's hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.status_budget import LONGEST_CAUSE
from tidegate.api.values.text import printable
from tidegate.core.model.memory import Refusal
from tidegate.core.model.plan import SetReplicas
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import Absence, Arm, ArmName, Unknown
from tidegate.core.scaling.needs import contest, contested, load, memory_of
from tidegate.core.tick.draft import Draft, Wish

TRIED_AGAIN: Final = 10.0
"""Seconds until what failed is tried again."""

LOOKED_AGAIN: Final = 600.0
"""Seconds for which an HPA or ScaledObject is taken to be there still."""


def notice(draft: Draft) -> None:
    """Notes that the number written last is on the Deployment, and the largest weight that the candidate had with it."""
    memory, candidate = draft.status.scaling, draft.arm(ArmName.CANDIDATE)
    if memory is None:
        return
    changes: dict[str, object] = {}
    if candidate is not None and not memory.seen and candidate.replicas == memory.replicas:
        changes["seen"] = True
        if draft.memory.not_scaled is not None:  # its answer was lost: what was not told as done is done
            named = f"candidate Deployment {candidate.deployment!r}"
            draft.say(Reason.CANDIDATE_SCALED, f"{named} is scaled to {memory.replicas} pods: {memory.cause}")
    if (largest := _load(draft)) > memory.weight:
        changes["weight"] = largest
    if changes:
        draft.update(scaling=memory.model_copy(update=changes))


def set_replicas(draft: Draft, wish: Wish) -> None:
    """Plans what gives the candidate the pods that are wished for, unless something stands before it."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if candidate is None or candidate.replicas == wish.replicas or _must_not_now(draft, wish):
        return
    draft.need()
    if not draft.seen.fresh:
        return
    match draft.seen.autoscaler:
        case None:
            draft.autoscaler = True
        case Unknown(reason):
            words = f"whether an HPA or KEDA scales the candidate could not be read, so it is not scaled: {reason}"
            draft.memory = replace(draft.memory, not_scaled=Refusal(Reason.SCALE_REFUSED, words, draft.now))
            draft.wakes.append(draft.now + TRIED_AGAIN)
        case Absence():
            write(draft, candidate, wish)
        case autoscaler:
            _refuse(draft, autoscaler, wish)


def _must_not_now(draft: Draft, wish: Wish) -> bool:
    memory, failed = memory_of(draft), draft.memory.not_scaled
    if contested(memory, wish.replicas):
        draft.memory = replace(
            draft.memory, not_scaled=Refusal(Reason.REPLICAS_CONTESTED, contest(wish.replicas), draft.now)
        )
        return True
    if memory.refused and memory.refused_at is not None:
        looked = abs(draft.now - memory.refused_at.timestamp())
        if looked < LOOKED_AGAIN:
            return True
    if failed is not None and abs(draft.now - failed.since) < TRIED_AGAIN:
        draft.wakes.append(failed.since + TRIED_AGAIN)
        return True
    return False


def _refuse(draft: Draft, autoscaler: str, wish: Wish) -> None:
    words = f"{autoscaler} scales candidate Deployment {draft.spec.candidate.deployment!r}: its number of pods is not changed"
    changes: dict[str, object] = {"refused": words, "refused_at": instant(draft.now)}
    if wish.responds:
        changes["responded"] = instant(draft.now)
    draft.update(scaling=memory_of(draft).model_copy(update=changes))


def write(draft: Draft, candidate: Arm, wish: Wish, *, revert: bool = False) -> None:
    """Plans the write, and records it first.

    Args:
        draft: the tick's draft.
        candidate: as it was when this was decided.
        wish: the number, and why.
        revert: it is part of a run's end.
    """
    memory = memory_of(draft)
    again = memory.replicas == wish.replicas
    changes: dict[str, object] = {
        "replicas": wish.replicas,
        "time": instant(draft.now),
        "cause": printable(wish.words)[:LONGEST_CAUSE],
        "weight": _load(draft),
        "seen": False,
        "fought": memory.fought + memory.seen if again else 0,
        "refused": "",
        "refused_at": None,
    }
    if wish.responds:
        changes["responded"] = instant(draft.now)
    if wish.rests:
        before = memory.before if again and memory.before is not None else candidate.replicas
        changes |= {"before": before, "rest": wish.replicas}
    draft.update(scaling=memory.model_copy(update=changes))
    draft.actions.append(SetReplicas(candidate, wish.replicas, revert=revert))
    draft.intent = True
    named = f"candidate Deployment {candidate.deployment!r}"
    words = f"{named} is scaled from {candidate.replicas} to {wish.replicas} pods: {wish.words}"
    draft.say(Reason.CANDIDATE_SCALED, words, when_done=True)


def _load(draft: Draft) -> float:
    """The percent of all requests that the candidate gets now; 0 without a run."""
    return float(load(draft.spec, draft.weights)) if draft.status.run is not None else 0.0
