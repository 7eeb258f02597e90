"""The routes of a Rollout: the ones its spec names, the ones its status remembers, and how they stand to the wanted weight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from enum import Enum
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import FINALIZER, RolloutSpec
from tidegate.api.rollout.status import PairStatus, PodsStatus, TargetStatus
from tidegate.api.rollout.target_weights import TargetWeights, cohorts_of, percents_of
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import KeepFinalizer, SetWeights, Why
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ABSENT, Acceptance, ArmName, Lookup, Route, RulePair, TargetRef, Unknown, Unseen
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import mirrors, pods, weights
from tidegate.core.traffic.cohorts import cohort_of, decided, named_pairs
from tidegate.core.traffic.lowering import unfinished

KEPT_PUT_BACKS: Final = 3
"""Times of put-backs that are remembered: after so many within a minute the route is contested."""

QUIET: Final = 60.0
"""Seconds in which no more put-backs than that are told one by one."""


LAGS: Final = 2.0
"""Seconds until a route that does not agree with itself yet is looked at again."""


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
    """The routes the spec names, each with the rules of all its entries: they are read and written together."""
    found: dict[str, TargetRef] = {}
    for target in spec.traffic:
        backends = target.named(spec.baseline, spec.candidate)
        ref = TargetRef(namespace, target.router, target.name, *backends, target.rules or ())
        known = found.get(ref.key)
        found[ref.key] = ref if known is None else known.beside(ref.rules)
    return tuple(found.values())


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


def wanted(draft: TickContext, route: Route, asked: TargetWeights) -> dict[str, tuple[int, int]]:
    """The numbers of each rule for the weights asked."""
    found: dict[str, tuple[int, int]] = {}
    for pair, cohort in named_pairs(draft, route):
        weight = asked.of(cohort)
        percents = [weight, *percents_of(draft.spec, cohort)]
        total = weights.sum_alone(percents, pair) if pair.ready is None else _pods_in_all(draft, pair)
        found[pair.rule] = weights.numbers(weight, pair, total)
    return found


def _pods_in_all(draft: TickContext, pair: RulePair) -> int:
    """Pods of both arms together; where the spec no longer says, those that there are."""
    ratio = draft.spec.ratio
    return ratio.total if ratio is not None else max(pair.total, 1)


def largest_share(draft: TickContext, cohort: str = "") -> Decimal | None:
    """The candidate's largest share on any of the spec's routes, percent; `None` when none could be read. For people.

    Args:
        draft: the tick.
        cohort: whose rules; empty: those that the steps' `weight` is for.
    """
    pairs = (named for route in routes(draft) for named in named_pairs(draft, route))
    return max((weights.share(pair) for pair, one in pairs if one == cohort), default=None)


def observed(draft: TickContext) -> TargetWeights:
    """The candidate's largest shares on the routes that could be read."""
    shares = {name: largest_share(draft, name) or Decimal(0) for name in cohorts_of(draft.spec)}
    return TargetWeights(largest_share(draft) or Decimal(0), shares, mirrors.largest(draft, list(routes(draft))))


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
    keys = [ref.key for ref in refs_of(draft.spec, namespace)] + [key_of(target) for target in draft.status.targets]
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
    refs = refs_of(draft.spec, draft.seen.rollout.namespace)
    seen = list(routes(draft))
    if next(_differing(draft, asked, 1), None) is not None:
        return Standing.MORE
    if len(seen) < len(refs) or any(not route.pairs or lacking(draft, route) for route in seen):
        return Standing.UNSEEN
    return Standing.LESS if _lowered(draft, asked) is not None else Standing.SAME


def _differing(draft: TickContext, asked: TargetWeights, sign: int) -> Iterator[tuple[Route, RulePair, str]]:
    """The pairs that give the candidate more (`sign` 1) or less (-1) than asked, each with its route and its cohort."""
    for route in routes(draft):
        numbers = wanted(draft, route, asked)
        for pair, cohort in named_pairs(draft, route):
            mirror = mirrors.compare(draft, route, pair, mirrors.wanted(asked, cohort))
            if sign in {weights.compare(pair, numbers[pair.rule]), mirror}:
                yield route, pair, cohort


def _lowered(draft: TickContext, asked: TargetWeights) -> str | None:
    """The cohort, empty for none, of the first rule that somebody lowered; `None` when nobody did."""
    known = _known(draft)
    lowered = (
        cohort for route, pair, cohort in _differing(draft, asked, -1) if not _is_new(pair, known.get(route.ref.pair))
    )
    return next(lowered, None)


