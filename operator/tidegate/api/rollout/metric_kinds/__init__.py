"""The kinds of metric: a field each of whatever is measured, a Rollout's metric or a template.

A new kind: a member of `MetricKind`, a field of `Measured` and a row of `MODELS` here, a model in a module beside this,
and what it queries in `core/metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Self

from tidegate.api.model import ApiModel, Rule
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.kind import MetricModel, PromQL
from tidegate.api.rollout.metric_kinds.query import PlainQuery
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit


class MetricKind(StrEnum):
    """The kinds, by their field."""

    QUERY = "query"
    RATIO = "ratio"
    AVERAGE = "average"


MODELS: Final[Mapping[MetricKind, type[MetricModel]]] = {
    MetricKind.QUERY: PlainQuery,
    MetricKind.RATIO: Ratio,
    MetricKind.AVERAGE: Average,
}

COUNTING: Final = tuple(kind for kind in MetricKind if kind is not MetricKind.QUERY)
"""Kinds that count requests themselves."""


class Measured(ApiModel):
    """What is measured: exactly one kind of metric."""

    query: PromQL | None = None
    """PromQL that returns a scalar or an instant vector."""
    requests: PromQL | None = None
    """For a `query`: PromQL that returns the number of requests, in total or by the same labels, so that `minimumRequests` works for it too."""
    ratio: Ratio | None = None
    """Two counters: their ratio, with counts as evidence. The unit is `ratio`."""
    average: Average | None = None
    """Two counters: the average over requests, such as their duration, with the number of requests as evidence."""

    @classmethod
    def of(cls, definition: MetricModel | str) -> Self:
        """Of one kind's model; a text is a `query`."""
        if isinstance(definition, str):
            return cls(query=definition)
        return cls(**{next(kind for kind, model in MODELS.items() if isinstance(definition, model)): definition})

    @property
    def kind(self) -> MetricKind | None:
        """Its kind (the first given; more than one is refused); `None` while a preset or template stands for it."""
        for kind in MODELS:
            if getattr(self, kind) is not None:
                return kind
        return None

    @property
    def definition(self) -> MetricModel | None:
        """What its kind says of it; `None` while a preset or template stands for it."""
        if self.query is not None:
            return PlainQuery(self.query)
        kind = self.kind
        found: MetricModel | None = getattr(self, kind) if kind is not None else None
        return found

    @property
    def texts(self) -> dict[tuple[str, ...], str]:
        """Its PromQL texts by their place, such as `("ratio", "bad")`."""
        definition, kind = self.definition, self.kind
        if definition is None or kind is None:
            return {}
        found: dict[tuple[str, ...], str] = {}
        for field, text in definition.texts.items():
            found[(kind.value, field) if field else (kind.value,)] = text
        if self.requests is not None:
            found["requests",] = self.requests
        return found

    @property
    def by(self) -> tuple[str, ...]:
        """Labels that make one series each."""
        return self.definition.by if self.definition is not None else ()

    @property
    def share(self) -> bool:
        """Whether its values are shares of requests."""
        return self.definition is not None and self.definition.share

    @property
    def counts(self) -> bool:
        """Whether it counts requests itself."""
        return self.kind in COUNTING

    def measuring(self, other: Measured, change: Callable[[str], str]) -> Self:
        """The same, but measuring what `other` does, with every text changed."""
        definition = other.definition
        if definition is None or other.kind is None:
            return self
        changed: object = definition.rewritten(change)
        update = {other.kind.value: changed.query if isinstance(changed, PlainQuery) else changed}
        if other.requests is not None:
            update["requests"] = change(other.requests)
        return self.model_copy(update=update)


def kind_rules(*elsewhere: str) -> tuple[Rule, ...]:
    """The rules of a model that is `Measured`.

    Args:
        elsewhere: its fields that may stand for a kind.
    """
    fields = (*MetricKind, *elsewhere)
    given = ", ".join(f"has(self.{field})" for field in fields)
    counting = " || ".join(f"has(self.{field})" for field in (*COUNTING, "requests", *elsewhere))
    found = [
        Rule(
            f"[{given}].filter(x, x).size() == 1",
            f"give exactly one of {_listed(fields, 'and')}",
            holds=lambda self: sum(getattr(self, field) is not None for field in fields) == 1,
        )
    ]
    for kind, model in MODELS.items():
        if model.unit is not None:
            found.append(_of_unit(kind, model.unit))
    found += [
        Rule(
            f"!has(self.minimumRequests) || {counting}",
            f"'minimumRequests' is only allowed with {_listed(COUNTING, 'or')}, or with a 'query' that has 'requests'",
            ".minimumRequests",
            lambda self: (
                self.minimum_requests is None
                or any(getattr(self, field) is not None for field in (*COUNTING, "requests", *elsewhere))
            ),
        ),
        Rule(
            "!has(self.requests) || has(self.query)",
            "'requests' is only allowed with 'query'",
            ".requests",
            lambda self: self.requests is None or self.query is not None,
        ),
    ]
    return (*found, *(_of_empty(kind) for kind in COUNTING))


def _of_unit(kind: MetricKind, unit: Unit) -> Rule:
    return Rule(
        f"!has(self.{kind}) || !has(self.unit) || self.unit == '{unit}'",
        f"a {kind} metric has unit {unit}",
        ".unit",
        lambda self: getattr(self, kind) is None or self.unit in {None, unit},
    )


def _of_empty(kind: MetricKind) -> Rule:
    return Rule(
        f"!has(self.{kind}) || !has(self.whenEmpty) || self.whenEmpty == 'NoData'",
        "'whenEmpty' is only allowed with 'query'",
        ".whenEmpty",
        lambda self: getattr(self, kind) is None or self.when_empty in {None, "NoData"},
    )


def _listed(names: tuple[str, ...], last: str) -> str:
    quoted = [f"'{name}'" for name in names]
    return f" {last} ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))
