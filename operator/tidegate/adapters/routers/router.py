"""The port on any router: reads objects, finds the pairs by the row, and writes weights by a tested JSON patch.

Only the numbers of the two named backends are ever written, by JSON patch: the lists of most routes are atomic, so that
server-side apply would replace the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.permissions import WriteAccess
from tidegate.adapters.routers.places import operations, tests_of
from tidegate.adapters.routers.row import Router
from tidegate.adapters.routers.shapes.mirrors import removals
from tidegate.adapters.routers.shapes.shape import MirroringShape
from tidegate.adapters.routers.turns import Turns
from tidegate.adapters.routers.views import RouteView, route_of, unreadable
from tidegate.core.model.world import ABSENT, NO_MIRRORS, Lookup, Route, TargetRef, Unknown, Unseen
from tidegate.ports.errors import Conflict, Missing, PortError, Rejected, Unavailable
from tidegate.ports.protocols import NONE, Manager

REBASES: Final = 5
"""Tries on a newer generation; within this process writes take turns, so only others' writes make more than one needed."""


class ObjectRouter:
    """The `TrafficRouter` port for one row."""

    def __init__(self, row: Router, api: Api, cache: Cache[RouteView], access: WriteAccess) -> None:
        """`access` says where the objects may not be written."""
        self._row = row
        self._resource = row.resource
        self._api = api
        self._cache = cache
        self._access = access
        self._turns = Turns()

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        """The pairs of the rules concerned; from the watch stream unless `fresh`."""
        key = (ref.namespace, ref.name)
        known = None if fresh else self._cache.get(key)
        if known is not None:
            return self._seen(known, ref)
        try:
            return self._seen(self._keep(ref, await self._api.get(self._resource, *key)), ref)
        except Missing:
            self._cache.drop(key)
            return ABSENT
        except Rejected as error:
            return await self._rejected(error)
        except PortError as error:
            return Unknown(str(error))

    def _seen(self, view: RouteView, ref: TargetRef) -> Lookup[Route]:
        """What is seen of a route; numbers that cannot be read are unknown, not absent and not 0."""
        if why := unreadable(view, ref):
            return Unknown(why)
        refusal = self._access.refusal(self._resource, ref.namespace)
        route = route_of(view, ref)
        return replace(route, not_writable=refusal) if refusal else route

    async def _rejected(self, error: Rejected) -> Unknown:
        """Why a read was refused: only what discovery confirms counts as a kind that is not served."""
        try:
            served = await self._api.serves(self._resource)
        except PortError:
            served = True
        return Unknown(str(error), Unseen.NOT_ALLOWED if served else Unseen.NOT_SERVED)

    async def write(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        """Sets (baseline, candidate) in each rule named, if that is still what was decided on.

        The test is on the whole route's generation, which moves with the pairs of other Rollouts on the same route. So
        a write that is refused is tried again on the newest generation as long as only others' weights have changed; a
        revert whatever else has changed, as long as its own pairs and their rules have not.
        """
        try:
            return await self._in_turn(route, pairs, manager, mirrors)
        except Rejected:
            if not (manager is Manager.REVERT and pairs and mirrors):
                raise
        restored = await self._in_turn(
            route, pairs, manager, NONE
        )  # the weights first: whatever is wrong with the mirror
        return await self._in_turn(restored, {}, manager, mirrors)

    async def _in_turn(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager, mirrors: Mapping[str, int]
    ) -> Route:
        key = (route.ref.namespace, route.ref.name)
        revert = manager is Manager.REVERT
        async with self._turns.of(key, revert=revert):
            known = self._cache.last(key)
            if known is not None and known.generation > route.generation:
                route = _rebased(route, known, revert=revert) or route
            for _ in range(REBASES):
                try:
                    return await self._write(route, pairs, manager, mirrors)
                except Conflict:
                    again = await self._again(route, revert=revert)
                    if again is None:
                        raise
                    route = again
            return await self._write(route, pairs, manager, mirrors)

    async def _again(self, route: Route, *, revert: bool) -> Route | None:
        """The route as it is now, where the same may be written to it; `None` where it must be decided anew."""
        try:
            raw = await self._api.get(self._resource, route.ref.namespace, route.ref.name)
            view = self._keep(route.ref, raw)
        except PortError:
            return None
        return _rebased(route, view, revert=revert)

    async def _write(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager, mirrors: Mapping[str, int]
    ) -> Route:
        added = {rule: percent for rule, percent in mirrors.items() if percent}
        raw = await self._raw(route, revert=manager is Manager.REVERT) if added else None
        numbers = [
            placed for rule, pair in pairs.items() for placed in zip(route.handle.places[rule], pair, strict=True)
        ]
        key = (route.ref.namespace, route.ref.name)
        patch = [*tests_of(route.handle.tests), *operations(numbers)]
        for rule in mirrors.keys() - added.keys():
            patch += removals(route.handle.mirrors.get(rule, ()))
        if raw is not None:
            patch += self._mirroring(route, raw, added)
        try:
            stored = await self._api.patch(self._resource, *key, patch, manager=manager, strict=bool(added))
        except Missing:
            self._cache.drop(key)
            raise
        return route_of(self._keep(route.ref, stored), route.ref)

    async def _raw(self, route: Route, *, revert: bool) -> JsonObject:
        """The object of which mirrors are made. Raises: Conflict: it is not what was decided on."""
        raw = await self._api.get(self._resource, route.ref.namespace, route.ref.name)
        if _rebased(route, self._keep(route.ref, raw), revert=revert) is None:
            raise Conflict(f"{route.ref.key}: it changed")
        return raw

    def _mirroring(self, route: Route, raw: JsonObject, mirrors: Mapping[str, int]) -> list[JsonObject]:
        """The operations that set mirrors. Raises: Rejected: a rule cannot have one."""
        shape, candidate = self._row.shape, route.ref.candidate
        if not isinstance(shape, MirroringShape):
            raise Rejected(f"{route.ref.key}: {NO_MIRRORS}")
        try:
            made = [shape.mirroring(raw, rule, candidate, percent) for rule, percent in mirrors.items()]
        except LookupError as error:
            raise Rejected(f"{route.ref.key}: {error.args[0]}") from error
        return [operation for operations in made for operation in operations]

    def _keep(self, ref: TargetRef, raw: JsonObject) -> RouteView:
        """What is kept of an object. Raises: Unavailable: it cannot be read, whatever the API server took it for."""
        try:
            view = self._row.view(raw)
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            what = f"{ref.key} does not match the schema of its kind: {type(error).__name__}: {error}"
            raise Unavailable(what) from error
        self._cache.put((ref.namespace, ref.name), raw["metadata"]["resourceVersion"], view, watched=False)
        return view


def _rebased(route: Route, view: RouteView, *, revert: bool) -> Route | None:
    """The newer route where what was decided on `route` holds as well; `None` where it does not."""
    now = route_of(view, route.ref)
    identities = [[pair.identity for pair in one.pairs] for one in (route, now)]
    same = (now.uid, now.pairs, now.missing_rules) == (route.uid, route.pairs, route.missing_rules)
    if not same or identities[0] != identities[1] or unreadable(view, route.ref):
        return None
    alike = now.handle.frame == route.handle.frame and now.handle.mirrors == route.handle.mirrors
    return now if revert or alike else None