def raise_to(draft: Draft, asked: TargetWeights) -> None:
    """Decides these weights, records what a revert would restore, and plans what brings every route there."""
    remember(draft, asked)
    draft.update_run(**decided(draft, asked), raised=instant(draft.now))
    draft.intent = True
    draft.need()
    if FINALIZER not in draft.seen.rollout.finalizers:
        draft.actions.append(KeepFinalizer(present=True))
    for route in routes(draft):
        pairs, named = _next(draft, route, asked), [pair for pair, _ in named_pairs(draft, route)]
        compared = [weights.compare(pair, pairs[pair.rule]) for pair in named]
        more_pods = any(pair.ready is not None and pair.numbers != pairs[pair.rule] for pair in named)
        copied = mirrors.changes(draft, route, asked)
        if any(compared) or more_pods or copied:
            raises = any(one < 0 for one in compared) or any(copied.values())
            draft.actions.append(SetWeights(route, pairs, raises=raises, mirrors=copied))


def _next(draft: TickContext, route: Route, asked: TargetWeights) -> dict[str, tuple[int, int]]:
    """The numbers of each rule that are written next on the way to the weights asked."""
    numbers = wanted(draft, route, asked)
    return {pair.rule: pods.toward(pair, numbers[pair.rule]) for pair, _ in named_pairs(draft, route)}


def short_of_pods(draft: TickContext, asked: TargetWeights) -> str:
    """The pods that a raise to these weights waits for before its next write, in words; empty when for none."""
    for route in routes(draft):
        numbers = wanted(draft, route, asked)
        for pair, _ in named_pairs(draft, route):
            if words := pods.awaited(pair, numbers[pair.rule]):
                said = route.acceptance_message
                return f"{route.ref.key}: {said if said.startswith(words) else ': '.join(filter(None, (words, said)))}"
    return ""


def baseline_lost(draft: TickContext, asked: TargetWeights) -> str:
    """The pods of the baseline that went since the raise began, in words: no more of them are taken away; empty for none."""
    for route in routes(draft):
        numbers = wanted(draft, route, asked)
        for pair, _ in named_pairs(draft, route):
            if words := pods.baseline_lost(pair, numbers[pair.rule]):
                return f"{route.ref.key}: {words}"
    return ""


def on_the_way(draft: TickContext) -> Standing | None:
    """How pods stand to what the last raise set on its way; `None` where no pods are the weight, for weights have no way.

    `LESS`: it was not written yet, or somebody lowered the candidate since.
    """
    known, found = _known(draft), None
    for route in routes(draft):
        target = known.get(route.ref.pair)
        if target is None or target.pods is None:
            continue
        for pair in route.pairs:
            compared = weights.compare(pair, (target.pods.baseline, target.pods.candidate))
            found = {1: Standing.MORE, 0: Standing.SAME, -1: Standing.LESS}[compared]
    return found


def completing(draft: TickContext, asked: TargetWeights) -> bool:
    """Whether the candidate has all its pods, and what is left of the raise is to take those of the baseline that it replaces."""
    pairs = ((pair, wanted(draft, route, asked)) for route in routes(draft) for pair, _ in named_pairs(draft, route))
    return any(pods.completing(pair, numbers[pair.rule]) for pair, numbers in pairs)


def grow(draft: Draft) -> bool:
    """Plans that a promoted baseline has its own pods again before the candidate's go; whether any are missing."""
    grows = False
    for target in draft.status.targets:
        route = draft.seen.routes.get(key_of(target), ABSENT)
        for pair in route.pairs if isinstance(route, Route) else ():
            baseline, _ = _back(draft, pair, target)
            if pair.ready is not None and isinstance(route, Route) and pair.baseline < baseline:
                draft.actions.append(SetWeights(route, {pair.rule: (baseline, pair.candidate)}, raises=False))
                draft.need(Live.ROUTES)
                grows = True
    return grows


def not_yet(route: Route) -> Why:
    """What is said of a route whose numbers do not act yet."""
    detail = f": {route.acceptance_message}" if route.acceptance_message else ""
    if any(pair.ready is not None for pair in route.pairs):
        return Why(Reason.PODS_NOT_READY, f"{route.ref.key}{detail}")
    return Why(Reason.ROUTE_NOT_ACCEPTED, f"{route.ref.key} is not accepted by its gateway yet{detail}")


def look_again(draft: Draft) -> None:
    """Wakes soon where a write is awaited and what the route is read from does not agree yet: no event tells when it does."""
    step = draft.status.step
    awaited = draft.status.run is not None and (draft.ending() or step is None or not step.reached)
    if awaited and any(isinstance(route, Route) and route.lagging for route in draft.seen.routes.values()):
        draft.wakes.append(draft.now + LAGS)


