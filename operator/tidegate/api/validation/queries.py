"""PromQL: known variables, a form Prometheus takes, and different queries for different arms."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.metric_kinds import Measured
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.placed_limits import check_limits, limits_of
from tidegate.api.validation.problems import Problem, Where
from tidegate.api.values import promql


def texts_of(metric: Measured, where: Where) -> list[tuple[Where, str]]:
    """The PromQL texts of a metric or template with their places."""
    return [((*where, *place), text) for place, text in metric.texts.items()]


def query_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Queries that could not be asked, or that ask the same of both arms where these are compared."""
    compared = {
        limit.threshold.metric for limit in limits_of(spec) if limit.threshold.relative or limit.threshold.counted
    }
    checked = {limit.threshold.metric: limit for limit in reversed(check_limits(spec))}
    for index, metric in enumerate(spec.metrics):
        where = ("spec", "metrics", index)
        for place, text in texts_of(metric, where):
            yield from _of_text(place, text, compared=metric.name in compared and place[-1] != "requests")
        if metric.name in checked and any(
            promql.variables(text) & promql.ARM_VARIABLES for text in metric.texts.values()
        ):
            words = f"metric '{metric.name}' is of an arm: a check is on a metric that uses none of $workload, $service and $pods"
            yield Problem((*checked[metric.name].where, "metric"), words)


def unknown_variable(text: str) -> str:
    """What is said of a variable that there is not; empty when all are known."""
    unknown = sorted(promql.variables(text) - set(promql.VARIABLES))
    there_are = " ".join(f"${name}" for name in promql.VARIABLES)
    return f"there is no variable ${unknown[0]}: there are {there_are}; a dollar sign is $$" if unknown else ""


def text_fault(where: Where, text: str) -> str:
    """Why a text could not be asked at its place, which ends in its field's name; empty when it could."""
    faults = {"query": promql.query_fault, "requests": promql.query_fault, "histogram": promql.histogram_fault}
    return unknown_variable(text) or faults.get(str(where[-1]), promql.selector_fault)(text)


def _of_text(where: Where, text: str, *, compared: bool) -> Iterator[Problem]:
    fault = text_fault(where, text)
    if fault:
        yield Problem(where, fault)
    elif compared and not promql.variables(text) & promql.ARM_VARIABLES:
        yield Problem(where, "is compared with the baseline, so it must use $workload, $service or $pods")
