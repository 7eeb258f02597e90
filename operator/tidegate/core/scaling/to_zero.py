"""`revert: ScaleToZero`: the end of a run also scales the candidate to 0 pods, for routes that keep users on it at weight 0.

Here is what stands before a raise because that could not be done, and how it is done. When, after the weights, is the run's
business; whatever becomes of it delays none of them.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.traffic import TargetRevert
from tidegate.core.model.plan import Why
from tidegate.core.model.world import ABSENT, Absence, Arm, ArmName, Unknown
from tidegate.core.scaling.needs import contest, contested, memory_of
from tidegate.core.scaling.setting import write
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft, Wish

LOOK_AGAIN: Final = 60.0
"""Seconds until an HPA or ScaledObject that keeps a run from starting is looked for again."""

TRIED_AGAIN: Final = 5.0
"""Seconds until a write that failed, or whose effect was not seen, is tried again."""

DELETED_WITHIN: Final = 5.0
"""Seconds from the scaling until every pod is deleted: its grace period begins then."""

LOOKS: Final = 20
LEAST_LOOK: Final = 5.0
"""Where terminating pods are not reported: how often they are looked at in a grace period, and seconds between two looks at least."""

ENDED_WITHIN: Final = 10.0
"""Seconds beyond its grace period until a pod that is still there is reported."""


def covers(spec: RolloutSpec, key: str) -> bool:
    """Whether the end of a run scales the candidate to 0 for this route.

    Args:
        spec: the spec in force.
        key: of the route.
    """
    return any(one.key == key and one.revert is TargetRevert.SCALE_TO_ZERO for one in spec.traffic)


def asked(draft: TickContext) -> bool:
    """Whether the end of this run scales the candidate to 0: it had traffic on a target that asks for it."""
    edited = draft.spec.scales_to_zero and draft.run.traffic_since is not None
    return edited or draft.run.scales_to_zero_from is not None


def remember(draft: Draft) -> None:
    """Notes before a raise how many pods the candidate has: that they are to be taken, and brought back, is lost to no crash."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if draft.spec.scales_to_zero and candidate is not None:
        draft.update_run(scales_to_zero_from=candidate.replicas, grace=max(draft.run.grace, candidate.grace))


def must_look(draft: TickContext) -> bool:
    """Whether it must be looked first what else scales the candidate: before a run starts, and before each raise."""
    return draft.spec.scales_to_zero and draft.seen.fresh and draft.seen.autoscaler is None


def impossible(draft: TickContext) -> Why | None:
    """Why the end of a run could not scale the candidate to 0, as far as that was looked at; `None` when it could."""
    if not draft.spec.scales_to_zero:
        return None
    name, found = draft.spec.candidate.deployment, draft.seen.autoscaler
    match found:
        case None | Absence():
            return not_writable(draft)
        case Unknown(reason):
            return _not_possible(
                f"whether an HPA or KEDA scales candidate Deployment {name!r} could not be read: {reason}"
            )
        case _:
            return _not_possible(f"{found} scales candidate Deployment {name!r}: remove it, or leave the candidate out")