def below(draft: TickContext, asked: TargetWeights) -> bool:
    """Whether a route that could be read gives the candidate less than asked."""
    return next(_differing(draft, asked, -1), None) is not None


def lowered(draft: TickContext, asked: TargetWeights) -> str:
    """What is said of a route that somebody lowered."""
    return f"the route {_beyond(draft, asked, -1)}: lowered by another client"


def _beyond(draft: TickContext, asked: TargetWeights, sign: int) -> str:
    """What the first route that stands so to the weights asked gives the candidate, in words."""
    than = "more" if sign > 0 else "less"
    found = next(_differing(draft, asked, sign), None)
    if found is None and any(mirrors.strays(draft, route) for route in routes(draft)):
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


def lower_to(draft: Draft, asked: TargetWeights) -> None:
    """Plans what takes from the candidate what is above these weights, and raises nothing."""
    for route in routes(draft):
        numbers, following = wanted(draft, route, asked), _next(draft, route, asked)
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
            draft.actions.append(SetWeights(route, above, raises=False, mirrors=copied))
            draft.need(Live.ROUTES)


def put_back_more(draft: Draft) -> bool:
    """Plans what takes away whatever a route gives the candidate above the weight decided; whether there was any."""
    stray = any(mirrors.strays(draft, route) for route in routes(draft))
    if next(_differing(draft, draft.weights, 1), None) is None and not stray:
        return False
    if draft.weights.exposed and _alone(draft):
        return False
    if draft.weights.exposed:
        lower_to(draft, draft.weights)
    else:
        for target in draft.status.targets:
            restore(draft, target, revert=False)
    if unfinished(draft.status):
        draft.urgent = draft.intent = True
    elif resized(draft):
        draft.say(Reason.STEP_EDITED, "replicaRatio.total was edited: the candidate has fewer of the pods")
    else:
        draft.puts_back = True
        say_put_back(draft, f"put back: a route {_beyond(draft, draft.weights, 1)}")
    return True


def _alone(draft: TickContext) -> bool:
    """Whether pods are the weight, and the baseline's Deployment is gone: the candidate's pods are all that serves."""
    return draft.spec.ratio is not None and draft.seen.arm(ArmName.BASELINE) is ABSENT


def say_put_back(draft: Draft, message: str) -> None:
    """Tells of it, unless it was told just now: what keeps happening is told once, as `RouteContested`."""
    recent = [one for one in draft.memory.put_back if abs(draft.now - one) < QUIET]
    if len(recent) < KEPT_PUT_BACKS - 1:
        draft.say(Reason.PUT_BACK, message, warning=True)


def unknown(draft: Draft) -> bool:
    """Whether there is a target or a rule that was never set in this run: an edit of the spec or of a route added it."""
    known = _known(draft)
    if any(ref.pair not in known for ref in refs_of(draft.spec, draft.seen.rollout.namespace)):
        return True
    named = ((route, pair) for route in routes(draft) for pair, _ in named_pairs(draft, route))
    return any(_is_new(pair, known[route.ref.pair]) for route, pair in named)


def resized(draft: TickContext) -> bool:
    """Whether an edit has changed how many pods share the traffic since the last raise."""
    ratio = draft.spec.ratio
    written = (target.pods for target in draft.status.targets if target.pods is not None)
    return ratio is not None and any(one.total != ratio.total for one in written)


def _known(draft: TickContext) -> dict[tuple[str, str, str], TargetStatus]:
    """What is remembered of each route and its two backends."""
    return {ref_of(target, draft.seen.rollout.namespace).pair: target for target in draft.status.targets}


def _is_new(pair: RulePair, target: TargetStatus | None) -> bool:
    """A rule that was never set in this run; one that gives the candidate something already is not left alone for that."""
    return target is None or weights.found_of(pair, target.found) is None


