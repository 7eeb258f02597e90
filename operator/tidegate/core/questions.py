"""Which PromQL a metric asks for one arm. The text depends on the tick's instant alone, so `due` and `decide` agree on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.metric import Metric
from tidegate.core.observed import ArmName, Question
from tidegate.core.variables import fill, promql_duration

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


def questions(metric: Metric, arm: ArmName, asking: Asking) -> tuple[Question, ...]:
    """The questions of `metric` for `arm`: one for a query; bad and total, in this order, for a ratio."""
    window = promql_duration(asking.window(metric))
    values = {
        "namespace": asking.namespace,
        "workload": asking.workloads[arm],
        "service": asking.services[arm],
        "rollout": asking.rollout,
        "step": asking.step,
        "window": window,
        "elapsed": promql_duration(max(asking.elapsed, 30.0)),
        "pods": asking.pods[arm],
    }
    if metric.query is not None:
        return (Question(asking.source, fill(metric.query, values), metric.name, arm),)
    ratio = metric.ratio
    if ratio is None:
        return ()
    by = f" by ({', '.join(ratio.by)})" if ratio.by else ""
    return tuple(
        Question(asking.source, f"sum{by} (increase({fill(selector, values)}[{window}]))", metric.name, arm, part)
        for part, selector in (("bad", ratio.bad), ("total", ratio.total))
    )


def probe(source: str) -> Question:
    """The question whether `source` answers."""
    return Question(source, PROBE, part="probe")
