"""The routes of a Rollout: the ones its spec names, the ones its status remembers, and how they stand to the wanted weight."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Final

from tidegate.api.rollout.spec import FINALIZER, RolloutSpec
from tidegate.api.rollout.status import PairStatus, TargetStatus
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import KeepFinalizer, SetWeights
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ABSENT, Acceptance, Lookup, Route, RulePair, TargetRef, Unknown, Unseen
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import weights

KEPT_PUT_BACKS: Final = 3
"""Times of put-backs that are remembered: after so many within a minute the route is contested."""

QUIET: Final = 60.0
"""Seconds in which no more put-backs than that are told one by one."""


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


def refs_of(spec: RolloutSpec, namespace: str) -> tuple[TargetRef, ...]:
    """The targets the spec names."""
    return tuple(
        TargetRef(
            namespace,
            target.router,
            target.name,
            *target.named(spec.baseline.service, spec.candidate.service),
            target.rules or (),
        )
        for target in spec.traffic
    )


def ref_of(target: TargetStatus, namespace: str) -> TargetRef:
    """A remembered target."""
    return TargetRef(namespace, target.kind, target.name, target.baseline, target.candidate, target.rules)


def key_of(target: TargetStatus) -> str:
    """How messages name a remembered target; the same as `TargetRef.key`."""
    return f"{target.kind}/{target.name}"


def routes(draft: TickContext) -> Iterator[Route]:
    """The spec's routes that could be read."""
    for ref in refs_of(draft.spec, draft.seen.rollout.namespace):
        route = draft.seen.routes.get(ref.key, ABSENT)
        if isinstance(route, Route):
            yield route


def wanted(draft: TickContext, route: Route, weight: Decimal) -> dict[str, tuple[int, int]]:
    """The numbers of each rule for `weight` percent."""
    percents = [weight, *(step.weight.percent for step in draft.spec.steps)]
    return {pair.rule: weights.numbers(weight, pair, weights.sum_alone(percents, pair)) for pair in route.pairs}


def largest_share(draft: TickContext) -> Decimal | None:
    """The candidate's largest share on any of the spec's routes, percent; `None` when none could be read. For people."""
    shares = [weights.share(pair) for route in routes(draft) for pair in route.pairs]
    return max(shares, default=None)


def traffic(draft: TickContext) -> Traffic:
    """Whether the candidate has traffic on a route of the spec or on a remembered one."""
    namespace = draft.seen.rollout.namespace
    refs = {ref.key: ref for ref in refs_of(draft.spec, namespace)}
    refs |= {key_of(target): ref_of(target, namespace) for target in draft.status.targets}
    found = Traffic.NONE
    for key in refs:
        route = draft.seen.routes.get(key, ABSENT)
        if isinstance(route, Unknown):
            found = Traffic.UNKNOWN
        elif isinstance(route, Route) and any(pair.candidate for pair in route.pairs):
            return Traffic.SOME
    return found


def standing(draft: TickContext, weight: Decimal) -> Standing:
    """How the routes stand to `weight` percent."""
    refs = refs_of(draft.spec, draft.seen.rollout.namespace)
    seen = list(routes(draft))
    compared = [
        (route, pair, weights.compare(pair, wanted(draft, route, weight)[pair.rule]))
        for route in seen
        for pair in route.pairs
    ]
    if any(difference > 0 for _, _, difference in compared):
        return Standing.MORE
    if len(seen) < len(refs) or any(not route.pairs or route.missing_rules for route in seen):
        return Standing.UNSEEN
    known = _known(draft)
    lowered = (
        pair for route, pair, difference in compared if difference < 0 and not _is_new(pair, known.get(route.ref))
    )
    return Standing.LESS if next(lowered, None) is not None else Standing.SAME


def raise_to(draft: Draft, weight: Decimal) -> None:
    """Decides `weight` percent, records what a revert would restore, and plans what brings every route there."""
    remember(draft)
    draft.update_run(weight=float(weight), raised=instant(draft.now))
    draft.intent = True
    draft.need()
    if FINALIZER not in draft.seen.rollout.finalizers:
        draft.actions.append(KeepFinalizer(present=True))
    for route in routes(draft):
        pairs = wanted(draft, route, weight)
        compared = {pair.rule: weights.compare(pair, pairs[pair.rule]) for pair in route.pairs}
        if any(compared.values()):
            draft.actions.append(SetWeights(route, pairs, raises=any(one < 0 for one in compared.values())))


def below(draft: TickContext, weight: Decimal) -> bool:
    """Whether a route that could be read gives the candidate less than `weight` percent."""
    shares = ((pair, wanted(draft, route, weight)[pair.rule]) for route in routes(draft) for pair in route.pairs)
    return any(weights.compare(pair, numbers) < 0 for pair, numbers in shares)


def lowered(weight: Decimal) -> str:
    """What is said of a route that somebody lowered."""
    return f"the route gives the candidate less than {weight:f}%: lowered by somebody else"


def lower_to(draft: Draft, weight: Decimal) -> None:
    """Plans what takes from the candidate what is above `weight` percent, and raises nothing."""
    for route in routes(draft):
        pairs = wanted(draft, route, weight)
        above = {pair.rule: pairs[pair.rule] for pair in route.pairs if weights.compare(pair, pairs[pair.rule]) > 0}
        if above:
            draft.actions.append(SetWeights(route, above, raises=False))
            draft.need(Live.ROUTES)


