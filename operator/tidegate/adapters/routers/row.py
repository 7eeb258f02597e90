"""A router as a row of data: which objects, where the weights are in them, what they mean, how they are read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.permissions import Grant
from tidegate.adapters.routers.read_back import ReadBack, owns, written
from tidegate.adapters.routers.shapes.shape import Shape
from tidegate.adapters.routers.views import GENERATION, RouteView, digest
from tidegate.core.model.world import Acceptance
from tidegate.ports.protocols import Manager, TrafficRouter, Workloads

SETTLE: Final = 10.0
"""Seconds after a raise until weights count as acting where nobody says that they do."""


@dataclass(frozen=True)
class Facts:
    """What the documentation says of a router beside what its row does."""

    family: str
    """Its page, `docs/routers/FAMILY.md`."""
    weights: str = "percent of requests"
    """What a weight is a share of."""
    cohorts: str = "no"
    """Whether a rule can be for some users only."""
    sticky: str = "no"
    """Whether it can keep a user on one arm."""
    tested: str = ""
    """With which version, and on what."""


@dataclass(frozen=True)
class Router:
    """One row of the registry."""

    kind: str
    """As a Rollout names it."""
    resource: Resource
    """The objects that hold the weights, with their versions in order of preference: they are watched, and may be patched."""
    shape: Shape
    """Where the weights are."""
    read_back: ReadBack
    """What the router says of them."""
    facts: Facts
    settle: float = SETTLE
    """Seconds after a raise until the weights count as acting, where nobody says so of this generation."""

    @property
    def patched(self) -> Resource:
        """What is patched when weights are set."""
        return self.resource

    @property
    def grants(self) -> tuple[Grant, ...]:
        """What the operator must be allowed to do."""
        return (Grant(self.resource.group, self.resource.plural),)

    def view(self, raw: Mapping[str, Any]) -> RouteView:
        """From an object to what is kept of it."""
        metadata = raw["metadata"]
        found = self.shape.find(raw)
        acceptance, message = self.read_back.of(raw)
        generation, moved = _generation(metadata, found.tests, found.owned)
        said = self.read_back.exact and acceptance is not Acceptance.UNREPORTED
        return RouteView(
            uid=metadata["uid"],
            generation=generation,
            rules=found.rules,
            acceptance=acceptance,
            acceptance_message=message,
            settle=0.0 if said else self.settle,
            reverted_by_us=_reverted_by_us(metadata, found.owned),
            frame=digest(found.frame),
            moved=moved,
        )


@dataclass(frozen=True)
class WorkloadRouter:
    """A row whose weights are in no object of their own, but in the Deployments of the arms: nothing more is watched for it."""

    kind: str
    """As a Rollout names it."""
    patched: Resource
    """What is patched when weights are set."""
    grants: tuple[Grant, ...]
    """What the operator must be allowed to do."""
    router: Callable[[Api, Workloads, WriteAccess], TrafficRouter]
    """Makes the port."""
    objects: str
    """What holds the weights, for the documentation."""
    numbers: str
    """What the numbers are, for the documentation."""
    read_back: str
    """What says that the weights act, for the documentation."""
    facts: Facts


Row: TypeAlias = Router | WorkloadRouter
"""A row of either kind."""


def _generation(
    metadata: Mapping[str, Any], tests: tuple[tuple[str, object], ...] | None, owned: tuple[tuple[str, ...], ...]
) -> tuple[int, tuple[tuple[str, object], ...] | None]:
    """What moves with the weights, and what a write is tested on where that is not the generation."""
    if tests is None and "generation" in metadata:
        return metadata["generation"], None
    # Annotations move no generation, and objects of aggregated API servers may have none.
    generation = tuple((GENERATION, metadata["generation"]) for _ in range("generation" in metadata))
    version = ("/metadata/resourceVersion", metadata.get("resourceVersion"))
    return written(metadata, owned), (*tests, *generation) if tests else (version,)


def _reverted_by_us(metadata: Mapping[str, Any], owned: tuple[tuple[str, ...], ...]) -> bool:
    """Whether our field manager for reverts was the last to write a weight."""
    ours = [one for one in metadata.get("managedFields") or () if one.get("manager") == Manager.REVERT]
    return any(
        owns(entry.get("fieldsV1") or {}, path) for entry in ours if not entry.get("subresource") for path in owned
    )
