"""What stands for the variables of a query. It depends on the tick's instant alone, so `due` and `decide` agree on the text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics.variables import fill, promql_duration
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName

PROBE = "vector(1)"
"""What a source is asked before the first raise: does it answer at all?"""

ROUNDED = 0.001
"""Seconds by which an instant of the status may be off: they are kept to the millisecond."""

LEAST_REACH = 1.0
"""Seconds: the shortest window that reaches back no further than the traffic does."""
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
    reach: float | None = None
    """Seconds since the candidate may have had traffic: since it was seen, or since the raise was decided. `None`: not known."""

    def window(self, metric: Metric) -> float:
        """The metric's window in seconds, not reaching back before the candidate had traffic; then in whole ones."""
        if self.reach is None:
            return min(metric.window.seconds, max(math.floor(self.traffic + ROUNDED), SHORTEST_WINDOW))
        return min(metric.window.seconds, max(math.floor(self.reach + ROUNDED), LEAST_REACH))

    @property
    def too_soon(self) -> float:
        """Seconds until a window can lie within the time with traffic; until then nothing is evaluated. 0: it can."""
        left = LEAST_REACH - self.reach if self.reach is not None else 0.0
        return left if left > ROUNDED else 0.0

    def filled(self, promql: str, metric: Metric, arm: ArmName) -> str:
        """A text of the metric with its variables filled in for one arm."""
        values = {
            "namespace": self.namespace,
            "workload": self.workloads[arm],
            "service": self.services[arm],
            "rollout": self.rollout,
            "step": self.step,
            "cohort": "",  # of a limit without one; `Metric.of_cohort` fills in the others
            "window": promql_duration(self.window(metric)),
            "elapsed": promql_duration(max(self.elapsed, 30.0)),
            "pods": self.pods[arm],
        }
        return fill(promql, values)


def increases(
    metric: Metric, arm: ArmName, asking: Asking, counters: Mapping[str, str], window: float | None = None
) -> dict[str, str]:
    """PromQL of what counters counted in a window, by part.

    Args:
        metric: says by which labels.
        arm: whose counters.
        asking: what the variables stand for.
        counters: selectors by part.
        window: seconds; by default the metric's.
    """
    reach = promql_duration(asking.window(metric) if window is None else window)
    return {
        part: f"sum{grouping(metric.by)} (increase({asking.filled(text, metric, arm)}[{reach}]))"
        for part, text in counters.items()
    }


def grouping(by: tuple[str, ...]) -> str:
    """The clause of an aggregation: ` by (segment)`; empty for none."""
    return f" by ({', '.join(by)})" if by else ""


def probe(source: str) -> Query:
    """The query whether `source` answers."""
    return Query(source, PROBE, part="probe")
