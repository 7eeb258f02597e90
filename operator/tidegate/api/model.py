"""The base of every API model: camelCase on the wire, frozen in memory, unknown fields refused, CEL rules beside the fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from tidegate.api.values.text import printable


@dataclass(frozen=True)
class Rule:
    """A CEL rule the API server enforces on one object of the schema.

    `path` names the offending field relative to the object (as `.field`), empty for the object itself.
    """

    expression: str
    message: str
    path: str = ""
    holds: Callable[[Any], bool] | None = None
    """The same of a parsed model, for `tidegate lint`; `None` where a check of `api/validation` is more exact."""


class ApiModel(BaseModel):
    """A part of an object's spec: strict, immutable, described by its attributes' docstrings."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    cel_rules: ClassVar[tuple[Rule, ...]] = ()
    """What the API server checks beyond types."""


Words = Annotated[str, PlainSerializer(printable)]
"""A message for people in a status: whatever it quotes is escaped when it is written."""

MOST_SECONDS = 1e10
"""Three hundred years: to more than this, seconds are no longer added exactly."""

Elapsed = Annotated[float, AfterValidator(lambda seconds: min(max(seconds, 0.0), MOST_SECONDS))]
"""Seconds that have passed, in a status: whatever somebody has written there, a clock goes on from it."""

Percent = Annotated[float, AfterValidator(lambda percent: min(max(percent, 0.0), 100.0))]
"""A weight in a status, percent."""


class StatusModel(BaseModel):
    """A part of an object's status, readable by every version of the operator.

    Unknown fields are kept and written back: an older operator must not lose what a newer one remembers. Reading is
    `api/reading_back.py`'s business.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="allow",
        use_attribute_docstrings=True,
    )
