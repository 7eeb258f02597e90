"""Limits: written in their metric's unit, and able to be broken."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.metric_kinds import Measured
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import LimitKind
from tidegate.api.validation.placed_limits import PlacedLimit, check_limits, limits_of, rollout_limits, step_limits
from tidegate.api.validation.problems import Problem, Where
from tidegate.api.values.scalars import Quantity

MOST_TESTS = 8
"""Tests on counts in force at once: each remembers up to a hundred numbers, and they share one chance of a false stop."""

MOST_CONFIDENT = 0.99999
"""A false stop in 100,000 runs: less than that no count of requests can promise."""


def limit_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Limits that do not fit their metric, or that no value could ever breach."""
    metrics = {metric.name: metric for metric in spec.metrics}
    for index, one in enumerate(spec.metrics):
        yield from definition_problems(one, ("spec", "metrics", index))
    for limit in (*limits_of(spec), *check_limits(spec)):
        metric = metrics.get(limit.threshold.metric)
        # One that could not be resolved has no unit yet.
        if metric is not None and metric.preset is None and metric.template is None:
            yield from _of_limit(limit, metric)


def count_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """More tests on counts than the status can remember at once."""
    for index, step in enumerate(spec.steps):
        limits = [limit for limit in (*rollout_limits(spec), *step_limits(spec, index)) if limit.threshold.counted]
        if len(limits) > MOST_TESTS:
            message = (
                f"step {step.name!r} has {len(limits)} limits with 'regression' or 'split' in force; at most {MOST_TESTS} are allowed: "
                "evaluate whole services, and use 'max' and 'maxIncrease' for segments"
            )
            yield Problem(limits[MOST_TESTS].where, message)
            return


def definition_problems(metric: Measured, where: Where) -> Iterator[Problem]:
    """What is wrong with the metric's own numbers, such as `slowerThan` of a ratio; `where` is the metric's place."""
    if metric.kind is not None and metric.definition is not None:
        for field, message in metric.definition.faults():
            yield Problem((*where, metric.kind.value, field), message)


def _of_limit(limit: PlacedLimit, metric: Metric) -> Iterator[Problem]:
    threshold = limit.threshold
    written = (("max", threshold.max), ("min", threshold.min), ("floor", threshold.floor))
    for field, quantity in written:
        if quantity is not None:
            message = _misfit(field, quantity, metric)
            if message:
                yield Problem((*limit.where, field), message)
    if threshold.counted:
        yield from _of_test(limit, metric)
    if threshold.max_decrease is not None and threshold.max_decrease.ratio >= 1:
        yield Problem(
            (*limit.where, LimitKind.MAX_DECREASE.value), "no value can fall by 100% or more: write a smaller value"
        )


def _of_test(limit: PlacedLimit, metric: Metric) -> Iterator[Problem]:
    regression, kind = limit.threshold.regression, limit.threshold.kind.value
    test = regression or limit.threshold.split
    if not metric.counts:
        message = f"'{kind}' counts requests: metric '{metric.name}' must be a 'ratio' or an 'average' of two counters, not a 'query'"
        yield Problem((*limit.where, kind), message)
        return
    if test is not None and not 0.5 <= test.confidence.ratio <= MOST_CONFIDENT:
        yield Problem((*limit.where, kind, "confidence"), "write 50% to 99.999%; 95% is usual")
    if not metric.share:
        yield from _of_average(limit, metric)
    for field in ("limit", "floor") if regression is not None else ():
        quantity = getattr(regression, field)
        message = _no_share(quantity, metric) if quantity is not None else ""
        if message:
            yield Problem((*limit.where, kind, field), message)


def _of_average(limit: PlacedLimit, metric: Metric) -> Iterator[Problem]:
    """Tests that an average has not."""
    kind, regression = limit.threshold.kind.value, limit.threshold.regression
    if regression is None:
        message = f"'{kind}' counts requests: use a 'ratio' whose 'total' is the 'count' of metric '{metric.name}'"
        yield Problem((*limit.where, kind), message)
    elif regression.limit is not None:
        message = f"an average is compared with the baseline's: for a limit on '{metric.name}' write 'max' with a 'for'"
        yield Problem((*limit.where, kind, "limit"), message)


def _no_share(quantity: Quantity, metric: Metric) -> str:
    """Why a quantity is none to be above of; empty where it is one."""
    try:
        number = quantity.in_unit(metric.effective_unit)
    except ValueError as error:
        return str(error)
    if metric.share and not 0 < number < 1:
        return f"'{quantity}' is out of range: write more than 0% and less than 100%"
    return "" if number > 0 else f"'{quantity}' is out of range: write more than 0"


def _misfit(field: str, quantity: Quantity, metric: Metric) -> str:
    try:
        number = quantity.in_unit(metric.effective_unit)
    except ValueError as error:
        return str(error)
    if not metric.share:
        return ""
    if field == "max" and number < 0:
        return f"a share of requests is always above '{quantity}': write 0% or more, and less than 100%"
    if field == "max" and number >= 1:
        return f"'{quantity}' is never exceeded by a share of requests: write 0% or more, and less than 100%"
    if field == "min" and not 0 < number <= 1:
        return f"a share of requests is never below '{quantity}': write more than 0%, and at most 100%"
    return ""