def put_back_more(draft: Draft) -> bool:
    """Plans what takes away whatever a route gives the candidate above the weight decided; whether there was any."""
    if standing(draft, draft.weight) is not Standing.MORE:
        return False
    draft.puts_back = True
    if draft.weight > 0:
        lower_to(draft, draft.weight)
    else:
        for target in draft.status.targets:
            restore(draft, target, revert=False)
    say_put_back(draft, f"a route gave the candidate more than {draft.weight:f}%: put back")
    return True


def say_put_back(draft: Draft, message: str) -> None:
    """Tells of it, unless it was told just now: what keeps happening is told once, as `RouteContested`."""
    recent = [one for one in draft.memory.put_back if abs(draft.now - one) < QUIET]
    if len(recent) < KEPT_PUT_BACKS - 1:
        draft.say("PutBack", message, warning=True)


def unknown(draft: Draft) -> bool:
    """Whether there is a target or a rule that was never set in this run: an edit of the spec or of a route added it."""
    known = _known(draft)
    if any(ref not in known for ref in refs_of(draft.spec, draft.seen.rollout.namespace)):
        return True
    return any(_is_new(pair, known[route.ref]) for route in routes(draft) for pair in route.pairs)


def _known(draft: TickContext) -> dict[TargetRef, TargetStatus]:
    return {ref_of(target, draft.seen.rollout.namespace): target for target in draft.status.targets}


def _is_new(pair: RulePair, target: TargetStatus | None) -> bool:
    """A rule that was never set in this run; one that gives the candidate something already is not left alone for that."""
    return target is None or weights.found_of(pair, target.found) is None


def restore(draft: Draft, target: TargetStatus, *, revert: bool = True) -> bool:
    """Plans what puts a remembered target back to what was found, the candidate at 0.

    Args:
        draft: the tick's draft.
        target: the remembered target.
        revert: this ends the run's traffic for good; otherwise it is a move of a run that goes on.

    Returns: whether it is back already, or the route is gone: it does not exist, or its kind is no longer served.
    """
    route = draft.seen.routes.get(key_of(target), ABSENT)
    if not isinstance(route, Route):
        draft.need(Live.ROUTES)
        return draft.seen.live >= Live.ROUTES and _gone(route)
    pairs = {pair.rule: weights.restored(pair, target.found) for pair in route.pairs}
    changed = {
        pair.rule: pairs[pair.rule] for pair in route.pairs if (pair.baseline, pair.candidate) != pairs[pair.rule]
    }
    if changed:
        draft.actions.append(SetWeights(route, changed, raises=False, revert=revert))
    return not changed


def _gone(route: Lookup[Route]) -> bool:
    return route is ABSENT or (isinstance(route, Unknown) and route.kind is Unseen.NOT_SERVED)


def not_taken(draft: TickContext) -> Route | None:
    """The first remembered route whose gateway reports, and has not taken the route as it stands; `None` when all have."""
    for target in draft.status.targets:
        route = draft.seen.routes.get(key_of(target), ABSENT)
        if isinstance(route, Route) and route.acceptance in {Acceptance.PENDING, Acceptance.REFUSED}:
            return route
    return None


def settling(draft: TickContext) -> tuple[Route, float] | None:
    """The route that is waited for longest after a raise because nobody says that it acts, and until when (epoch seconds)."""
    raised = draft.run.raised.timestamp() if draft.run.raised is not None else draft.now
    waits = [(raised + route.settle, route) for route in routes(draft) if 0 <= draft.now - raised < route.settle]
    until, route = max(waits, key=lambda one: one[0], default=(0.0, None))
    return None if route is None else (route, until)


def remember(draft: Draft) -> None:
    """Records the numbers of every route of the spec before the first write, and their generations before each raise."""
    known = {key_of(target): target for target in draft.status.targets}
    for route in routes(draft):
        before = known.get(route.ref.key)
        same_pair = before is not None and ref_of(before, route.ref.namespace) == route.ref
        found = before.found if before is not None and same_pair else ()
        found += tuple(_pair_status(pair) for pair in route.pairs if weights.found_of(pair, found) is None)
        known[route.ref.key] = TargetStatus(
            kind=route.ref.kind,
            name=route.ref.name,
            baseline=route.ref.baseline,
            candidate=route.ref.candidate,
            rules=route.ref.rules,
            found=found,
            generation=route.generation,
        )
    draft.update(targets=tuple(known.values()))


def _pair_status(pair: RulePair) -> PairStatus:
    return PairStatus(rule=pair.rule, identity=pair.identity, baseline=pair.baseline, candidate=pair.candidate)


def put_back_removed(draft: Draft) -> None:
    """Plans the restoring of targets that an edit took out of the spec; forgets those that are back."""
    named = {ref.key for ref in refs_of(draft.spec, draft.seen.rollout.namespace)}
    kept = tuple(target for target in draft.status.targets if key_of(target) in named or not restore(draft, target))
    if kept != draft.status.targets:
        draft.update(targets=kept)
