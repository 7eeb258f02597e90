"""Limits: written in their metric's unit, and able to be broken."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.metric_kinds import Measured
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import LimitKind
from tidegate.api.validation.lines import Line, check_lines, lines_of, rollout_lines, step_lines
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
    for line in (*lines_of(spec), *check_lines(spec)):
        metric = metrics.get(line.threshold.metric)
        # One that could not be resolved has no unit yet.
        if metric is not None and metric.preset is None and metric.template is None:
            yield from _of_line(line, metric)


def count_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """More tests on counts than the status can remember at once."""
    for index, step in enumerate(spec.steps):
        lines = [line for line in (*rollout_lines(spec), *step_lines(spec, index)) if line.threshold.counted]
        if len(lines) > MOST_TESTS:
            message = (
                f"step {step.name!r} has {len(lines)} lines with 'regression' or 'split' in force; {MOST_TESTS} are the most: "
                "judge whole services, and leave segments to 'max' and 'maxIncrease'"
            )
            yield Problem(lines[MOST_TESTS].where, message)
            return


def definition_problems(metric: Measured, where: Where) -> Iterator[Problem]:
    """What is wrong with the metric's own numbers, such as `slowerThan` of a ratio; `where` is the metric's place."""
    if metric.kind is not None and metric.definition is not None:
        for field, message in metric.definition.faults():
            yield Problem((*where, metric.kind.value, field), message)


def _of_line(line: Line, metric: Metric) -> Iterator[Problem]:
    threshold = line.threshold
    written = (("max", threshold.max), ("min", threshold.min), ("floor", threshold.floor))
    for field, quantity in written:
        if quantity is not None:
            message = _misfit(field, quantity, metric)
            if message:
                yield Problem((*line.where, field), message)
    if threshold.counted:
        yield from _of_test(line, metric)
    if threshold.max_decrease is not None and threshold.max_decrease.ratio >= 1:
        yield Problem((*line.where, LimitKind.MAX_DECREASE.value), "no value falls by 100% or more: write less")


def _of_test(line: Line, metric: Metric) -> Iterator[Problem]:
    regression, kind = line.threshold.regression, line.threshold.kind.value
    test = regression or line.threshold.split
    if not metric.counts:
        message = f"'{kind}' counts requests: metric '{metric.name}' must be a 'ratio' or an 'average' of two counters, not a 'query'"
        yield Problem((*line.where, kind), message)
        return
    if test is not None and not 0.5 <= test.confidence.ratio <= MOST_CONFIDENT:
        yield Problem((*line.where, kind, "confidence"), "write 50% to 99.999%; 95% is usual")
    if not metric.share:
        yield from _of_average(line, metric)
    for field in ("limit", "floor") if regression is not None else ():
        quantity = getattr(regression, field)
        message = _no_share(quantity, metric) if quantity is not None else ""
        if message:
            yield Problem((*line.where, kind, field), message)


def _of_average(line: Line, metric: Metric) -> Iterator[Problem]:
    """Tests that an average has not."""
    kind, regression = line.threshold.kind.value, line.threshold.regression
    if regression is None:
        message = f"'{kind}' counts requests: use a 'ratio' whose 'total' is the 'count' of metric '{metric.name}'"
        yield Problem((*line.where, kind), message)
    elif regression.limit is not None:
        message = f"an average is compared with the baseline's: for a limit on '{metric.name}' write 'max' with a 'for'"
        yield Problem((*line.where, kind, "limit"), message)


def _no_share(quantity: Quantity, metric: Metric) -> str:
    """Why a quantity is none to be above of; empty where it is one."""
    try:
        number = quantity.in_unit(metric.effective_unit)
    except ValueError as error:
        return str(error)
    if metric.share and not 0 < number < 1:
        return f"'{quantity}' is not a share to be above of: write more than 0% and less than 100%"
    return "" if number > 0 else f"'{quantity}' is nothing to be above of: write more than 0"


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
