"""Warnings on what never does what it seems to: guards that cannot act, and queries that cannot tell, or go empty."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.metric_template.spec import MetricTemplateSpec
from tidegate.api.rollout.metrics import Metric, WhenEmpty
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import weights_at
from tidegate.api.rollout.thresholds import Guard
from tidegate.api.validation.placed_limits import PlacedLimit, limits_of, rollout_limits, step_limits
from tidegate.api.validation.problems import Where
from tidegate.api.validation.queries import texts_of
from tidegate.api.values import promql
from tidegate.api.values.promql_shape import default_that_is_divided, empty_until_the_first, filters

_ARMS = "$workload, $service or $pods"


def traps(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """Where and what, for a spec without errors."""
    yield from _that_never_last(spec)
    yield from _too_rarely(spec)
    yield from _without_a_revert(spec)
    for index, metric in enumerate(spec.metrics):
        if metric.template is None:
            reverts = any(limit.threshold.metric == metric.name and _reverts(limit) for limit in limits_of(spec))
            yield from query_traps(metric, ("spec", "metrics", index), of_an_arm=reverts)


def query_traps(
    metric: Metric | MetricTemplateSpec, where: Where, *, of_an_arm: bool = True
) -> Iterator[tuple[Where, str]]:
    """What is wrong with a query that can be asked, and says less than it seems to.

    Args:
        metric: what asks it.
        where: its place.
        of_an_arm: a limit on it takes traffic from the candidate, so its breach must be the candidate's.
    """
    texts = texts_of(metric, where)
    if of_an_arm and texts and not any(promql.variables(text) & promql.ARM_VARIABLES for _, text in texts):
        yield (
            texts[0][0],
            f"names none of {_ARMS}: it has the same value for both arms, so a breach cannot be attributed to one",
        )
    if metric.query is None:
        return
    place = (*where, "query")
    if default_that_is_divided(metric.query):
        yield (
            place,
            "calculates with the default only: arithmetic takes precedence over 'or'. Write '(... or vector(0)) / ...'",
        )
    if metric.when_empty is WhenEmpty.ZERO:
        return
    if comparison := filters(metric.query):
        yield (
            place,
            (
                f"filters by '{comparison}': its result is empty while nothing is breached, and an empty result is no data. Return the value, and let 'max' or 'min' evaluate "
                f"it (or say whenEmpty: Zero)"
            ),
        )
    elif counter := empty_until_the_first(metric.query):
        yield (
            place,
            (
                f"is a share of {counter}, empty until the first request that its numerator counts: write it as a 'ratio' of 'bad' "
                f"and 'total', or add 'or vector(0)' to the numerator"
            ),
        )


def _that_never_last(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """A `for` that no step is long enough for."""
    served = [step for step in spec.steps if weights_at(spec, step).exposed]
    whole = sum(step.duration.seconds for step in served) + spec.promotion.settle.seconds
    for limit in rollout_limits(spec):
        if served and _lasting(limit) > whole:
            yield (
                (*limit.where, "for"),
                "is longer than all steps together: it cannot elapse in a run without holds",
            )
    for index, step in enumerate(spec.steps):
        for limit in step_limits(spec, index):
            if weights_at(spec, step).exposed and _lasting(limit) > step.duration.seconds:
                yield (*limit.where, "for"), f"is longer than the step, {step.duration}: it cannot elapse in it"


def _lasting(limit: PlacedLimit) -> float:
    return limit.threshold.for_.seconds if isinstance(limit.threshold, Guard) else 0.0


def _too_rarely(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """An interval that is longer than a step."""
    guarded = [step for index, step in enumerate(spec.steps) if _guards(spec, index) and weights_at(spec, step).exposed]
    short = [step for step in guarded if 0 < step.duration.seconds < spec.interval.seconds]
    if short:
        named = ", ".join(f"'{step.name}' ({step.duration})" for step in short)
        yield ("spec", "interval"), f"is longer than step {named}: guards may not be evaluated in it before its end"


def _guards(spec: RolloutSpec, index: int) -> bool:
    return any(limit.role == "guards" for limit in (*rollout_limits(spec), *step_limits(spec, index)))


def _without_a_revert(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """A run, or a step with traffic, in which no limit would revert."""
    if not any(_reverts(limit) for limit in limits_of(spec)):
        what = "reverts" if limits_of(spec) else "is evaluated"
        yield ("spec",), f"has no limit that {what}: only missing pods and missing data would revert the candidate"
        return
    for index, step in enumerate(spec.steps):
        # At weight 100 a limit that compares does nothing either: `advice` says that.
        weights = weights_at(spec, step)
        if (
            weights.some
            and not weights.full
            and not any(map(_reverts, rollout_limits(spec) + step_limits(spec, index)))
        ):
            yield ("spec", "steps", index), "has traffic and no limit that reverts"


def _reverts(limit: PlacedLimit) -> bool:
    return limit.threshold.on_breach.takes_traffic