def restore(draft: Draft, target: TargetStatus, *, revert: bool = True, but: Collection[str] = ()) -> bool:
    """Plans what puts a remembered target back to what was found, the candidate at 0.

    Args:
        draft: the tick's draft.
        target: the remembered target.
        revert: this ends the run's traffic for good; otherwise it is a move of a run that goes on.
        but: rules that are left as they are.

    Returns: whether it is back already, or the route is gone: it does not exist, or its kind is no longer served.
    """
    route = draft.seen.routes.get(key_of(target), ABSENT)
    if not isinstance(route, Route):
        draft.need(Live.ROUTES)
        return draft.seen.live >= Live.ROUTES and _gone(route)
    pairs = {pair.rule: _back(draft, pair, target) for pair in route.pairs if pair.rule not in but}
    changed = {
        pair.rule: pairs[pair.rule]
        for pair in route.pairs
        if pair.rule in pairs and (pair.baseline, pair.candidate) != pairs[pair.rule]
    }
    ours = mirrors.ours(draft, route)
    copied = {pair.rule: 0 for pair in route.pairs if ours and pair.mirror and pair.rule not in but}
    copied |= mirrors.strays(draft, route)
    if changed or copied:
        draft.actions.append(SetWeights(route, changed, raises=False, revert=revert, mirrors=copied))
    return not (changed or copied)


def _back(draft: TickContext, pair: RulePair, target: TargetStatus) -> tuple[int, int]:
    """The numbers that put a pair back."""
    found = weights.restored(pair, target.found)
    if pair.ready is None:
        return found
    run = draft.status.run
    ours = run is not None and (run.raised is not None or run.traffic_since is not None)
    total = max(_pods_in_all(draft, pair), target.pods.largest if target.pods is not None else 0)
    return pods.restored(pair, sum(found), total, ours=ours)


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


def remember(draft: Draft, asked: TargetWeights | None = None) -> None:
    """Records the numbers of every route of the spec before the first write, and their generations before each raise.

    Args:
        draft: the tick's draft.
        asked: the weights that are written next; `None` for none.
    """
    known = {key_of(target): target for target in draft.status.targets}
    for route in routes(draft):
        before = known.get(route.ref.key)
        same_pair = before is not None and ref_of(before, route.ref.namespace).pair == route.ref.pair
        found = before.found if before is not None and same_pair and not _before_any_write(draft, route) else ()
        found += tuple(_pair_status(pair) for pair in route.pairs if weights.found_of(pair, found) is None)
        known[route.ref.key] = TargetStatus(
            kind=route.ref.kind,
            name=route.ref.name,
            baseline=route.ref.baseline,
            candidate=route.ref.candidate,
            rules=route.ref.rules,
            found=found,
            generation=route.generation,
            pods=_pods_status(draft, route, asked, before if same_pair else None),
            mirrored=(asked is not None and mirrors.keeps(draft, route, asked)) or None,
        )
    draft.update(targets=tuple(known.values()))


def _before_any_write(draft: TickContext, route: Route) -> bool:
    """Whether pods are found that this run has not set yet: people may have scaled them since it began."""
    unset = draft.status.run is None or draft.run.raised is None
    return unset and any(pair.ready is not None for pair in route.pairs)


def _pods_status(
    draft: TickContext, route: Route, asked: TargetWeights | None, before: TargetStatus | None
) -> PodsStatus | None:
    """The pods that are written next, where pods are the weight."""
    kept = before.pods if before is not None and not _before_any_write(draft, route) else None
    pair = next((pair for pair, _ in named_pairs(draft, route) if pair.ready is not None), None)
    if pair is None or asked is None:
        return kept
    baseline, candidate = _next(draft, route, asked)[pair.rule]
    total = _pods_in_all(draft, pair)
    largest = max(total, kept.largest if kept is not None else 0)
    return PodsStatus(baseline=baseline, candidate=candidate, total=total, largest=largest)


def _pair_status(pair: RulePair) -> PairStatus:
    return PairStatus(rule=pair.rule, identity=pair.identity, baseline=pair.baseline, candidate=pair.candidate)


def put_back_removed(draft: Draft) -> None:
    """Plans the restoring of targets and rules that an edit took out of the spec; forgets those that are back."""
    named = {ref.key: ref for ref in refs_of(draft.spec, draft.seen.rollout.namespace)}
    kept: list[TargetStatus] = []
    for target in draft.status.targets:
        ref = named.get(key_of(target))
        if ref is not None:
            kept.append(_narrowed(draft, target, ref))
        elif not restore(draft, target):
            kept.append(target)
    if tuple(kept) != draft.status.targets:
        draft.update(targets=tuple(kept))


def _narrowed(draft: Draft, target: TargetStatus, ref: TargetRef) -> TargetStatus:
    """The target without the rules that the spec no longer names, once those are back as they were found."""
    rules = tuple(rule for rule in target.rules if rule in ref.rules) if target.rules else ref.rules
    if not ref.rules or rules == target.rules:
        return target
    back = restore(draft, target, revert=False, but=ref.rules)
    return target.model_copy(update={"rules": rules}) if back else target
