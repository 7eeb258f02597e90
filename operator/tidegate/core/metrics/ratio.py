"""A `ratio`: the share of bad requests, by two counters, or of slow ones, by a histogram."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.rollout.metrics import Metric
from tidegate.api.status_budget import MAX_SERIES
from tidegate.core.metrics import latency_histograms
from tidegate.core.metrics.asking import Asking, grouping, increases
from tidegate.core.metrics.samples import labelled, of_requests, too_many
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Vector
from tidegate.core.model.raw_samples import RawHistogram, RawSeries
from tidegate.core.model.samples import NoData, Sample, SeriesSample
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.counter_increase import fast, observations


class CounterRatio:
    """See the module. Its parts: `bad`, or else `fast`, and `total`; of a native histogram the one `histogram`."""

    def texts(self, metric: Metric, arm: ArmName, asking: Asking, window: float | None = None) -> Mapping[str, str]:
        """The bad (or the fast) requests of the window, and all of them."""
        ratio, counters = _ratio(metric), self.counters(metric)
        if not ratio.native:
            return increases(metric, arm, asking, counters, window)
        reach = promql_duration(asking.window(metric) if window is None else window)
        selected = f"{asking.filled(counters['histogram'], metric, arm)}[{reach}]"
        return latency_histograms.native(ratio, selected, grouping(ratio.by))

    def sample(self, metric: Metric, vectors: Mapping[str, Vector]) -> Sample:
        """The share of the bad ones, or of those that are not fast. Where there are requests, every bucket has a counter."""
        is_fast = "fast" in vectors
        part, total = vectors["fast" if is_fast else "bad"], vectors["total"]
        if len(total.series) > MAX_SERIES:
            return too_many(metric, f"{len(total.series):,} groups", "choose coarser labels")
        least = metric.minimum_requests or 1
        part_by = {one.labels: one.value for one in part.series}
        series = []
        for one in total.series:
            known = labelled(one.labels)
            if math.isnan(one.value):
                series.append(SeriesSample(known, None, None, one.labels))
            elif one.value < least:
                series.append(SeriesSample(known, None, one.value, one.labels))
            elif is_fast and one.labels not in part_by:
                return NoData(latency_histograms.no_bucket(metric))
            else:
                counted = part_by.get(one.labels, 0.0)
                share = max(one.value - counted, 0.0) / one.value if is_fast else counted / one.value
                series.append(SeriesSample(known, None if math.isnan(share) else share, one.value, one.labels))
        return of_requests(metric, series)

    def counters(self, metric: Metric) -> Mapping[str, str]:
        """The two counters, or the native histogram that holds them."""
        ratio = _ratio(metric)
        if ratio.histogram is None:
            return {"bad": ratio.bad or "", "total": ratio.total or ""}
        return {"histogram": ratio.histogram} if ratio.native else latency_histograms.classic(ratio)

    def of_histograms(
        self, metric: Metric, histograms: tuple[RawHistogram, ...]
    ) -> Mapping[str, tuple[RawSeries, ...]]:
        """The requests that were not slower than the bound, and all of them."""
        bound = _ratio(metric).bound
        return {
            "fast": tuple(fast(one, bound) for one in histograms),
            "total": tuple(observations(one) for one in histograms),
        }

    def per_request(self, part: str, value: float) -> float:
        """The share itself for the bad ones."""
        return {"bad": value, "fast": 1 - value}.get(part, 1.0)


def _ratio(metric: Metric) -> Ratio:
    if metric.ratio is None:
        raise LookupError(f"metric {metric.name!r} is not a ratio")
    return metric.ratio
