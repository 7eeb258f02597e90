"""Which PromQL a metric asks for one arm. The text depends on the tick's instant alone, so `due` and `decide` agree on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.api.values import promql
from tidegate.core.metrics import latency_histograms
from tidegate.core.metrics.variables import fill, promql_duration
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName

PROBE = "vector(1)"
"""What a source is asked before the first raise: does it answer at all?"""

ROUNDED = 0.001
"""Seconds by which an instant of the status may be off: they are kept to the millisecond."""

SHORTEST_WINDOW = 5.0
"""Seconds: a rate over less sees no two scrapes."""


@dataclass(frozen=True)
class Asking:
    """What the variables stand for."""

    source: str
    namespace: str
    rollout: str
    step: str
    elapsed: float
    """Watched seconds at this weight."""
    traffic: float
    """Seconds since the candidate first had traffic: no window is longer."""
    workloads: Mapping[ArmName, str]
    services: Mapping[ArmName, str]
    pods: Mapping[ArmName, str]

    def window(self, metric: Metric) -> float:
        """The metric's window in seconds, not reaching back before the candidate had traffic; then in whole ones."""
        return min(metric.window.seconds, max(math.floor(self.traffic + ROUNDED), SHORTEST_WINDOW))

    def filled(self, promql: str, metric: Metric, arm: ArmName) -> str:
        """A text of the metric with its variables filled in for one arm."""
        values = {
            "namespace": self.namespace,
            "workload": self.workloads[arm],
            "service": self.services[arm],
            "rollout": self.rollout,
            "step": self.step,
            "window": promql_duration(self.window(metric)),
            "elapsed": promql_duration(max(self.elapsed, 30.0)),
            "pods": self.pods[arm],
        }
        return fill(promql, values)


def queries(metric: Metric, arm: ArmName, asking: Asking) -> tuple[Query, ...]:
    """The queries of `metric` for `arm`: one for a query, and one for its requests; for a ratio the bad (or the fast) requests, then all of them."""
    if metric.query is not None:
        value = Query(asking.source, asking.filled(metric.query, metric, arm), metric.name, arm)
        if metric.requests is None:
            return (value,)
        return value, Query(asking.source, asking.filled(metric.requests, metric, arm), metric.name, arm, "requests")
    return tuple(
        Query(asking.source, text, metric.name, arm, part) for part, text in _increases(metric, arm, asking).items()
    )


def of_one_arm(metric: Metric) -> bool:
    """Whether a metric asks something of each arm; else it is of neither, such as revenue or open incidents, and asked once."""
    texts = [metric.query] if metric.query is not None else list(counters(metric).values())
    return any(promql.variables(text) & promql.ARM_VARIABLES for text in texts if text)


def counters(metric: Metric) -> dict[str, str]:
    """The selectors of a ratio's counters by part: `bad`, or else `fast`, and `total`; or the one `histogram`. None for a query."""
    ratio = metric.ratio
    if ratio is None:
        return {}
    if ratio.histogram is None:
        return {"bad": ratio.bad or "", "total": ratio.total or ""}
    return {"histogram": ratio.histogram} if ratio.native else latency_histograms.classic(ratio)


def _increases(metric: Metric, arm: ArmName, asking: Asking) -> dict[str, str]:
    ratio = metric.ratio
    if ratio is None:
        return {}
    by = f" by ({', '.join(ratio.by)})" if ratio.by else ""
    window = promql_duration(asking.window(metric))
    selected = {part: f"{asking.filled(text, metric, arm)}[{window}]" for part, text in counters(metric).items()}
    if ratio.native:
        return latency_histograms.native(ratio, selected["histogram"], by)
    return {part: f"sum{by} (increase({text}))" for part, text in selected.items()}


def probe(source: str) -> Query:
    """The query whether `source` answers."""
    return Query(source, PROBE, part="probe")
