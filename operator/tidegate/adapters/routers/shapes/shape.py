"""What every shape gives: the rules of an object, and what a write is tested on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from tidegate.adapters.routers.places import Form, Operation
from tidegate.adapters.routers.views import RuleView
from tidegate.core.model.world import MOST


@dataclass(frozen=True)
class Numbers:
    """What the weights of a router are like."""

    absent: int | None = 1
    """What an absent weight means; `None`: that it cannot be told."""
    most: int = MOST
    """The largest."""
    total: int | None = None
    """The sum that the router demands; `None` where any will do."""
    form: Form = Form.WHOLE
    even_at_zero: bool = False
    """Where all weights of a rule are 0 every backend gets the same, instead of nothing."""


@dataclass(frozen=True)
class Found:
    """What a shape finds in an object."""

    rules: tuple[RuleView, ...]
    frame: object
    """The part of the object that a raise is decided on, without the weights; JSON."""
    owned: tuple[tuple[str, ...], ...]
    """The places at or below which the weights are written, as the API server's `managedFields` name them."""
    tests: tuple[tuple[str, object], ...] | None = None
    """What a write is tested on, as JSON pointers and values, where the object's generation does not move with the weights;
    `None` where it does, empty where only the resourceVersion is left."""


class Shape(Protocol):
    """Finds the rules in an object, and says where its weights are."""

    def find(self, raw: Mapping[str, Any]) -> Found:
        """What is in an object."""
        ...


@runtime_checkable
class MirroringShape(Shape, Protocol):
    """A shape in which requests can be copied to a backend."""

    def mirroring(self, raw: Mapping[str, Any], rule: str, candidate: str, percent: int) -> list[Operation]:
        """The operations that make one mirror of `percent` (1 to 100) out of those that the rule has to the candidate, or none.

        Raises: LookupError: there is no such rule, or it has no such backend.
        """
        ...
