"""The registry of routers: one row for each kind of object that holds weights.

Watches, caches, permissions and the composition iterate `ROUTERS`. A new kind: a member of `RouteKind` in `api/rollout/traffic.py`, a row
here, and a module where the shape of the object is new.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api, Resource
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers.by_kind import RoutersByKind
from tidegate.adapters.routers.gateway_api import gateway_api
from tidegate.adapters.routers.gateway_views import RouteView
from tidegate.adapters.routers.kind import RouterKind

ROUTERS: Final[tuple[RouterKind, ...]] = (
    gateway_api("HTTPRoute", "httproutes", absent_weight=1),
    gateway_api("GRPCRoute", "grpcroutes", absent_weight=1),
    gateway_api("TCPRoute", "tcproutes", absent_weight=1),
    gateway_api("TLSRoute", "tlsroutes", absent_weight=1),
)

RESOURCES: Final[Mapping[str, Resource]] = {row.resource.kind: row.resource for row in ROUTERS}
"""The objects that hold weights, by kind."""


def routers(api: Api, caches: Mapping[str, Cache[RouteView]], access: WriteAccess | None = None) -> RoutersByKind:
    """The `TrafficRouter` port for every row.

    Args:
        api: the API server.
        caches: what is kept of the objects, by kind.
        access: where a kind may not be written; without it nothing is known against that.
    """
    known = access or WriteAccess()
    return RoutersByKind({row.resource.kind: row.make(api, caches[row.resource.kind], known) for row in ROUTERS})
