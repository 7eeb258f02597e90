"""An average, of durations or sizes, from the two counters of a summary or histogram: their sum and how many there were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import selector
from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.metric_kinds.kind import NATIVE_NEEDS_HISTOGRAM, LabelName, PromQL
from tidegate.api.values.scalars import Unit


class Average(ApiModel):
    """What requests take on average: a counter of the sum and one of how many (`sum` and `count`), or a `histogram` that has both."""

    sum: PromQL | None = None
    """Selector of the counter of the sum, such as `http_request_duration_seconds_sum{pod=~"$pods"}`."""
    count: PromQL | None = None
    """Selector of the counter of how many there were."""
    histogram: PromQL | None = None
    """Selector of a histogram or summary, without `_sum`, such as `http_request_duration_seconds{pod=~"$pods"}`."""
    native: bool = False
    """The histogram is a native one. By default false."""
    by: Annotated[tuple[LabelName, ...], Field(max_length=8, json_schema_extra=unique())] = ()
    """Labels by which the metric is split into series: each limit must then be met by every series."""

    unit: ClassVar[Unit | None] = None
    share: ClassVar[bool] = False

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.histogram) ? !has(self.sum) && !has(self.count) : has(self.sum) && has(self.count)",
            "give 'sum' and 'count', or 'histogram'",
            holds=lambda self: self.written_once,
        ),
        NATIVE_NEEDS_HISTOGRAM,
        selector("sum"),
        selector("count"),
        selector("histogram"),
    )

    @property
    def written_once(self) -> bool:
        """Whether it has the fields of one way to write it, and none of the other."""
        counters = (self.sum, self.count)
        return not any(counters) if self.histogram is not None else None not in counters

    @property
    def texts(self) -> dict[str, str]:
        """Its PromQL texts by field."""
        given = {"sum": self.sum, "count": self.count, "histogram": self.histogram}
        return {field: text for field, text in given.items() if text is not None}

    def faults(self) -> Iterator[tuple[str, str]]:
        """None: it has no numbers."""
        return iter(())

    def rewritten(self, change: Callable[[str], str]) -> Average:
        """The same with every text changed."""
        return self.model_copy(update={field: change(text) for field, text in self.texts.items()})
