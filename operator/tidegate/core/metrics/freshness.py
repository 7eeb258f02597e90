"""Counters that were there in this run and are not scraped any more: no data, which is not the same as no requests."""

from __future__ import annotations

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics import counters
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Failed, Query, Vector
from tidegate.core.model.samples import NoData, NotAsked, Open, Sample, TooFew
from tidegate.core.model.world import ArmName
from tidegate.core.tick.evaluating import Evaluating

FARTHEST = 86400.0
"""Seconds back, at most, in which a counter's last sample is looked for."""


def unless_stale(draft: Evaluating, metric: Metric, arm: ArmName, asks: Asking, sample: Sample) -> Sample:
    """The sample of a ratio; no data instead of too few requests when its counters have stopped coming.

    The source is asked once more, and only when the window holds no series of the counter of all requests at all.
    """
    window = asks.window(metric)
    if not isinstance(sample, TooFew) or not sample.silent or asks.traffic <= window + 1:
        return sample
    reach = promql_duration(min(asks.traffic - window, FARTHEST))
    known = counters(metric)
    native = "histogram" in known
    selector = asks.filled(known["histogram" if native else "total"], metric, arm)
    last = f"last_over_time({selector}[{reach}] offset {promql_duration(window)})"
    text = f"histogram_count({last})" if native else last
    match draft.want(Query(asks.source, text, metric.name, arm, "known-total")):
        case Vector(series=()):
            return sample
        case Vector():
            return NoData(f"{metric.name}: the newest sample of its counters is older than {promql_duration(window)}")
        case Failed() as failed:
            return failed
        case Open() | NotAsked() as silent:
            return silent
        case _:
            return sample
