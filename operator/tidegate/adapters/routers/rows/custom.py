"""Kinds that the administrator's configuration allows: two numbers by JSON pointers."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.places import Form
from tidegate.adapters.routers.read_back import nothing
from tidegate.adapters.routers.row import SETTLE, Facts, Router
from tidegate.adapters.routers.shapes.pointers import Pointers
from tidegate.adapters.routers.shapes.shape import Numbers
from tidegate.core.model.world import MOST


@dataclass(frozen=True)
class CustomKind:
    """One kind, as the administrator describes it."""

    group: str
    versions: tuple[str, ...]
    """In order of preference."""
    kind: str
    plural: str
    weights: tuple[str, ...]
    """Patterns of the places that may be written, such as `spec.traffic[*].percent`."""
    total: int | None = None
    """The sum that the two must have; `None` where any will do."""
    most: int = MOST
    absent: int | None = None
    """What an absent number means; `None`: that it cannot be told."""
    settle: float = SETTLE
    """Seconds after a raise until the numbers count as acting."""


def custom(kind: CustomKind) -> Router:
    """The row of such a kind."""
    first, *older = kind.versions
    return Router(
        kind=f"{kind.kind}.{kind.group}",
        resource=Resource(kind.group, first, kind.plural, kind.kind, older=tuple(older)),
        shape=Pointers(
            kind.weights, Numbers(kind.absent, min(kind.most, kind.total or kind.most), kind.total, Form.WHOLE)
        ),
        read_back=nothing(),
        facts=Facts(family="custom", weights="whatever the numbers mean", tested="own CRD"),
        settle=kind.settle,
    )
