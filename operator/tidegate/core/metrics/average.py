"""An `average`: the sum over how many there were, by two counters, or by a histogram that has both."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metrics import Metric
from tidegate.api.status_budget import MAX_SERIES
from tidegate.core.metrics import latency_histograms
from tidegate.core.metrics.asking import Asking, grouping, increases
from tidegate.core.metrics.samples import labelled, of_requests, too_many
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Vector
from tidegate.core.model.raw_samples import RawHistogram, RawSeries
from tidegate.core.model.samples import Sample, SeriesSample
from tidegate.core.model.world import ArmName


class CounterAverage:
    """See the module. Its parts: `sum` and `total`; of a native histogram the one `histogram`."""

    def texts(self, metric: Metric, arm: ArmName, asking: Asking, window: float | None = None) -> Mapping[str, str]:
        """The sum over the window, and how many there were."""
        counters = self.counters(metric)
        if "histogram" not in counters:
            return increases(metric, arm, asking, counters, window)
        reach = promql_duration(asking.window(metric) if window is None else window)
        whole = f"sum{grouping(metric.by)} (increase({asking.filled(counters['histogram'], metric, arm)}[{reach}]))"
        return {"sum": f"histogram_sum({whole})", "total": f"histogram_count({whole})"}

    def sample(self, metric: Metric, vectors: Mapping[str, Vector]) -> Sample:
        """The average of each series that has enough requests."""
        total = vectors["total"]
        if len(total.series) > MAX_SERIES:
            return too_many(metric, f"{len(total.series):,} groups", "choose coarser labels")
        least = metric.minimum_requests or 1
        sums = {one.labels: one.value for one in vectors["sum"].series}
        series = []
        for one in total.series:
            known = labelled(one.labels)
            if math.isnan(one.value):
                series.append(SeriesSample(known, None, None, one.labels))
                continue
            value = sums.get(one.labels, math.nan) / one.value if one.value >= least else math.nan
            series.append(SeriesSample(known, None if math.isnan(value) else value, one.value, one.labels))
        return of_requests(metric, series)

    def counters(self, metric: Metric) -> Mapping[str, str]:
        """The two counters, or the native histogram that holds them."""
        average = _average(metric)
        if average.histogram is None:
            return {"sum": average.sum or "", "total": average.count or ""}
        if average.native:
            return {"histogram": average.histogram}
        return {
            "sum": latency_histograms.suffixed(average.histogram, "_sum"),
            "total": latency_histograms.suffixed(average.histogram, "_count"),
        }

    def of_histograms(
        self, metric: Metric, histograms: tuple[RawHistogram, ...]
    ) -> Mapping[str, tuple[RawSeries, ...]]:
        """The sums, and how many there were; where a sum is no number (a process that observed one) neither is known."""
        del metric
        known = {
            one.labels: samples
            for one in histograms
            if (samples := [(at, found) for at, found in one.samples if math.isfinite(found.sum)])
        }
        return {
            part: tuple(
                RawSeries(labels, tuple((at, getattr(found, field)) for at, found in samples))
                for labels, samples in known.items()
            )
            for part, field in (("sum", "sum"), ("total", "count"))
        }

    def per_request(self, part: str, value: float) -> float:
        """The average itself, for the sum."""
        return value if part == "sum" else 1.0


def _average(metric: Metric) -> Average:
    if metric.average is None:
        raise LookupError(f"metric {metric.name!r} is not an average")
    return metric.average
