"""`MetricTemplate` and `ClusterMetricTemplate`: a metric without a name, with gaps that each user of it fills."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from tidegate.api.crd.cel import at_least_a_second
from tidegate.api.crd.lists import unique_by
from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.metric_kinds import Measured, kind_rules
from tidegate.api.rollout.metrics import WhenEmpty
from tidegate.api.values.scalars import Duration, Unit

ParameterName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z]([-_a-zA-Z0-9]*[a-zA-Z0-9])?$")]


class TemplateParameter(ApiModel):
    """Something that differs between the users of a template."""

    name: ParameterName
    """It is used in the texts as `{{ parameters.name }}`."""
    default: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """What it is where a metric gives none. Without a default every metric must give it."""
    description: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """What it is for."""
    pattern: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Regular expression (as CEL and RE2 write them) of the whole value. By default letters, digits and `_ . : / @ -`."""


class MetricTemplateSpec(Measured):
    """A query to Prometheus that Rollouts share: one kind of metric, with `{{ parameters.name }}` in its texts."""

    parameters: Annotated[tuple[TemplateParameter, ...], Field(max_length=16, json_schema_extra=unique_by("name"))] = ()
    """What differs between its users."""
    unit: Unit | None = None
    """What the numbers mean, where the Rollout's metric does not say."""
    window: Duration | None = None
    """How far back the query looks, where the Rollout's metric does not say."""
    minimum_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """For a `ratio`, or a `query` with `requests`: the least number of requests to evaluate, where the Rollout's metric does not say."""
    min_series: Annotated[int, Field(ge=1, le=64)] | None = None
    """The least number of series to decide on, where the Rollout's metric does not say."""
    warm_up: Duration | None = None
    """How long nothing is compared with the baseline, where the Rollout's metric does not say."""
    when_empty: WhenEmpty | None = None
    """What an empty answer to `query` means, where the Rollout's metric does not say."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        *kind_rules(),
        at_least_a_second("window", optional=True),
    )
