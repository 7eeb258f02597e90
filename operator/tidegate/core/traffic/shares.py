"""What the routes give the candidate, and how that stands to the weights that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum

from tidegate.api.rollout.status import TargetStatus
from tidegate.api.rollout.target_weights import TargetWeights, cohorts_of
from tidegate.core.model.world import ABSENT, Route, RulePair, Unknown
from tidegate.core.tick.context import TickContext
from tidegate.core.traffic import mirrors, targets, weights
from tidegate.core.traffic.cohorts import cohort_of, named_pairs


class Traffic(Enum):
    """Whether the candidate has traffic, as far as the routes say."""

    SOME = "some"
    NONE = "none"
    """Every route was read and gives it nothing, or does not exist."""
    UNKNOWN = "unknown"
    """A route could not be read, and those that could give it nothing."""


class Standing(Enum):
    """How the routes stand to the weight that was decided."""

    SAME = "same"
    MORE = "more"
    """At least one gives the candidate more."""
    LESS = "less"
    """None gives more, at least one gives less; a rule that was never set in this run does not count as lowered."""
    UNSEEN = "unseen"
    """At least one could not be read, and none of the others gives more."""


def largest_share(draft: TickContext, cohort: str = "") -> Decimal | None:
    """The candidate's largest share on any of the spec's routes, percent; `None` when none could be read. For people.

    Args:
        draft: the tick.
        cohort: whose rules; empty: those that the steps' `weight` is for.
    """
    pairs = (named for route in targets.routes(draft) for named in named_pairs(draft, route))
    return max((weights.share(pair) for pair, one in pairs if one == cohort), default=None)


def observed(draft: TickContext) -> TargetWeights:
    """The candidate's largest shares on the routes that could be read."""
    shares = {name: largest_share(draft, name) or Decimal(0) for name in cohorts_of(draft.spec)}
    return TargetWeights(
        largest_share(draft) or Decimal(0), shares, mirrors.largest(draft, list(targets.routes(draft)))
    )


def lacking(draft: TickContext, route: Route) -> tuple[str, ...]:
    """The rules that the spec names and the route lacks; what only an earlier spec named is not missed."""
    return tuple(rule for rule in route.missing_rules if cohort_of(draft.spec, route.ref.key, rule) is not None)


def traffic(draft: TickContext) -> Traffic:
    """Whether the candidate has traffic of users on a route of the spec or on a remembered one."""
    return _served(draft, lambda _route, pair: pair.candidate > 0)


def requests(draft: TickContext) -> Traffic:
    """The same of requests: those of users, and the copies of them that this run mirrors to the candidate."""
    return _served(draft, lambda route, pair: pair.candidate > 0 or mirrors.percent(draft, route, pair) > 0)


def _served(draft: TickContext, served: Callable[[Route, RulePair], bool]) -> Traffic:
    namespace = draft.seen.rollout.namespace
    keys = [ref.key for ref in targets.refs_of(draft.spec, namespace)] + [
        targets.key_of(target) for target in draft.status.targets
    ]
    found = Traffic.NONE
    for key in keys:
        route = draft.seen.routes.get(key, ABSENT)
        if isinstance(route, Unknown):
            found = Traffic.UNKNOWN
        elif isinstance(route, Route) and any(served(route, pair) for pair in route.pairs):
            return Traffic.SOME
    return found


def standing(draft: TickContext, asked: TargetWeights) -> Standing:
    """How the routes stand to the weights asked."""
    refs = targets.refs_of(draft.spec, draft.seen.rollout.namespace)
    seen = list(targets.routes(draft))
    if next(differing(draft, asked, 1), None) is not None:
        return Standing.MORE
    if len(seen) < len(refs) or any(not route.pairs or lacking(draft, route) for route in seen):
        return Standing.UNSEEN
    return Standing.LESS if lowered_cohort(draft, asked) is not None else Standing.SAME


def differing(draft: TickContext, asked: TargetWeights, sign: int) -> Iterator[tuple[Route, RulePair, str]]:
    """The pairs that give the candidate more (`sign` 1) or less (-1) than asked, each with its route and its cohort."""
    for route in targets.routes(draft):
        numbers = targets.wanted(draft, route, asked)
        for pair, cohort in named_pairs(draft, route):
            mirror = mirrors.compare(draft, route, pair, mirrors.wanted(asked, cohort))
            if sign in {weights.compare(pair, numbers[pair.rule]), mirror}:
                yield route, pair, cohort


def lowered_cohort(draft: TickContext, asked: TargetWeights) -> str | None:
    """The cohort, empty for none, of the first rule that somebody lowered; `None` when nobody did."""
    known = targets.known_pairs(draft)
    lowered = (
        cohort for route, pair, cohort in differing(draft, asked, -1) if not _is_new(pair, known.get(route.ref.pair))
    )
    return next(lowered, None)


def below(draft: TickContext, asked: TargetWeights) -> bool:
    """Whether a route that could be read gives the candidate less than asked."""
    return next(differing(draft, asked, -1), None) is not None


def lowered(draft: TickContext, asked: TargetWeights) -> str:
    """What is said of a route that somebody lowered."""
    return f"the route {beyond(draft, asked, -1)}: lowered by another client"


def beyond(draft: TickContext, asked: TargetWeights, sign: int) -> str:
    """What the first route that stands so to the weights asked gives the candidate, in words."""
    than = "more" if sign > 0 else "less"
    found = next(differing(draft, asked, sign), None)
    if found is None and any(mirrors.strays(draft, route) for route in targets.routes(draft)):
        return "mirrors to the candidate in a rule that no longer has both backends"
    if found is None:
        return f"gives the candidate {than} than {_of(asked, '')}"
    route, pair, cohort = found
    want = mirrors.wanted(asked, cohort)
    if mirrors.compare(draft, route, pair, want) == sign:
        return f"mirrors {than} than {want}% of the requests to the candidate"
    return f"gives the candidate {than} than {_of(asked, cohort)}"


def _of(asked: TargetWeights, cohort: str) -> str:
    return f"{asked.of(cohort).normalize():f}%{f' of cohort {cohort}' if cohort else ''}"


def unknown(draft: TickContext) -> bool:
    """Whether there is a target or a rule that was never set in this run: an edit of the spec or of a route added it."""
    known = targets.known_pairs(draft)
    if any(ref.pair not in known for ref in targets.refs_of(draft.spec, draft.seen.rollout.namespace)):
        return True
    named = ((route, pair) for route in targets.routes(draft) for pair, _ in named_pairs(draft, route))
    return any(_is_new(pair, known[route.ref.pair]) for route, pair in named)


def resized(draft: TickContext) -> bool:
    """Whether an edit has changed how many pods share the traffic since the last raise."""
    ratio = draft.spec.ratio
    written = (target.pods for target in draft.status.targets if target.pods is not None)
    return ratio is not None and any(one.total != ratio.total for one in written)


def _is_new(pair: RulePair, target: TargetStatus | None) -> bool:
    """A rule that was never set in this run; one that gives the candidate something already is not left alone for that."""
    return target is None or weights.found_of(pair, target.found) is None
