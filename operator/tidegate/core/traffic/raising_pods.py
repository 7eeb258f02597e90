"""A raise where pods are the weight: which pods it waits for, and how far it has come."""

from __future__ import annotations

from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import SetWeights
from tidegate.core.model.world import ABSENT, Route
from tidegate.core.tick.arms import sent_back
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import pods, restoring, targets, weights
from tidegate.core.traffic.cohorts import named_pairs
from tidegate.core.traffic.shares import Standing


def short_of_pods(draft: TickContext, asked: TargetWeights) -> str:
    """The pods that a raise to these weights waits for before its next write, in words; empty when for none."""
    back = sent_back(draft)
    for route in targets.routes(draft):
        numbers = targets.wanted(draft, route, asked)
        for pair, _ in named_pairs(draft, route):
            if words := pods.awaited(pair, numbers[pair.rule], back=back):
                said = route.acceptance_message
                return f"{route.ref.key}: {said if said.startswith(words) else ': '.join(filter(None, (words, said)))}"
    return ""


def baseline_lost(draft: TickContext, asked: TargetWeights) -> str:
    """The pods of the baseline that went since the raise began, in words: no more of them are taken away; empty for none."""
    for route in targets.routes(draft):
        numbers = targets.wanted(draft, route, asked)
        for pair, _ in named_pairs(draft, route):
            if words := pods.baseline_lost(pair, numbers[pair.rule]):
                return f"{route.ref.key}: {words}"
    return ""


def on_the_way(draft: TickContext) -> Standing | None:
    """How pods stand to what the last raise set on its way; `None` where no pods are the weight, for weights have no way.

    `LESS`: it was not written yet, or somebody lowered the candidate since.
    """
    known, found = targets.known_pairs(draft), None
    for route in targets.routes(draft):
        target = known.get(route.ref.pair)
        if target is None or target.pods is None:
            continue
        for pair in route.pairs:
            compared = weights.compare(pair, (target.pods.baseline, target.pods.candidate))
            found = {1: Standing.MORE, 0: Standing.SAME, -1: Standing.LESS}[compared]
    return found


def completing(draft: TickContext, asked: TargetWeights) -> bool:
    """Whether the candidate has all its pods, and what is left of the raise is to take those of the baseline that it replaces."""
    pairs = (
        (pair, targets.wanted(draft, route, asked))
        for route in targets.routes(draft)
        for pair, _ in named_pairs(draft, route)
    )
    return any(pods.completing(pair, numbers[pair.rule]) for pair, numbers in pairs)


def grow(draft: Draft) -> bool:
    """Plans that a promoted baseline has its own pods again before the candidate's go; whether any are missing."""
    grows = False
    for target in draft.status.targets:
        route = draft.seen.routes.get(targets.key_of(target), ABSENT)
        for pair in route.pairs if isinstance(route, Route) else ():
            baseline, _ = restoring.numbers_before(draft, pair, target)
            if pair.ready is not None and isinstance(route, Route) and pair.baseline < baseline:
                draft.set_weights(SetWeights(route, {pair.rule: (baseline, pair.candidate)}, raises=False))
                draft.need(Live.ROUTES)
                grows = True
    return grows
