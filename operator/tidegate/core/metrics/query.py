"""A `query`: the PromQL gives the value itself, and maybe another text the requests behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tidegate.api.rollout.metrics import Metric, WhenEmpty
from tidegate.api.status_budget import MAX_SERIES
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.samples import few, labelled, too_many
from tidegate.core.model.answers import SeriesValue, Vector
from tidegate.core.model.raw_samples import RawHistogram, RawSeries
from tidegate.core.model.samples import NoData, Sample, SeriesSample, TooFew, Value
from tidegate.core.model.world import ArmName


class PlainQuery:
    """See the module."""

    def texts(
        self,
        metric: Metric,
        arm: ArmName,
        asking: Asking,
        window: float | None = None,  # noqa: ARG002
    ) -> Mapping[str, str]:
        """The value, and the requests behind it where the metric has a text for them."""
        given = {"value": metric.query, "requests": metric.requests}
        return {part: asking.filled(text, metric, arm) for part, text in given.items() if text is not None}

    def sample(self, metric: Metric, vectors: Mapping[str, Vector]) -> Sample:
        """The series as they are; an empty answer is no data unless the metric says that it is zero."""
        vector, requests = vectors["value"], vectors.get("requests")
        if not vector.series:
            if metric.when_empty is not WhenEmpty.ZERO:
                return NoData(f"{metric.name}: the answer is empty")
            vector = Vector((SeriesValue((), 0.0),))
        if len(vector.series) > MAX_SERIES:
            return too_many(metric, f"{len(vector.series):,} series", "aggregate in the query")
        if requests is None:
            return Value(tuple(_observed(one, None) for one in vector.series))
        least = metric.minimum_requests or 1
        counts = [_behind(one, requests) for one in vector.series]
        if max(counts) < least:
            return TooFew(few(metric, sum(counts), least))
        return Value(tuple(_observed(one, count, least) for one, count in zip(vector.series, counts, strict=True)))

    def counters(self, metric: Metric) -> Mapping[str, str]:  # noqa: ARG002
        """None."""
        return {}

    def of_histograms(
        self,
        metric: Metric,  # noqa: ARG002
        histograms: tuple[RawHistogram, ...],  # noqa: ARG002
    ) -> Mapping[str, tuple[RawSeries, ...]]:
        """None."""
        return {}

    def per_request(self, part: str, value: float) -> float:  # noqa: ARG002
        """The requests count themselves."""
        return 1.0


def _behind(one: SeriesValue, requests: Vector) -> float:
    """The requests behind a series: those of the same labels, or those of all where the requests are one series alone."""
    same = next((other.value for other in requests.series if other.labels == one.labels), None)
    if same is None and len(requests.series) == 1 and not requests.series[0].labels:
        same = requests.series[0].value
    return 0.0 if same is None or math.isnan(same) else same


def _observed(one: SeriesValue, requests: float | None, least: int = 0) -> SeriesSample:
    """A series as it is; without a value where nothing was observed, or too little."""
    seen = not math.isnan(one.value) and (requests is None or requests >= least)
    return SeriesSample(labelled(one.labels), one.value if seen else None, requests, one.labels)
