"""Warnings of `tidegate lint`: what is carried out as written, and is probably not what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.responses import Response
from tidegate.api.rollout.scaling import ScalingMode
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import cohorts_of, weights_at
from tidegate.api.rollout.thresholds import Guard
from tidegate.api.validation.job_sources import hook_advice
from tidegate.api.validation.placed_limits import PlacedLimit, check_limits, limits_of, rollout_limits, step_limits
from tidegate.api.validation.problems import Problem, Severity, Where
from tidegate.api.validation.promotions import promotion_advice
from tidegate.api.validation.queries import texts_of
from tidegate.api.validation.receivers import receivers
from tidegate.api.validation.replica_ratio import ratio_advice
from tidegate.api.validation.traps import traps
from tidegate.api.values import promql


def advice(spec: RolloutSpec) -> list[Problem]:
    """The warnings for a spec without errors."""
    found = (
        _of_metrics(spec),
        _of_lines(spec),
        _of_weights(spec),
        _of_cohorts(spec),
        _of_shares(spec),
        _of_mirrors(spec),
        _of_full_weight(spec),
        ratio_advice(spec),
        _of_checkpoints(spec),
        _of_sessions(spec),
        hook_advice(spec),
        traps(spec),
        receivers(spec),
    )
    warned = [Problem(where, message, Severity.WARNING) for warnings in found for where, message in warnings]
    return [*warned, *promotion_advice(spec)]


def _of_metrics(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    used = {limit.threshold.metric for limit in (*limits_of(spec), *check_limits(spec))}
    for index, metric in enumerate(spec.metrics):
        where: Where = ("spec", "metrics", index)
        if metric.name not in used:
            yield (*where, "name"), f"no threshold or guard uses '{metric.name}'"
        if metric.template is not None:
            yield (
                (*where, "template"),
                f"{metric.template} is not in the files given: its query cannot be checked here",
            )
            continue
        if metric.window.seconds < 2 * spec.interval.seconds:
            yield (
                (*where, "window"),
                f"is short for an interval of {spec.interval}: with at least 2 intervals no sample is missed",
            )
        for place, text in texts_of(metric, where):
            if promql.has_fixed_range(text):
                yield place, "has a fixed range, which may reach back to before this version: write [$window]"
            if promql.guesses_pods(text):
                yield (
                    place,
                    'also matches the pods of workloads whose names begin with the same text: write pod=~"$pods"',
                )


def _of_lines(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    for limit in limits_of(spec):
        guard = limit.threshold
        test = guard.regression
        if test is not None and test.limit is None and test.floor is None:
            yield (
                (*limit.where, "regression"),
                (
                    "has no 'floor': where the baseline's value is near 0, a few bad requests are a large relative increase; write the value below which nothing is a breach, such as 'floor: "
                    "0.1%'"
                ),
            )
        if test is not None and test.limit is None and (by := _separated_by(spec, guard.metric)):
            yield (
                (*limit.where, "metric"),
                (
                    f"counts the segments of '{by}' together: where their values differ, a healthy candidate that gets more requests of a worse segment looks worse than the baseline; "
                    f"use '{by}' alone, unless no segment is much worse than the others"
                ),
            )
        if isinstance(guard, Guard) and 0 < guard.for_.seconds < spec.interval.seconds:
            yield (
                (*limit.where, "for"),
                f"is shorter than the interval, {spec.interval}: a single breached sample completes it",
            )
    yield from _never_evaluated(spec)


def _separated_by(spec: RolloutSpec, name: str) -> str:
    """A metric with `by` of the same counters as this one, which has none; empty where there is none."""
    pooled = next((one for one in spec.metrics if one.name == name), None)
    if pooled is None or pooled.by or not pooled.texts:
        return ""
    same = (one.name for one in spec.metrics if one.by and one.texts == pooled.texts)
    return next(same, "")


def _never_evaluated(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    if not any(weights_at(spec, step).exposed for step in spec.steps):
        for limit in rollout_limits(spec):
            yield limit.where, "is never evaluated: no step gives the candidate traffic"
    for index, step in enumerate(spec.steps):
        weights = weights_at(spec, step)
        for limit in step_limits(spec, index):
            cohort = limit.threshold.cohort
            if not weights.exposed:
                yield limit.where, "is never evaluated: the candidate has no traffic at weight 0"
            elif weights.mirror and limit.threshold.counted:
                yield limit.where, "is never evaluated: tests on counts count no mirrored requests"
            elif cohort and not weights.of(cohort):
                yield limit.where, f"is never evaluated: cohort {cohort} has weight 0 in this step"
            elif limit.threshold.relative and (weights.of(cohort) >= 100 if cohort else weights.full):
                yield limit.where, "is never evaluated: at weight 100 the baseline has no traffic to compare with"


def _of_cohorts(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    using = {one.name for one in spec.metrics if any("cohort" in promql.variables(text) for text in one.texts.values())}
    templated = {one.name for one in spec.metrics if not one.texts}
    for limit in limits_of(spec):
        threshold = limit.threshold
        if threshold.cohort and threshold.metric not in using | templated:
            yield (
                (*limit.where, "cohort"),
                f"metric '{threshold.metric}' does not use $cohort: it is the same for every cohort",
            )
        if threshold.split is not None and threshold.cohort is None and cohorts_of(spec):
            yield (
                (*limit.where, "split"),
                "counts against 'weight': the requests of cohorts must not be among those of its metric, or name a 'cohort'",
            )
    for index, target in enumerate(spec.traffic):
        for place, rule in enumerate(target.rules or ()):
            if target.cohort and rule.startswith("#"):
                words = "is a position: a rule inserted before it becomes the cohort; give the rule a name where its kind has names"
                yield ("spec", "traffic", index, "rules", place), words


def _of_shares(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    scaling = spec.candidate.scaling
    if scaling is None or scaling.mode is not ScalingMode.MATCH_WEIGHT or scaling.min is not None:
        return
    unknown = [name for name in cohorts_of(spec) if name not in scaling.cohort_shares]
    if unknown:
        words = f"counts no pods for cohort {', '.join(unknown)}: give its share of the requests in 'cohortShares', or a 'min'"
        yield ("spec", "candidate", "scaling", "mode"), words


def _of_weights(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    for index in range(1, len(spec.steps)):
        before, step = spec.steps[index - 1], spec.steps[index]
        if step.weight.percent < before.weight.percent:
            yield ("spec", "steps", index, "weight"), f"is less than the {before.weight} of the step before"


def _of_mirrors(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    for index, step in enumerate(spec.steps):
        judged = (limit for limit in rollout_limits(spec) + step_limits(spec, index) if not limit.threshold.counted)
        if step.mirror is not None and not any(judged):
            words = "has nothing to evaluate: add a limit other than 'regression' and 'split', which count no mirrored requests"
            yield ("spec", "steps", index, "mirror"), words


def _of_full_weight(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    for index, step in enumerate(spec.steps):
        in_force = rollout_limits(spec) + step_limits(spec, index)
        if step.weight.percent == 100 and not any(_protects(limit) for limit in in_force):
            yield (
                ("spec", "steps", index),
                "has weight 100 and no max or min that reverts: nothing can send traffic back",
            )


def _protects(limit: PlacedLimit) -> bool:
    return not limit.threshold.relative and limit.threshold.on_breach.takes_traffic


def _of_checkpoints(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    for index, step in enumerate(spec.steps):
        judged = spec.thresholds or step.thresholds
        if step.checkpoints and not judged:
            yield (
                ("spec", "steps", index, "checkpoints"),
                "have nothing to evaluate: there are no thresholds, only guards",
            )


def _of_sessions(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    for limit in limits_of(spec) if spec.scales_to_zero else ():
        if limit.threshold.on_breach is Response.STEP_BACK:
            words = "lowers the weight and keeps the candidate's pods: sessions that a route keeps there ('revert: ScaleToZero') stay"
            yield (*limit.where, "onBreach"), words
