"""Metrics: named queries to Prometheus, and what to do when they get no answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from tidegate.api.crd.cel import at_least_a_second
from tidegate.api.metric_template.ref import TemplateRef
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.metric_kinds import Measured, kind_rules
from tidegate.api.rollout.responses import MissingDataResponse
from tidegate.api.values import promql
from tidegate.api.values.scalars import Duration, Unit

MetricName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
PresetName = Annotated[
    str, Field(min_length=1, max_length=127, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
Parameters = Annotated[dict[str, Annotated[str, Field(min_length=1, max_length=253)]], Field(max_length=16)]


class WhenEmpty(StrEnum):
    """What an empty answer means."""

    NO_DATA = "NoData"
    ZERO = "Zero"


class MissingDataPolicy(ApiModel):
    """How long data may be missing, and what happens then."""

    after: Duration
    """Watched time without data (and at least three queries) before it acts."""
    then: MissingDataResponse
    """What happens then."""


class MissingData(ApiModel):
    """When missing data becomes a reason to act."""

    no_data: MissingDataPolicy = MissingDataPolicy(after=Duration("10m"), then=MissingDataResponse.REVERT)
    """The source answers, but this metric has no data."""
    source_down: MissingDataPolicy = MissingDataPolicy(after=Duration("1h"), then=MissingDataResponse.HOLD)
    """The source cannot be queried at all."""


class MissingDataOverride(ApiModel):
    """A metric's own limits on missing data; what is not given is the Rollout's."""

    no_data: MissingDataPolicy | None = None
    """The source answers, but this metric has no data."""
    source_down: MissingDataPolicy | None = None
    """The source cannot be queried at all."""


_OF_COHORT: Final = " of cohort "


def cohort_name(metric: str, cohort: str) -> str:
    """The name of a metric where it is queried for one cohort."""
    return f"{metric}{_OF_COHORT}{cohort}"


def plain_name(metric: str) -> str:
    """A metric's name as the spec has it, whether or not it is queried for one cohort."""
    return metric.partition(_OF_COHORT)[0]


class Metric(Measured):
    """A named query: a PromQL `query`, a `ratio` of two counters, or a `preset` or `template` that stands for one.

    Variables, filled in for each arm: `$namespace $workload $service $rollout $step $cohort $window $elapsed $pods`; `$$` is a
    dollar sign.
    """

    name: MetricName
    """How thresholds and guards name it."""
    preset: PresetName | None = None
    """A built-in query, such as `istio/error-rate`: see `tidegate preset`."""
    template: TemplateRef | None = None
    """A query shared by many Rollouts. What the metric sets itself takes precedence over the template."""
    parameters: Parameters | None = None
    """What the `preset` or `template` should do differently from its defaults."""
    unit: Unit | None = None
    """The unit: `ratio` (0-1), `percent` (0-100), `seconds` or `none`. Limits must use it."""
    window: Duration = Duration("2m")
    """How far back the query looks: `$window`. By default the template's, else 2m. It never reaches back before this run's candidate had traffic."""
    minimum_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """For a `ratio`, or a `query` with `requests`: fewer requests in the window are too few to evaluate. By default 1."""
    min_series: Annotated[int, Field(ge=1, le=64)] | None = None
    """With fewer series (segments, regions) than this nothing is decided: by default 1, and for a `ratio` with `by` those seen before."""
    warm_up: Duration | None = None
    """No comparison with the baseline before the candidate has had traffic for this long. By default 3m for `regression`, else none."""
    when_empty: WhenEmpty = WhenEmpty.NO_DATA
    """What an empty answer to `query` means: `NoData` by default; `Zero` for queries such as `ALERTS{...}` that return nothing while no alert fires."""
    missing_data: MissingDataOverride = MissingDataOverride()
    """This metric's own limits on missing data."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *kind_rules("preset", "template"),
        Rule(
            "!has(self.parameters) || has(self.preset) || has(self.template)",
            "'parameters' is only allowed with 'preset' and 'template'",
            ".parameters",
            lambda self: self.parameters is None or self.preset is not None or self.template is not None,
        ),
        at_least_a_second("window", optional=True),
    )

    def of_cohort(self, cohort: str) -> Metric:
        """The metric of one cohort: `$cohort` filled in, and named after it."""
        named = self.model_copy(update={"name": cohort_name(self.name, cohort)})
        return named.measuring(named, lambda text: promql.filled(text, "cohort", cohort))

    @property
    def effective_unit(self) -> Unit:
        """The unit of the metric's values."""
        fixed = self.definition.unit if self.definition is not None else None
        return self.unit or fixed or Unit.NONE
