"""The registry of routers: one row for each kind of object that holds weights.

Watches, caches, permissions, the documentation and the composition iterate the rows. A new kind: a member of `RouteKind` in
`api/rollout/traffic.py`, a row in `rows/`, and a module in `shapes/` where the weights have another shape. Where they are in
no object of their own, but in the Deployments of the arms, the row is a `WorkloadRouter` and brings its own port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.by_kind import RoutersByKind
from tidegate.adapters.routers.router import ObjectRouter
from tidegate.adapters.routers.row import Router, Row, WorkloadRouter
from tidegate.adapters.routers.rows import flags, gateway_api, ingresses, meshes, workloads
from tidegate.adapters.routers.rows.custom import CustomKind, custom
from tidegate.adapters.routers.views import RouteView
from tidegate.ports.protocols import TrafficRouter, Workloads

ROUTERS: Final[tuple[Router, ...]] = (*gateway_api.ROWS, *meshes.ROWS, *ingresses.ROWS, *flags.ROWS)
"""Every router with objects of its own, whether or not it is enabled."""
WORKLOAD_ROUTERS: Final[tuple[WorkloadRouter, ...]] = workloads.ROWS
"""Every router without."""
EVERY: Final[tuple[Row, ...]] = (*ROUTERS, *WORKLOAD_ROUTERS)
BY_KIND: Final[Mapping[str, Router]] = {row.kind: row for row in ROUTERS}
_ROWS: Final[Mapping[str, Row]] = {row.kind: row for row in EVERY}
STANDARD: Final = ("HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute")
"""The kinds that are enabled where the configuration says nothing."""


def enabled(kinds: Iterable[str] = STANDARD, customs: Iterable[CustomKind] = ()) -> tuple[Row, ...]:
    """The rows in use.

    Args:
        kinds: those of the rows of `EVERY`.
        customs: further kinds that the administrator allows.
    """
    return (*(_ROWS[kind] for kind in dict.fromkeys(kinds)), *map(custom, customs))


class RouteCaches(Mapping[str, Cache[RouteView]]):
    """What is kept of the objects of the rows in use, by kind."""

    def __init__(self, rows: Iterable[Row] | None = None) -> None:
        """`rows` are those in use: by default the standard ones."""
        self.every: Final = tuple(enabled() if rows is None else rows)
        self.rows: Final = tuple(row for row in self.every if isinstance(row, Router))
        """Those with objects of their own."""
        self._caches: dict[str, Cache[RouteView]] = {row.kind: Cache() for row in self.rows}

    def of(self, resource: Resource) -> tuple[Router, ...]:
        """The rows whose weights are in objects of this kind: several routers use Ingress."""
        return tuple(row for row in self.rows if row.resource == resource)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """The kinds of object, each once."""
        return tuple(dict.fromkeys(row.resource for row in self.rows))

    def __getitem__(self, kind: str) -> Cache[RouteView]:
        return self._caches[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._caches)

    def __len__(self) -> int:
        return len(self._caches)


def routers(
    api: Api, caches: RouteCaches, access: WriteAccess | None = None, arms: Workloads | None = None
) -> RoutersByKind:
    """The `TrafficRouter` port for every row in use.

    Args:
        api: the API server.
        caches: what is kept of the objects.
        access: where a kind may not be written; without it nothing is known against that.
        arms: the workloads, for the rows whose weights are in their Deployments; without it those are left out.
    """
    known = access or WriteAccess()
    found: dict[str, TrafficRouter] = {row.kind: ObjectRouter(row, api, caches[row.kind], known) for row in caches.rows}
    for row in caches.every:
        if isinstance(row, WorkloadRouter) and arms is not None:
            found[row.kind] = row.router(api, arms, known)
    return RoutersByKind(found)
