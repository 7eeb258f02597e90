"""A share of bad requests, from counters or from a histogram of durations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import selector
from tidegate.api.crd.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.metric_kinds.kind import NATIVE_NEEDS_HISTOGRAM, LabelName, PromQL
from tidegate.api.values.scalars import Quantity, Unit


class Ratio(ApiModel):
    """A share of bad requests: from two counters (`bad` and `total`), or from a histogram of durations (those `slowerThan`)."""

    bad: PromQL | None = None
    """Selector of the counter of bad requests. A missing series counts as 0 where the total has one."""
    total: PromQL | None = None
    """Selector of the counter of all requests."""
    histogram: PromQL | None = None
    """Selector of a histogram, without `_bucket`, such as `http_request_duration_seconds{pod=~"$pods"}`."""
    slower_than: Quantity | None = None
    """With `histogram`: requests above this are bad. The bound of a bucket, such as `250ms`; a plain number is in the histogram's own unit."""
    native: bool = False
    """The histogram is a native one: then `slowerThan` need not be the bound of a bucket. By default false."""
    by: Annotated[tuple[LabelName, ...], Field(max_length=8, json_schema_extra=unique())] = ()
    """Labels by which the metric is split into series: each limit must then be met by every series."""

    unit: ClassVar[Unit | None] = Unit.RATIO
    share: ClassVar[bool] = True

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.histogram) ? has(self.slowerThan) && !has(self.bad) && !has(self.total) "
            ": has(self.bad) && has(self.total) && !has(self.slowerThan)",
            "give 'bad' and 'total', or 'histogram' and 'slowerThan'",
            holds=lambda self: self.written_once,
        ),
        NATIVE_NEEDS_HISTOGRAM,
        selector("bad"),
        selector("total"),
        selector("histogram"),
    )

    @property
    def written_once(self) -> bool:
        """Whether it has both fields of one way to write it, and none of the other."""
        counters, histogram = (self.bad, self.total), (self.histogram, self.slower_than)
        given, others = (histogram, counters) if self.histogram is not None else (counters, histogram)
        return None not in given and not any(others)

    @property
    def texts(self) -> dict[str, str]:
        """Its PromQL texts by field."""
        given = {"bad": self.bad, "total": self.total, "histogram": self.histogram}
        return {field: text for field, text in given.items() if text is not None}

    @property
    def bound(self) -> float:
        """What slow requests are above: in seconds where `slowerThan` is a time, else as the histogram counts.

        Raises:
            ValueError: it is neither a time nor a number above 0.
        """
        given = self.slower_than or Quantity("0")
        try:
            found = given.in_unit(Unit.NONE if given[-1].isdigit() else Unit.SECONDS)
        except ValueError:
            found = 0.0
        if found <= 0:
            raise ValueError(f"'{given}' is not a duration to be slower than: write a bucket's bound such as '250ms'")
        return found

    def faults(self) -> Iterator[tuple[str, str]]:
        """A `slowerThan` that is no duration."""
        if self.histogram is not None and self.slower_than is not None:
            try:
                _ = self.bound
            except ValueError as error:
                yield "slowerThan", str(error)

    def rewritten(self, change: Callable[[str], str]) -> Ratio:
        """The same with every text changed."""
        return self.model_copy(update={field: change(text) for field, text in self.texts.items()})
