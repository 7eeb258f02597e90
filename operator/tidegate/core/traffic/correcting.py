"""Lowering: what takes from the candidate whatever it has above the weights decided."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.core.model.plan import SetWeights, Why
from tidegate.core.model.world import ABSENT, ArmName, RulePair
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import mirrors, outage, restoring, shares, targets, weights
from tidegate.core.traffic.cohorts import named_pairs
from tidegate.core.traffic.lowering import unfinished

KEPT_CORRECTIONS: Final = 3
"""Corrections that are remembered: after so many within a minute the route is contested."""

QUIET: Final = 60.0
"""Seconds in which no more corrections than that are announced one by one."""


def remember_lowered(draft: Draft, but: frozenset[tuple[str, str]] = frozenset()) -> None:
    """Remembers what the routes have when an edit or a breach lowers the weight: where that write fails, nobody else has raised them.

    Args:
        draft: the tick's draft.
        but: the route and rule of those that somebody else has raised before.
    """
    found = {(route.ref.key, pair.rule): _numbers(pair) for route in targets.routes(draft) for pair in route.pairs}
    draft.memory = replace(draft.memory, lowered={rule: one for rule, one in found.items() if rule not in but})


def raised_by_others(draft: TickContext) -> frozenset[tuple[str, str]]:
    """The route and rule of those that are above the weights decided, and were not left so by a write that failed."""
    above = [(route.ref.key, pair) for route, pair, _ in shares.differing(draft, draft.weights, 1)]
    known = draft.memory.lowered
    return frozenset((key, pair.rule) for key, pair in above if known.get((key, pair.rule)) != _numbers(pair))


def _only_lowered(draft: TickContext) -> bool:
    """Whether all that is above the weights decided is what an edit or a breach has lowered and a write has not."""
    known = draft.memory.lowered
    above = list(shares.differing(draft, draft.weights, 1))
    return bool(above) and all(known.get((route.ref.key, pair.rule)) == _numbers(pair) for route, pair, _ in above)


def _numbers(pair: RulePair) -> tuple[int, int, int]:
    return pair.baseline, pair.candidate, pair.mirror


def lower_to(draft: Draft, asked: TargetWeights) -> bool:
    """Plans what takes from the candidate what is above these weights, and raises nothing; whether there was any."""
    lowered = False
    for route in targets.routes(draft):
        numbers, following = targets.wanted(draft, route, asked), targets.next_numbers(draft, route, asked)
        above = {
            pair.rule: following[pair.rule]
            for pair, _ in named_pairs(draft, route)
            if weights.compare(pair, numbers[pair.rule]) > 0 and not _alone(draft)
        }
        copied = {
            pair.rule: mirrors.wanted(asked, cohort)
            for pair, cohort in named_pairs(draft, route)
            if mirrors.compare(draft, route, pair, mirrors.wanted(asked, cohort)) > 0
        }
        copied |= mirrors.strays(draft, route)
        if above or copied:
            draft.set_weights(SetWeights(route, above, raises=False, mirrors=copied))
            lowered = True
    return lowered


def correct_excess(draft: Draft) -> bool:
    """Plans what takes away whatever a route gives the candidate above the weight decided; whether there was any."""
    if not _excess(draft):
        if draft.memory.lowered:
            draft.memory = replace(draft.memory, lowered={})
        return False
    if draft.weights.exposed and _alone(draft):
        return False
    alarm = outage_ahead(draft)
    if alarm is not None:
        draft.stalled = alarm
        return True
    if draft.weights.exposed:
        lower_to(draft, draft.weights)
    else:
        for target in draft.status.targets:
            restoring.restore(draft, target, revert=False)
    if unfinished(draft.status):
        draft.urgent = draft.intent = True
        remember_lowered(draft)
    elif shares.resized(draft):
        words = "replicaRatio.total was edited: the candidate has fewer of the pods"
        draft.say(Reason.STEP_EDITED, words, when_done=True)
    elif _stray(draft) or not _only_lowered(draft):
        draft.corrects = True
        announce_correction(draft, f"corrected: a route {shares.beyond(draft, draft.weights, 1)}")
    return True


def outage_ahead(draft: Draft) -> Why | None:
    """Why what a breach has lowered stays on a route for now; `None` where it need not, and where no breach has lowered anything."""
    return outage.would_be(draft, "a breach has lowered the weight") if unfinished(draft.status) else None


def _excess(draft: TickContext) -> bool:
    """Whether a route gives the candidate more than was decided."""
    return next(shares.differing(draft, draft.weights, 1), None) is not None or _stray(draft)


def _stray(draft: TickContext) -> bool:
    """Whether a route mirrors requests to the candidate where nobody decided that."""
    return any(mirrors.strays(draft, route) for route in targets.routes(draft))


def _alone(draft: TickContext) -> bool:
    """Whether pods are the weight, and the baseline's Deployment is gone: the candidate's pods are all that serves."""
    return draft.spec.ratio is not None and draft.seen.arm(ArmName.BASELINE) is ABSENT


def announce_correction(draft: Draft, message: str) -> None:
    """Announces it once it is written, unless it was just now: what keeps happening is announced once, as `RouteContested`."""
    recent = [one for one in draft.memory.corrections if abs(draft.now - one) < QUIET]
    if len(recent) < KEPT_CORRECTIONS - 1:
        draft.say(Reason.WEIGHT_CORRECTED, message, warning=True, when_done=True)
