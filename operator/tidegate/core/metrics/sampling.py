"""How one kind of metric is sampled: what it queries for an arm, and what the answers say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.answers import Vector
from tidegate.core.model.raw_samples import RawHistogram, RawSeries
from tidegate.core.model.samples import Sample
from tidegate.core.model.world import ArmName


class Sampling(Protocol):
    """One kind of metric; its model is in `api/rollout/metric_kinds`."""

    def texts(self, metric: Metric, arm: ArmName, asking: Asking, window: float | None = None) -> Mapping[str, str]:
        """The PromQL to query for one arm, by part; over `window` seconds where the kind counts, by default the metric's."""
        ...

    def sample(self, metric: Metric, vectors: Mapping[str, Vector]) -> Sample:
        """The metric's sample from the answers to all its parts."""
        ...

    def counters(self, metric: Metric) -> Mapping[str, str]:
        """The selectors of its counters by part, without their variables filled in: `total` counts all requests.

        A native histogram is one part, `histogram`. None where it counts nothing itself.
        """
        ...

    def of_histograms(
        self, metric: Metric, histograms: tuple[RawHistogram, ...]
    ) -> Mapping[str, tuple[RawSeries, ...]]:
        """The counters that the samples of native histograms stand for, by part: all its parts, even of none."""
        ...

    def per_request(self, part: str, value: float) -> float:
        """What one request adds to a part's answer, on average, where the metric's value is `value`: for scripted worlds."""
        ...
