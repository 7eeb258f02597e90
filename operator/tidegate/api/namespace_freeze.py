"""A freeze that the administrator gives to namespaces in the operator's configuration: no Rollout can undo it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from tidegate.api.model import ApiModel
from tidegate.api.rollout.gates import Freeze
from tidegate.api.values.names import Instant
from tidegate.api.values.text import printable

NamespaceName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""A namespace."""


def _one_line(text: str) -> str:
    if printable(text) != text:
        raise ValueError("must be on one line, without control characters")
    return text


class Operator(StrEnum):
    """How an expression of a label selector compares."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class LabelExpression(ApiModel):
    """One expression of a label selector."""

    key: Annotated[str, Field(min_length=1, max_length=317)]
    """The label."""
    operator: Operator
    """`In`, `NotIn`, `Exists` or `DoesNotExist`."""
    values: tuple[str, ...] = ()
    """For `In` and `NotIn`."""

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        wants = self.operator in {Operator.IN, Operator.NOT_IN}
        if wants != bool(self.values):
            raise ValueError(f"operator {self.operator} {'needs' if wants else 'takes no'} values")
        return self

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fit, as Kubernetes has it: a label that is missing is in no list."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels


class LabelSelector(ApiModel):
    """Chooses by labels; all that is given must fit."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    """Labels with their values."""
    match_expressions: tuple[LabelExpression, ...] = ()
    """Expressions on labels."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fit."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            one.matches(labels) for one in self.match_expressions
        )


class NamespaceFreeze(ApiModel):
    """A time in which no Rollout of some namespaces raises a weight."""

    name: Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_one_line)]
    """Its name, as Rollouts show it."""
    from_: Annotated[Instant, Field(alias="from")]
    """When it begins (RFC 3339)."""
    to: Instant
    """When it ends."""
    reason: Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_one_line)]
    """Why, for people: one line."""
    namespaces: tuple[NamespaceName, ...] = ()
    """The namespaces it is for, by name. Without them and without a selector: all."""
    namespace_selector: LabelSelector | None = None
    """The namespaces it is for, by their labels; in addition to those in `namespaces`."""

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("'to' must be later than 'from'")
        return self

    def holds_in(self, namespace: str, labels: Mapping[str, str] | None) -> bool:
        """Whether it is for a namespace; one whose labels are not known (`None`) may be chosen by them, so it is."""
        if not self.namespaces and self.namespace_selector is None:
            return True
        chosen = self.namespace_selector is not None and (labels is None or self.namespace_selector.matches(labels))
        return namespace in self.namespaces or chosen

    def as_freeze(self, *, sure: bool = True) -> Freeze:
        """The same as a Rollout's gate takes it. `sure`: that it is for the namespace is known."""
        unsure = "" if sure else "; the namespace's labels could not be read, so the freeze applies"
        words = f"the administrator's freeze {self.name!r}: {self.reason}{unsure}"
        return Freeze.model_construct(from_=self.from_, to=self.to, reason=words)
