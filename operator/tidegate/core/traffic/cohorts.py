"""Cohorts: which rule of a route stands for which, what a step asks of each, and the revert of one alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import CohortRevert, CohortWeight
from tidegate.api.rollout.steps import Step
from tidegate.api.rollout.target_weights import TargetWeights, weights_at
from tidegate.api.rollout.thresholds import Scope, Threshold
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ABSENT, Route, RulePair
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft


def cohort_of(spec: RolloutSpec, key: str, rule: str) -> str | None:
    """The cohort that a rule stands for, empty for the steps' `weight`; `None` when the spec does not name the rule.

    Args:
        spec: the spec in force.
        key: of the route.
        rule: its name, or `#` and its position.
    """
    entry = next((one for one in spec.traffic if one.key == key and one.covers(rule)), None)
    return None if entry is None else entry.cohort or ""


def named_pairs(draft: TickContext, route: Route) -> Iterator[tuple[RulePair, str]]:
    """The pairs of the rules that the spec names, each with its cohort. A rule that it no longer names is restored.

    One that was renamed on the route stays what it was: it is lowered like before, and `RuleMissing` keeps it from being raised.
    """
    for pair in route.pairs:
        cohort = cohort_of(draft.spec, route.ref.key, route.known_as(pair.rule))
        if cohort is not None:
            yield pair, cohort


def asked(draft: TickContext, step: Step) -> TargetWeights:
    """The weights that a step asks for: a cohort that was taken back stays at 0."""
    return weights_at(draft.spec, step).without(frozenset(one.name for one in reverted(draft)))


def decided(draft: TickContext, weights: TargetWeights) -> dict[str, Any]:
    """The fields of the run that keep `weights`."""
    known = {one.name: one for one in draft.run.cohorts or ()}
    kept = tuple(
        known.get(name, CohortWeight(name=name)).model_copy(update={"weight": float(weight)})
        for name, weight in weights.cohorts.items()
    )
    gone = tuple(one for one in reverted(draft) if one.name not in weights.cohorts)
    return {"weight": float(weights.weight), "cohorts": (*kept, *gone) or None, "mirror": weights.mirror or None}


def reverted(draft: TickContext) -> tuple[CohortWeight, ...]:
    """The cohorts that were taken back in this run."""
    run = draft.status.run
    return tuple(one for one in (run.cohorts if run is not None else None) or () if one.reverted is not None)


def takes_cohort(draft: TickContext, limit: Threshold) -> bool:
    """Whether a breach of the limit takes back its cohort alone.

    While the version is promoted it reverts the run: the baseline, to which a cohort would go back, becomes this version.
    """
    return limit.scope is Scope.COHORT and limit.cohort is not None and draft.run.promotion is None


def take_back(draft: Draft, cohort: str, reason: Reason, message: str) -> None:
    """Decides that a cohort is at 0 for the rest of the run. The run goes on for the others, and as before with its gates."""
    known = {one.name: one for one in draft.run.cohorts or ()}
    before = known.get(cohort, CohortWeight(name=cohort))
    if before.reverted is not None or draft.ending():
        return
    revert = CohortRevert(reason=reason, message=message, since=instant(draft.now))
    known[cohort] = before.model_copy(update={"weight": 0.0, "reverted": revert})
    draft.update_run(cohorts=tuple(known.values()), promote=False)  # a wish of before the breach
    draft.say(
        Reason.COHORT_REVERTED,
        f"cohort {cohort} is reverted, the run continues for the others: {message}",
        warning=True,
    )
    draft.urgent = draft.intent = True


def leaves_traffic(draft: TickContext) -> bool:
    """Whether the candidate has traffic on any target, or the current step or a later one gives it some."""
    step = draft.step_spec
    rest = draft.spec.steps[draft.spec.steps.index(step) :] if step is not None else ()
    return draft.weights.some or any(asked(draft, one).some for one in rest)


def note_finished(draft: Draft) -> None:
    """Notes the cohorts taken back that every route was seen to have at 0."""
    if all(one.reverted is None or one.reverted.done for one in reverted(draft)):
        return
    routes = [draft.seen.routes.get(key, ABSENT) for key in dict.fromkeys(one.key for one in draft.spec.traffic)]
    if not all(isinstance(route, Route) or route is ABSENT for route in routes):
        return
    seen = [one for route in routes if isinstance(route, Route) for one in named_pairs(draft, route)]
    served = {cohort for pair, cohort in seen if pair.candidate}
    kept = tuple(
        one.model_copy(update={"reverted": one.reverted.model_copy(update={"done": one.name not in served})})
        if one.reverted is not None
        else one
        for one in draft.run.cohorts or ()
    )
    draft.update_run(cohorts=kept)
