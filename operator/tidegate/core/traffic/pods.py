"""Pods as weights (`kind: ReplicaRatio`): which numbers are written next on the way to those wanted.

Upwards capacity comes first: enough pods of the baseline, then those of the candidate, and only when they get traffic fewer
of the baseline. So there are never fewer ready pods than wanted, and the share is at no instant above the one wanted.
A baseline beside which no pod of the candidate stands, nor is to stand, keeps the pods that it has.
Downwards everything is written at once: nothing delays the way to a lower weight.
After a promoted baseline breached, pods of the candidate wait for none of the baseline: those are what breached.
"""

from __future__ import annotations

from tidegate.core.model.world import RulePair
from tidegate.core.traffic.weights import compare

Numbers = tuple[int, int]
"""(baseline, candidate)."""


def toward(pair: RulePair, wanted: Numbers, *, back: bool = False) -> Numbers:
    """What is written next; the numbers as they are while pods are waited for.

    Args:
        pair: the two numbers as they are.
        wanted: those in the end.
        back: the traffic goes back to the candidate, because the baseline breached.
    """
    if pair.ready is None:
        return wanted
    baseline, candidate = wanted
    if candidate == pair.candidate == 0:
        return pair.numbers
    if compare(pair, wanted) > 0:
        return max(pair.baseline, baseline), min(pair.candidate, candidate)
    if back and pair.candidate < candidate:
        return max(pair.baseline, baseline), candidate
    if pair.baseline < baseline:
        return baseline, pair.candidate
    if pair.candidate < candidate:
        return (pair.baseline, candidate) if pair.ready[0] >= baseline else pair.numbers
    return wanted if pair.ready[1] >= candidate else pair.numbers


def awaited(pair: RulePair, wanted: Numbers, *, back: bool = False) -> str:
    """The pods that are waited for before the next write, in words; empty when it can be made, or none is left to make."""
    if pair.ready is None or pair.candidate == wanted[1] == 0:
        return ""
    if pair.numbers == wanted or toward(pair, wanted, back=back) != pair.numbers:
        return ""
    if pair.candidate < wanted[1]:
        return f"{pair.ready[0]} of {wanted[0]} pods of the baseline are ready"
    return f"{pair.ready[1]} of {wanted[1]} pods of the candidate are ready"


def baseline_lost(pair: RulePair, wanted: Numbers) -> str:
    """The pods of the baseline that went, in words, while those of the candidate were waited for; empty when enough are ready."""
    if pair.ready is None or pair.ready[0] >= wanted[0]:
        return ""
    return f"{pair.ready[0]} of {wanted[0]} pods of the baseline are ready"


def completing(pair: RulePair, wanted: Numbers) -> bool:
    """Whether the candidate has the pods of its weight, and only the baseline has more than its own: the rest of a raise."""
    return pair.ready is not None and pair.candidate == wanted[1] and pair.baseline > wanted[0]


def restored(pair: RulePair, original: int, total: int, *, ours: bool) -> Numbers:
    """(baseline, candidate) after an end: the pods that were found.

    Args:
        pair: the two numbers as they are.
        original: pods of both arms before the first write.
        total: `replicaRatio.total`, the largest that the run had.
        ours: the run has written; otherwise only the candidate is taken to 0.

    A baseline with more pods than this run ever asked for was scaled by somebody else, who had a reason: it keeps them.
    """
    others = pair.baseline > max(original, total)
    return (original if ours and not others else pair.baseline), 0
