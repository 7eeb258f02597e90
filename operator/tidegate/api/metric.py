"""Metrics: named questions to Prometheus, and what to do when they get no answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.lists import unique
from tidegate.api.model import ApiModel, Rule, not_filled_in
from tidegate.api.rules import at_least_a_second, selector
from tidegate.api.scalars import Duration, Unit
from tidegate.api.templates.ref import TemplateRef

MetricName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
PromQL = Annotated[str, Field(min_length=1, max_length=4096)]
PresetName = Annotated[
    str, Field(min_length=1, max_length=127, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Parameters = Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=253)]], Field(max_length=16)]
LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]


class Ratio(ApiModel):
    """A share of bad requests from two counters."""

    bad: PromQL
    """Selector of the counter of bad requests. A missing series beside a present total counts as 0."""
    total: PromQL
    """Selector of the counter of all requests."""
    by: Annotated[tuple[LabelName, ...], Field(max_length=8, json_schema_extra=unique())] = ()
    """Labels that make one series each: a limit must then hold for every series."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (selector("bad"), selector("total"))


class WhenEmpty(StrEnum):
    """What an empty answer means."""

    NO_DATA = "NoData"
    ZERO = "Zero"


class BlindAction(StrEnum):
    """What blindness does when it has lasted."""

    REVERT = "Revert"
    HOLD = "Hold"
    WARN = "Warn"


class BlindPolicy(ApiModel):
    """How long not knowing is borne, and what then."""

    after: Duration
    """Watched time without an answer (and at least three questions) before it acts."""
    then: BlindAction
    """What happens then."""


class Blindness(ApiModel):
    """When not knowing becomes a reason to act."""

    no_data: BlindPolicy = BlindPolicy(after=Duration("10m"), then=BlindAction.REVERT)
    """The source answers, but this metric has no data."""
    source_down: BlindPolicy = BlindPolicy(after=Duration("1h"), then=BlindAction.HOLD)
    """The source cannot be asked at all."""


class BlindnessOverride(ApiModel):
    """A metric's own answer to not knowing; what is not given is the Rollout's."""

    no_data: BlindPolicy | None = None
    """The source answers, but this metric has no data."""
    source_down: BlindPolicy | None = None
    """The source cannot be asked at all."""


class Metric(ApiModel):
    """A named question: a PromQL `query`, a `ratio` of two counters, or a `preset` or `template` that stands for one.

    Variables, filled in for each arm: `$namespace $workload $service $rollout $step $window $elapsed $pods`; `$$` is a
    dollar sign.
    """

    name: MetricName
    """How thresholds and guards name it."""
    query: PromQL | None = None
    """PromQL that gives a scalar or an instant vector."""
    ratio: Ratio | None = None
    """Two counters: their ratio, with counts as evidence. The unit is `ratio`."""
    preset: PresetName | None = None
    """A question that is known already, such as `istio/error-rate`: see `tidegate preset`."""
    template: TemplateRef | None = None
    """A question that was written once for many Rollouts. What the metric says itself goes before what the template says."""
    parameters: Parameters | None = None
    """What the `preset` or `template` should do differently from its defaults."""
    unit: Unit | None = None
    """What the numbers mean: `ratio` (0-1), `percent` (0-100), `seconds` or `none`. Limits must be written in it."""
    window: Annotated[Duration, Field(json_schema_extra=not_filled_in)] = Duration("2m")
    """How far back the question looks: `$window`. By default the template's, else 2m. It never reaches back before this run's candidate had traffic."""
    minimum_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """For a `ratio`: with fewer requests in the window there is too little to judge. By default 1."""
    warm_up: Duration | None = None
    """No comparison with the baseline before the candidate has had traffic for this long. By default 3m for `regression`, else none."""
    when_empty: Annotated[WhenEmpty, Field(json_schema_extra=not_filled_in)] = WhenEmpty.NO_DATA
    """What an empty answer to `query` means: `NoData` by default; `Zero` for questions such as `ALERTS{...}` that are empty when all is well."""
    blindness: BlindnessOverride = BlindnessOverride()
    """This metric's own answer to not knowing."""

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
            "!has(self.minimumRequests) || has(self.ratio) || has(self.preset) || has(self.template)",
            "'minimumRequests' goes with 'ratio'",
            ".minimumRequests",
        ),
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
