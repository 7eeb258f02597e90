"""Targets restored: at the end of a run, for a promoted baseline, and where an edit of the spec took a route or a rule out."""

from __future__ import annotations

from collections.abc import Collection

from tidegate.api.rollout.status import TargetStatus
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import SetWeights
from tidegate.core.model.world import ABSENT, Lookup, Route, RulePair, TargetRef, Unknown, Unseen
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import mirrors, pods, targets, weights


def restore(draft: Draft, target: TargetStatus, *, revert: bool = True, but: Collection[str] = ()) -> bool:
    """Plans what puts a remembered target back to what was found, the candidate at 0.

    Args:
        draft: the tick's draft.
        target: the remembered target.
        revert: this ends the run's traffic for good; otherwise it is a move of a run that goes on.
        but: rules that are left as they are.

    Returns: whether it is back already, or the route is gone: it does not exist, or its kind is no longer served.
    """
    route = draft.seen.routes.get(targets.key_of(target), ABSENT)
    if not isinstance(route, Route):
        draft.need(Live.ROUTES)
        return draft.seen.live >= Live.ROUTES and _gone(route)
    pairs = {
        pair.rule: numbers_before(draft, pair, target) for pair in route.pairs if route.known_as(pair.rule) not in but
    }
    changed = {
        pair.rule: pairs[pair.rule]
        for pair in route.pairs
        if pair.rule in pairs and (pair.baseline, pair.candidate) != pairs[pair.rule]
    }
    ours = mirrors.ours(draft, route)
    copied = {pair.rule: 0 for pair in route.pairs if ours and pair.mirror and route.known_as(pair.rule) not in but}
    copied |= mirrors.strays(draft, route)
    if changed or copied:
        draft.set_weights(SetWeights(route, changed, raises=False, revert=revert, mirrors=copied))
    return not (changed or copied)


def numbers_before(draft: TickContext, pair: RulePair, target: TargetStatus) -> tuple[int, int]:
    """The numbers that put a pair back."""
    found = weights.restored(pair, target.found)
    if pair.ready is None:
        return found
    run = draft.status.run
    ours = run is not None and (run.raised is not None or run.traffic_since is not None)
    total = max(targets.pods_in_all(draft, pair), target.pods.largest if target.pods is not None else 0)
    return pods.restored(pair, sum(found), total, ours=ours)


def _gone(route: Lookup[Route]) -> bool:
    return route is ABSENT or (isinstance(route, Unknown) and route.kind is Unseen.NOT_SERVED)


def restore_removed(draft: Draft) -> None:
    """Plans the restoring of targets and rules that an edit took out of the spec; forgets those that are back."""
    named = {ref.key: ref for ref in targets.refs_of(draft.spec, draft.seen.rollout.namespace)}
    kept: list[TargetStatus] = []
    for target in draft.status.targets:
        ref = named.get(targets.key_of(target))
        if ref is not None:
            kept.append(_narrowed(draft, target, ref))
        elif not restore(draft, target):
            kept.append(target)
    if tuple(kept) != draft.status.targets:
        draft.update(targets=tuple(kept))


def _narrowed(draft: Draft, target: TargetStatus, ref: TargetRef) -> TargetStatus:
    """The target without the rules that the spec no longer names, once those are back as they were found."""
    rules = (
        tuple(rule for rule in target.rules if rule in ref.rules) or ref.rules
    )  # empty would be every rule of the route
    if not ref.rules or rules == target.rules:
        return target
    back = restore(draft, target, revert=False, but=ref.rules)
    return target.model_copy(update={"rules": rules}) if back else target
