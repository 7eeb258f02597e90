"""What a kind of router is: which objects it reads, what is kept of them, and the port on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api, Resource
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers.gateway_views import RouteView
from tidegate.ports.protocols import TrafficRouter


@dataclass(frozen=True)
class RouterKind:
    """One row of the registry."""

    resource: Resource
    """The objects that hold the weights: they are watched, and may be patched."""
    view: Callable[[Mapping[str, Any]], RouteView]
    """From an object to what is kept of it."""
    make: Callable[[Api, Cache[RouteView], WriteAccess], TrafficRouter]
    """The port on these objects."""
