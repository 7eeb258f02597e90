"""Raising: the weights decided, and what a revert would restore, recorded before the first write."""

from __future__ import annotations

from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import PairStatus, PodsStatus, TargetStatus
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.core.model.plan import KeepFinalizer, SetWeights
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import Route, RulePair
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import mirrors, targets, weights
from tidegate.core.traffic.cohorts import decided, named_pairs


def raise_to(draft: Draft, asked: TargetWeights, *, back: bool = False) -> None:
    """Decides these weights, records what a revert would restore, and plans what brings every route there.

    Args:
        draft: the tick's draft.
        asked: the weights.
        back: the promoted baseline breached. That is as urgent as a revert: written on what the watch streams say, beside its
            record. An intent is recorded first so that no crash leaves a weight on a route that no process knows of. None can
            be left so: only a route is written that the stored status remembers, with what a revert restores. A process that
            starts from a status without this decision takes the weight for an excess and corrects it, and the breach decides
            the same again. What the streams say is tested by the write.
    """
    remember(draft, asked)
    draft.update_run(**decided(draft, asked), raised=instant(draft.now))
    draft.intent = True
    draft.urgent = draft.urgent or back
    draft.need()
    if FINALIZER not in draft.seen.rollout.finalizers:
        draft.actions.append(KeepFinalizer(present=True))
    for route in targets.routes(draft):
        pairs, named = targets.next_numbers(draft, route, asked), [pair for pair, _ in named_pairs(draft, route)]
        compared = [weights.compare(pair, pairs[pair.rule]) for pair in named]
        more_pods = any(pair.ready is not None and pair.numbers != pairs[pair.rule] for pair in named)
        copied = mirrors.changes(draft, route, asked)
        if any(compared) or more_pods or copied:
            raises = any(one < 0 for one in compared) or any(copied.values())
            if not back or not raises or targets.recorded(draft, route):
                draft.set_weights(SetWeights(route, pairs, raises=raises, mirrors=copied, back=back))


def remember(draft: Draft, asked: TargetWeights | None = None) -> None:
    """Records the numbers of every route of the spec before the first write, and their generations before each raise.

    Args:
        draft: the tick's draft.
        asked: the weights that are written next; `None` for none.
    """
    known = {targets.key_of(target): target for target in draft.status.targets}
    for route in targets.routes(draft):
        before = known.get(route.ref.key)
        same_pair = before is not None and targets.ref_of(before, route.ref.namespace).pair == route.ref.pair
        found = before.found if before is not None and same_pair and not _before_any_write(draft, route) else ()
        found += tuple(_pair_status(pair, route) for pair in route.pairs if weights.found_of(pair, found) is None)
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


def note_twins(draft: Draft) -> None:
    """Records that a rule has a twin, also one that came later: if one of the two is deleted, nobody can know which is left."""
    namespace = draft.seen.rollout.namespace
    seen = {route.ref.pair: route for route in draft.seen.routes.values() if isinstance(route, Route)}
    noted = tuple(
        _with_twins(target, seen.get(targets.ref_of(target, namespace).pair)) for target in draft.status.targets
    )
    if noted != draft.status.targets:
        draft.update(targets=noted)


def _with_twins(target: TargetStatus, route: Route | None) -> TargetStatus:
    new = {one.rule for one in target.found if not one.twin} & (route.twins if route is not None else frozenset())
    if not new:
        return target
    found = tuple(one.model_copy(update={"twin": True}) if one.rule in new else one for one in target.found)
    return target.model_copy(update={"found": found})


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
    baseline, candidate = targets.next_numbers(draft, route, asked)[pair.rule]
    total = targets.pods_in_all(draft, pair)
    largest = max(total, kept.largest if kept is not None else 0)
    return PodsStatus(baseline=baseline, candidate=candidate, total=total, largest=largest)


def _pair_status(pair: RulePair, route: Route) -> PairStatus:
    twin = pair.rule in route.twins or None
    return PairStatus(
        rule=pair.rule, identity=pair.identity, twin=twin, baseline=pair.baseline, candidate=pair.candidate
    )
