"""Mirrors: copies of users' requests for the candidate. Which of those on a route are this run's, and how they stand to what is wanted.

A mirror to the candidate is the operator's own where status says that it may have added one to the route; any other is
somebody else's and is left alone.
"""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.core.model.plan import Why
from tidegate.core.model.world import Route, RulePair
from tidegate.core.tick.context import TickContext
from tidegate.core.traffic.cohorts import named_pairs


def wanted(asked: TargetWeights, cohort: str) -> int:
    """Percent of a rule's requests that are to be copied: a cohort's are not."""
    return 0 if cohort else asked.mirror


def percent(draft: TickContext, route: Route, pair: RulePair) -> int:
    """Percent of a rule's requests that are copied to the candidate by this run, as the route says."""
    return pair.mirror if pair.mirror and ours(draft, route) else 0


def ours(draft: TickContext, route: Route) -> bool:
    """Whether a mirror to the candidate on this route is the operator's.

    Where status was emptied, our finalizer tells that a run was under way, and the steps that it may have mirrored.
    """
    ref = route.ref
    known = [one for one in draft.status.targets if (one.kind, one.name) == (ref.kind, ref.name)]
    if known or draft.status.run is not None:
        return any(one.mirrored and one.candidate == ref.candidate for one in known)
    return FINALIZER in draft.seen.rollout.finalizers and _asked_for(draft)


def strays(draft: TickContext, route: Route) -> dict[str, int]:
    """The removal of this run's mirrors from rules that somebody has taken one of the two backends out of since."""
    if not route.strays or not ours(draft, route):
        return {}
    known = [one for one in draft.status.targets if (one.kind, one.name) == (route.ref.kind, route.ref.name)]
    found = {pair.rule for one in known for pair in one.found}
    return {rule: 0 for rule in route.strays if rule in found}


def largest(draft: TickContext, routes: list[Route]) -> int:
    """The largest share that this run's mirrors copy, percent."""
    return max((percent(draft, route, pair) for route in routes for pair in route.pairs), default=0)


def compare(draft: TickContext, route: Route, pair: RulePair, want: int) -> int:
    """How the mirror on the route stands to the wanted share: 1 more, 0 the same, -1 less."""
    have = percent(draft, route, pair)
    return (have > want) - (have < want)


def changes(draft: TickContext, route: Route, asked: TargetWeights) -> dict[str, int]:
    """The share of each rule whose mirror is not as asked."""
    found = {pair.rule: (pair, wanted(asked, cohort)) for pair, cohort in named_pairs(draft, route)}
    return {rule: want for rule, (pair, want) in found.items() if compare(draft, route, pair, want)}


def unfit(draft: TickContext, routes: list[Route]) -> Why | None:
    """Why the steps' mirrors cannot be set on a route: a rule that cannot mirror, or has somebody else's; `None` when they can."""
    if not _asked_for(draft):
        return None
    for route in routes:
        for pair, cohort in named_pairs(draft, route):
            place = f"{route.ref.key}, rule {pair.rule}"
            if not cohort and pair.cannot_mirror:
                return Why(
                    Reason.MIRROR_NOT_POSSIBLE, f"{place}: {pair.cannot_mirror}; leave 'mirror' out of the steps"
                )
            if pair.mirror and not ours(draft, route):
                words = f"{place}, mirrors to {route.ref.candidate} already, and the operator did not add that"
                return Why(Reason.MIRROR_NOT_OURS, f"{words}: remove it, or leave 'mirror' out of the steps")
    return None


def keeps(draft: TickContext, route: Route, asked: TargetWeights) -> bool:
    """Whether the operator has, or will have, added a mirror to the route."""
    adds = asked.mirror > 0 and any(not cohort for _, cohort in named_pairs(draft, route))
    return adds or ours(draft, route)


def _asked_for(draft: TickContext) -> bool:
    return any(step.mirror is not None for step in draft.spec.steps)
