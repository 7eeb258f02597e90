"""The routes of a Rollout: the ones its spec names, the ones its status remembers, and the numbers each is to have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import TargetStatus
from tidegate.api.rollout.target_weights import TargetWeights, percents_of
from tidegate.core.model.world import ABSENT, Route, RulePair, TargetRef
from tidegate.core.tick.arms import sent_back
from tidegate.core.tick.context import TickContext
from tidegate.core.traffic import pods, weights
from tidegate.core.traffic.cohorts import named_pairs


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
    known = tuple((pair.rule, pair.identity) for pair in target.found if not pair.twin)
    return TargetRef(namespace, target.kind, target.name, target.baseline, target.candidate, target.rules, known)


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
        total = weights.sum_alone(percents, pair) if pair.ready is None else pods_in_all(draft, pair)
        found[pair.rule] = weights.numbers(weight, pair, total)
    return found


def pods_in_all(draft: TickContext, pair: RulePair) -> int:
    """Pods of both arms together; where the spec no longer says, those that there are."""
    ratio = draft.spec.ratio
    return ratio.total if ratio is not None else max(pair.total, 1)


def next_numbers(draft: TickContext, route: Route, asked: TargetWeights) -> dict[str, tuple[int, int]]:
    """The numbers of each rule that are written next on the way to the weights asked."""
    numbers = wanted(draft, route, asked)
    back = sent_back(draft)
    return {pair.rule: pods.toward(pair, numbers[pair.rule], back=back) for pair, _ in named_pairs(draft, route)}


def recorded(draft: TickContext, route: Route) -> bool:
    """Whether the stored status remembers a route: also another process knows what a revert must restore there."""
    stored = draft.seen.rollout.status.get("targets") or ()
    named = [(one.get("kind"), one.get("name")) for one in stored if isinstance(one, Mapping)]
    return (route.ref.kind, route.ref.name) in named


def known_pairs(draft: TickContext) -> dict[tuple[str, str, str], TargetStatus]:
    """What is remembered of each route and its two backends."""
    return {ref_of(target, draft.seen.rollout.namespace).pair: target for target in draft.status.targets}
