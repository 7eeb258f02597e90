"""Metrics: named queries to Prometheus, and what to do when they get no answer."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import at_least_a_second, selector
from tidegate.api.crd.lists import unique
from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.responses import Response
from tidegate.api.values.scalars import Duration, Quantity, Unit

MetricName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
PromQL = Annotated[str, Field(min_length=1, max_length=4096)]
PresetName = Annotated[
    str, Field(min_length=1, max_length=127, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Parameters = Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=253)]], Field(max_length=16)]
LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class Ratio(ApiModel):
    """A share of bad requests: from two counters (`bad` and `total`), or from a histogram of durations (those `slowerThan`)."""

    bad: PromQL | None = None
    """Selector of the counter of bad requests. A missing series beside a present total counts as 0."""
    total: PromQL | None = None
    """Selector of the counter of all requests."""
    histogram: PromQL | None = None
    """Selector of a histogram, without `_bucket`, such as `http_request_duration_seconds{pod=~"$pods"}`."""
    slower_than: Quantity | None = None
    """With `histogram`: requests above this are bad. The bound of a bucket, such as `250ms`; a plain number is in the histogram's own unit."""
    native: bool = False
    """The histogram is a native one: then `slowerThan` need not be the bound of a bucket. By default false."""
    by: Annotated[tuple[LabelName, ...], Field(max_length=8, json_schema_extra=unique())] = ()
    """Labels that make one series each: a limit must then hold for every series."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.histogram) ? has(self.slowerThan) && !has(self.bad) && !has(self.total) "
            ": has(self.bad) && has(self.total) && !has(self.slowerThan)",
            "give 'bad' and 'total', or 'histogram' and 'slowerThan'",
        ),
        Rule("!has(self.native) || !self.native || has(self.histogram)", "'native' goes with 'histogram'", ".native"),
        selector("bad"),
        selector("total"),
        selector("histogram"),
    )

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

    def rewritten(self, change: Callable[[str], str]) -> Ratio:
        """The same with every text changed."""
        return self.model_copy(update={field: change(text) for field, text in self.texts.items()})


class WhenEmpty(StrEnum):
    """What an empty answer means."""

    NO_DATA = "NoData"
    ZERO = "Zero"


class MissingDataPolicy(ApiModel):
    """How long data may be missing, and what happens then."""

    after: Duration
    """Watched time without data (and at least three queries) before it acts."""
    then: Response
    """What happens then."""


class MissingData(ApiModel):
    """When missing data becomes a reason to act."""

    no_data: MissingDataPolicy = MissingDataPolicy(after=Duration("10m"), then=Response.REVERT)
    """The source answers, but this metric has no data."""
    source_down: MissingDataPolicy = MissingDataPolicy(after=Duration("1h"), then=Response.HOLD)
    """The source cannot be queried at all."""


class MissingDataOverride(ApiModel):
    """A metric's own limits on missing data; what is not given is the Rollout's."""

    no_data: MissingDataPolicy | None = None
    """The source answers, but this metric has no data."""
    source_down: MissingDataPolicy | None = None
    """The source cannot be queried at all."""


class Metric(ApiModel):
    """A named query: a PromQL `query`, a `ratio` of two counters, or a `preset` or `template` that stands for one.

    Variables, filled in for each arm: `$namespace $workload $service $rollout $step $window $elapsed $pods`; `$$` is a
    dollar sign.
    """

    name: MetricName
    """How thresholds and guards name it."""
    query: PromQL | None = None
    """PromQL that gives a scalar or an instant vector."""
    requests: PromQL | None = None
    """For a `query`: PromQL that gives how many requests are behind it, in all or by the same labels, so that `minimumRequests` works for it too."""
    ratio: Ratio | None = None
    """Two counters: their ratio, with counts as evidence. The unit is `ratio`."""
    preset: PresetName | None = None
    """A built-in query, such as `istio/error-rate`: see `tidegate preset`."""
    template: TemplateRef | None = None
    """A query shared by many Rollouts. What the metric sets itself takes precedence over the template."""
    parameters: Parameters | None = None
    """What the `preset` or `template` should do differently from its defaults."""
    unit: Unit | None = None
    """What the numbers mean: `ratio` (0-1), `percent` (0-100), `seconds` or `none`. Limits must be written in it."""
    window: Duration = Duration("2m")
    """How far back the query looks: `$window`. By default the template's, else 2m. It never reaches back before this run's candidate had traffic."""
    minimum_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """For a `ratio`, or a `query` with `requests`: fewer requests in the window are too few to evaluate. By default 1."""
    min_series: Annotated[int, Field(ge=1, le=64)] | None = None
    """With fewer series (segments, regions) than this nothing is decided: by default 1, and for a `ratio` with `by` those seen before."""
    warm_up: Duration | None = None
    """No comparison with the baseline before the candidate has had traffic for this long. By default 3m for `regression`, else none."""
    when_empty: WhenEmpty = WhenEmpty.NO_DATA
    """What an empty answer to `query` means: `NoData` by default; `Zero` for queries such as `ALERTS{...}` that are empty when all is well."""
    missing_data: MissingDataOverride = MissingDataOverride()
    """This metric's own limits on missing data."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.query), has(self.ratio), has(self.preset), has(self.template)].filter(x, x).size() == 1",
            "give exactly one of 'query', 'ratio', 'preset' and 'template'",
        ),
        Rule(
            "!has(self.parameters) || has(self.preset) || has(self.template)",
            "'parameters' goes with 'preset' and 'template'",
            ".parameters",
        ),
        Rule("!has(self.ratio) || !has(self.unit) || self.unit == 'ratio'", "a ratio metric has unit ratio", ".unit"),
        Rule(
            "!has(self.minimumRequests) || has(self.ratio) || has(self.requests) || has(self.preset) || has(self.template)",
            "'minimumRequests' goes with 'ratio', or with a 'query' that has 'requests'",
            ".minimumRequests",
        ),
        Rule("!has(self.requests) || has(self.query)", "'requests' goes with 'query'", ".requests"),
        Rule(
            "!has(self.ratio) || !has(self.whenEmpty) || self.whenEmpty == 'NoData'",
            "'whenEmpty' goes with 'query'",
            ".whenEmpty",
        ),
        at_least_a_second("window", optional=True),
    )

    @property
    def effective_unit(self) -> Unit:
        """The unit of the metric's values."""
        return self.unit or (Unit.RATIO if self.ratio else Unit.NONE)