def not_writable(draft: TickContext) -> Why | None:
    """Why the operator may not scale the candidate; `None` when nothing is known against it, or nothing asks for it."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if not draft.spec.scales_to_zero or candidate is None or not candidate.not_writable:
        return None
    return _not_possible(candidate.not_writable)


def _not_possible(words: str) -> Why:
    return Why(Reason.SCALE_TO_ZERO_NOT_POSSIBLE, f"a target has 'revert: ScaleToZero', and {words}")


def bring_to_zero(draft: Draft, since: float) -> bool:
    """Plans that the candidate asks for no pods; whether it has none any more, terminating ones included.

    Args:
        draft: the tick's draft.
        since: when the run's end was decided, epoch seconds.
    """
    candidate = draft.seen.arm(ArmName.CANDIDATE)
    if not isinstance(candidate, Arm):
        draft.need()
        return candidate is ABSENT and draft.seen.fresh
    if candidate.replicas == 0:
        _note_size(draft)
        return _ended(draft, candidate, since)
    if draft.run.terminated_for is not None:
        draft.update_run(terminated_for=None)
    memory, failed = memory_of(draft), draft.memory.not_scaled
    set_back = draft.now < since
    if failed is not None and (failed.since >= since or set_back):
        draft.stalled = Why(failed.reason, f"{failed.message}; sessions may keep users on the candidate")
        if abs(draft.now - failed.since) < TRIED_AGAIN:
            draft.wakes.append(failed.since + TRIED_AGAIN)
            return False
    elif contested(memory, 0):
        draft.stalled = Why(Reason.REPLICAS_CONTESTED, contest(0))
        return False
    elif memory.replicas == 0 and not memory.seen and memory.time is not None:
        written = memory.time.timestamp()
        if (written >= since or set_back) and abs(draft.now - written) < TRIED_AGAIN:
            draft.wakes.append(written + TRIED_AGAIN)
            return False
    words = (
        f"the run ends, and a target has 'revert: ScaleToZero': {draft.run.ending.evidence if draft.run.ending else ''}"
    )
    write(draft, candidate, Wish(0, words, rests=True), revert=True)
    return False


def _ended(draft: Draft, candidate: Arm, since: float) -> bool:
    """Whether no process of the candidate is left: one that is terminating may still serve sessions and open connections.

    Where the API server does not report terminating pods, they have ended once their grace period is over: that of the pods
    that the run gave traffic, from the moment when the candidate was first seen without any to ask for, in watched time.
    """
    left = candidate.present or candidate.available or candidate.terminating
    if left == 0:
        return True
    grace = max(candidate.grace, draft.run.grace)
    if left is None:
        return _grace_is_over(draft, candidate, grace)
    memory = memory_of(draft)
    scaled = memory.time.timestamp() if memory.replicas == 0 and memory.time is not None else since
    begin = (scaled if since < scaled <= draft.now else since) + DELETED_WITHIN
    waited = abs(draft.now - begin) if draft.now < since else draft.now - begin
    draft.doing = Why(Reason.PODS_TERMINATING, _awaited(draft, candidate))
    if waited >= grace + ENDED_WITHIN:
        draft.stalled = Why(
            Reason.PODS_TERMINATING,
            f"{draft.doing.message}; their grace period is {grace:g}s: check their nodes, and delete with --force those whose "
            "process has ended",
        )
    else:
        draft.wakes.append(begin + grace + ENDED_WITHIN)
    return False


def _grace_is_over(draft: Draft, candidate: Arm, grace: float) -> bool:
    """Whether the grace period was watched to its end. It is looked at often, so that a clock that is set forward ends it by one look at most."""
    each = max(grace / LOOKS, LEAST_LOOK)
    known = draft.run.terminated_for
    watched = round(known + min(draft.elapsed, each), 3) if known is not None else 0.0
    if watched >= grace + DELETED_WITHIN:
        return True
    draft.update_run(terminated_for=watched)
    draft.doing = Why(Reason.PODS_TERMINATING, _awaited(draft, candidate))
    draft.wakes.append(draft.now + min(each, grace + DELETED_WITHIN - watched))
    return False


def terminating(draft: Draft) -> bool:
    """Whether pods of the candidate are known to be left that are not asked for any more."""
    candidate = draft.arm(ArmName.CANDIDATE)
    return candidate is not None and bool(candidate.present or candidate.available or candidate.terminating)


def _awaited(draft: Draft, candidate: Arm) -> str:
    name, evidence = draft.spec.candidate.deployment, draft.run.ending.evidence if draft.run.ending else ""
    if candidate.terminating is None and not candidate.present:
        grace = max(candidate.grace, draft.run.grace)
        what = f"the grace period of the pods of candidate Deployment {name!r} ({grace:g}s)"
    else:
        left = max(candidate.present, candidate.available) + (candidate.terminating or 0)
        what = f"{left} pod{'s' if left > 1 else ''} of candidate Deployment {name!r} to end"
    return (
        f"the weights are restored; waiting for {what}, because sessions and open connections may keep users on the "
        f"candidate until then: {evidence}"
    )


def _note_size(draft: Draft) -> None:
    """Notes the size that the next run brings back, where the record of the scaling was lost, or another client did it."""
    memory = memory_of(draft)
    if memory.before is None and draft.run.scales_to_zero_from:
        draft.update(scaling=memory.model_copy(update={"before": draft.run.scales_to_zero_from, "rest": 0}))
