"""PromQL: known variables, a form Prometheus takes, and different questions for different arms."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api import promql
from tidegate.api.checks.lines import lines_of
from tidegate.api.checks.problems import Problem, Where
from tidegate.api.metric import Metric
from tidegate.api.rollout import RolloutSpec


def texts_of(metric: Metric, where: Where) -> list[tuple[Where, str]]:
    """The metric's PromQL texts with their places."""
    found = [] if metric.query is None else [((*where, "query"), metric.query)]
    if metric.ratio is not None:
        found += [((*where, "ratio", "bad"), metric.ratio.bad), ((*where, "ratio", "total"), metric.ratio.total)]
    return found


def query_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Queries that could not be asked, or that ask the same of both arms where these are compared."""
    compared = {line.threshold.metric for line in lines_of(spec) if line.threshold.relative}
    for index, metric in enumerate(spec.metrics):
        where = ("spec", "metrics", index)
        for place, text in texts_of(metric, where):
            yield from _of_text(place, text, compared=metric.name in compared)


def _of_text(where: Where, text: str, *, compared: bool) -> Iterator[Problem]:
    used = promql.variables(text)
    unknown = sorted(used - set(promql.VARIABLES))
    if unknown:
        there_are = " ".join(f"${name}" for name in promql.VARIABLES)
        yield Problem(where, f"there is no variable ${unknown[0]}: there are {there_are}; a dollar sign is $$")
        return
    fault = promql.query_fault(text) if where[-1] == "query" else promql.selector_fault(text)
    if fault:
        yield Problem(where, fault)
    elif compared and not used & promql.ARM_VARIABLES:
        yield Problem(where, "is compared with the baseline, so it must use $workload, $service or $pods")
