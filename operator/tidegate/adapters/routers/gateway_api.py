"""Gateway API routes of version v1 (`HTTPRoute`, `GRPCRoute`, `TCPRoute`, `TLSRoute`), alike in everything that matters here.

Only the weights of the two named backends are ever written, by JSON patch: the lists of a route are atomic, so that
server-side apply would replace the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api, JsonObject, Resource
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers.gateway_views import RouteView, route_of, route_view
from tidegate.adapters.routers.kind import RouterKind
from tidegate.adapters.routers.turns import Turns
from tidegate.core.model.world import ABSENT, Lookup, Route, TargetRef, Unknown, Unseen
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected
from tidegate.ports.protocols import Manager

GROUP: Final = "gateway.networking.k8s.io"
VERSION: Final = "v1"
"""TCPRoute is served in it from Gateway API 1.6 on, TLSRoute from 1.5 on; where a kind is not, its Rollouts say so."""

REBASES: Final = 5
"""Tries on a newer generation; within this process writes take turns, so only others' writes make more than one needed."""
REVERT_WAITS: Final = 0.5
"""Seconds a revert waits for its turn: a dozen writes take that long, and one that hangs is not waited for."""
WRITE_WAITS: Final = 3.0
"""Seconds any other write waits for its turn; less than an intent's life."""


class GatewayApiRouter:
    """The `TrafficRouter` port for one kind of route."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        cache: Cache[RouteView],
        access: WriteAccess,
        view: Callable[[Mapping[str, Any]], RouteView],
    ) -> None:
        """`access` says where the kind may not be written, `view` makes of an object what is kept."""
        self._access = access
        self._view = view
        self._api = api
        self._resource = resource
        self._cache = cache
        self._turns = Turns()

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        """The pairs of the rules concerned; from the watch stream unless `fresh`."""
        key = (ref.namespace, ref.name)
        known = None if fresh else self._cache.get(key)
        if known is not None:
            return self._accessible(route_of(known, ref))
        try:
            return self._accessible(self._keep(ref, await self._api.get(self._resource, *key)))
        except Missing:
            self._cache.drop(key)
            return ABSENT
        except Rejected as error:
            return await self._rejected(error)
        except PortError as error:
            return Unknown(str(error))

    def _accessible(self, route: Route) -> Route:
        refusal = self._access.refusal(route.ref.kind, route.ref.namespace)
        return replace(route, not_writable=refusal) if refusal else route

    async def _rejected(self, error: Rejected) -> Unknown:
        """Why a read was refused: only what discovery confirms counts as a kind that is not served."""
        try:
            served = await self._api.serves(self._resource)
        except PortError:
            served = True
        return Unknown(str(error), Unseen.NOT_ALLOWED if served else Unseen.NOT_SERVED)

    async def write(self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager) -> Route:
        """Sets (baseline, candidate) in each rule named, if that is still what was decided on.

        The test is on the whole route's generation, which moves with the pairs of other Rollouts on the same route. So
        a write that is refused is tried again on the newest generation as long as only others' weights have changed; a
        revert whatever else has changed, as long as its own pairs and their rules have not.
        """
        key = (route.ref.namespace, route.ref.name)
        revert = manager is Manager.REVERT
        async with self._turns.of(key, REVERT_WAITS if revert else WRITE_WAITS):
            known = self._cache.last(key)
            if known is not None and known.generation > route.generation:
                route = _rebased(route, known, revert=revert) or route
            for _ in range(REBASES):
                try:
                    return await self._write(route, pairs, manager)
                except Conflict:
                    again = await self._again(route, revert=revert)
                    if again is None:
                        raise
                    route = again
            return await self._write(route, pairs, manager)

    async def _again(self, route: Route, *, revert: bool) -> Route | None:
        """The route as it is now, where the same may be written to it; `None` where it must be decided anew."""
        try:
            raw = await self._api.get(self._resource, route.ref.namespace, route.ref.name)
        except PortError:
            return None
        self._keep(route.ref, raw)
        return _rebased(route, self._view(raw), revert=revert)

    async def _write(self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager) -> Route:
        operations: list[JsonObject] = [
            _test("/metadata/uid", route.uid),
            _test("/metadata/generation", route.generation),
        ]
        for rule, (baseline, candidate) in pairs.items():
            places = route.handle.places[rule]
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
        view = self._view(raw)
        self._cache.put((ref.namespace, ref.name), raw["metadata"]["resourceVersion"], view, watched=False)
        return route_of(view, ref)


def gateway_api(kind: str, plural: str, *, absent_weight: int) -> RouterKind:
    """The row of one kind of route.

    Args:
        kind: of the objects.
        plural: of the kind, as in URLs.
        absent_weight: what a backend without a weight has.
    """
    resource = Resource(GROUP, VERSION, plural, kind)
    view = partial(route_view, absent_weight=absent_weight)

    def make(api: Api, cache: Cache[RouteView], access: WriteAccess) -> GatewayApiRouter:
        return GatewayApiRouter(api, resource, cache, access, view)

    return RouterKind(resource, view, make)


def _rebased(route: Route, view: RouteView, *, revert: bool) -> Route | None:
    """The newer route where what was decided on `route` holds as well; `None` where it does not."""
    now = route_of(view, route.ref)
    identities = [[pair.identity for pair in one.pairs] for one in (route, now)]
    same = (now.uid, now.pairs, now.missing_rules) == (route.uid, route.pairs, route.missing_rules)
    if not same or identities[0] != identities[1]:
        return None
    return now if revert or now.handle.frame == route.handle.frame else None


def _test(path: str, value: object) -> JsonObject:
    return {"op": "test", "path": path, "value": value}


def _set(path: str, service: str, weight: int) -> list[JsonObject]:
    # `add` sets a member whether or not it is there: where the API server's defaults are missing, so is the weight.
    return [_test(f"{path}/name", service), {"op": "add", "path": f"{path}/weight", "value": weight}]
