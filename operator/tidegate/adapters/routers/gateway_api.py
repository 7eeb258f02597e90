"""Gateway API routes: `HTTPRoute` and `GRPCRoute` of version v1, alike in everything that matters here.

Only the weights of the two named backends are ever written, by JSON patch: the lists of a route are atomic, so that
server-side apply would replace the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api, JsonObject, Resource
from tidegate.adapters.routers.gateway_views import RouteView, route_of, route_view
from tidegate.core.observed import ABSENT, Route, Seen, TargetRef, Unknown, Unseen
from tidegate.ports.errors import Missing, PortError, Rejected
from tidegate.ports.protocols import Manager

ROUTE_KINDS: Final = (
    Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute"),
    Resource("gateway.networking.k8s.io", "v1", "grpcroutes", "GRPCRoute"),
)


class GatewayApiRouter:
    """The `TrafficRouter` port for one of `ROUTE_KINDS`."""

    def __init__(self, api: Api, resource: Resource, cache: Cache[RouteView]) -> None:
        self._api = api
        self._resource = resource
        self._cache = cache

    async def read(self, ref: TargetRef, *, fresh: bool) -> Seen[Route]:
        """The pairs of the rules concerned; from the watch stream unless `fresh`."""
        key = (ref.namespace, ref.name)
        known = None if fresh else self._cache.get(key)
        if known is not None:
            return route_of(known, ref)
        try:
            return self._keep(ref, await self._api.get(self._resource, *key))
        except Missing:
            self._cache.drop(key)
            return ABSENT
        except Rejected as error:
            return await self._rejected(error)
        except PortError as error:
            return Unknown(str(error))

    async def _rejected(self, error: Rejected) -> Unknown:
        """Why a read was refused: only what discovery confirms counts as a kind that is not served."""
        try:
            served = await self._api.serves(self._resource)
        except PortError:
            served = True
        return Unknown(str(error), Unseen.NOT_ALLOWED if served else Unseen.NOT_SERVED)

    async def write(self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager) -> Route:
        """Sets (baseline, candidate) in each rule named, if the route's spec is still the one that was read."""
        operations: list[JsonObject] = [
            _test("/metadata/uid", route.uid),
            _test("/metadata/generation", route.generation),
        ]
        for rule, (baseline, candidate) in pairs.items():
            places = route.handle[rule]
            operations += _set(places.baseline, route.ref.baseline, baseline)
            operations += _set(places.candidate, route.ref.candidate, candidate)
        key = (route.ref.namespace, route.ref.name)
        try:
            raw = await self._api.patch(self._resource, *key, operations, manager=manager)
        except Missing:
            self._cache.drop(key)
            raise
        return self._keep(route.ref, raw)

    def _keep(self, ref: TargetRef, raw: JsonObject) -> Route:
        view = route_view(raw)
        self._cache.put((ref.namespace, ref.name), raw["metadata"]["resourceVersion"], view, watched=False)
        return route_of(view, ref)


def _test(path: str, value: object) -> JsonObject:
    return {"op": "test", "path": path, "value": value}


def _set(path: str, service: str, weight: int) -> list[JsonObject]:
    # `add` sets a member whether or not it is there: where the API server's defaults are missing, so is the weight.
    return [_test(f"{path}/name", service), {"op": "add", "path": f"{path}/weight", "value": weight}]
