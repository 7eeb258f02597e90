"""Metrics: named questions to Prometheus, and what to do when they get no answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.lists import unique
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rules import at_least_a_second, selector
from tidegate.api.scalars import Duration, Unit

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
    """A named question: a PromQL `query`, a `ratio` of two counters, or a `preset` that stands for one of these.

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
    parameters: Parameters | None = None
    """What the `preset` should do differently from its defaults."""
    unit: Unit | None = None
    """What the numbers mean: `ratio` (0-1), `percent` (0-100), `seconds` or `none`. Limits must be written in it."""
    window: Duration = Duration("2m")
    """How far back the question looks: `$window`. It never reaches back before this run's candidate had traffic."""
    minimum_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """For a `ratio`: with fewer requests in the window there is too little to judge. By default 1."""
    warm_up: Duration = Duration("0s")
    """No comparison with the baseline before the candidate has been watched this long with traffic."""
    when_empty: WhenEmpty = WhenEmpty.NO_DATA
    """What an empty answer to `query` means. `Zero` for questions such as `ALERTS{...}` that are empty when all is well."""
    blindness: BlindnessOverride = BlindnessOverride()
    """This metric's own answer to not knowing."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.query), has(self.ratio), has(self.preset)].filter(x, x).size() == 1",
            "give exactly one of 'query', 'ratio' and 'preset'",
        ),
        Rule("!has(self.parameters) || has(self.preset)", "'parameters' goes with 'preset'", ".parameters"),
        Rule("!has(self.ratio) || !has(self.unit) || self.unit == 'ratio'", "a ratio metric has unit ratio", ".unit"),
        Rule(
            "!has(self.minimumRequests) || has(self.ratio) || has(self.preset)",
            "'minimumRequests' goes with 'ratio'",
            ".minimumRequests",
        ),
        Rule("!has(self.ratio) || self.whenEmpty == 'NoData'", "'whenEmpty' goes with 'query'", ".whenEmpty"),
        at_least_a_second("window"),
    )

    @property
    def effective_unit(self) -> Unit:
        """The unit of the metric's values."""
        return self.unit or (Unit.RATIO if self.ratio else Unit.NONE)
