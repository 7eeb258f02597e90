"""How a metric names a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.values.scalars import SUBDOMAIN

TemplateName = Annotated[str, Field(min_length=1, max_length=253, pattern=SUBDOMAIN)]


class TemplateKind(StrEnum):
    """Whom a template is for."""

    METRIC_TEMPLATE = "MetricTemplate"
    CLUSTER_METRIC_TEMPLATE = "ClusterMetricTemplate"


class TemplateRef(ApiModel):
    """A template by kind and name."""

    kind: TemplateKind = TemplateKind.METRIC_TEMPLATE
    """`MetricTemplate`, the default: one in the Rollout's own namespace. `ClusterMetricTemplate`: one for all namespaces."""
    name: TemplateName
    """The template's name."""

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.kind} '{self.name}'"


def refs_in(spec: Mapping[str, Any]) -> tuple[TemplateRef, ...]:
    """The templates that a Rollout's spec names, each once, whether the spec is valid or not."""
    return tuple(dict.fromkeys(_refs(spec.get("metrics"))))


def _refs(metrics: object) -> Iterator[TemplateRef]:
    for metric in metrics if isinstance(metrics, list | tuple) else ():
        named = metric.get("template") if isinstance(metric, Mapping) else None
        if not isinstance(named, Mapping):
            continue
        kind, name = named.get("kind", TemplateKind.METRIC_TEMPLATE), named.get("name")
        if kind in set(TemplateKind) and isinstance(name, str) and name:
            yield TemplateRef(kind=TemplateKind(kind), name=name)
