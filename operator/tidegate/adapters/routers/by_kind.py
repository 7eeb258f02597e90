"""All routers as one: the target's kind says which. A kind without a router is unknown, never some other router's."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.core.model.world import Lookup, Route, TargetRef, Unknown, Unseen
from tidegate.ports.errors import Rejected
from tidegate.ports.protocols import NONE, Manager, TrafficRouter


class RoutersByKind:
    """The `TrafficRouter` port for every kind there is a router for."""

    def __init__(self, routers: Mapping[str, TrafficRouter]) -> None:
        self._routers = dict(routers)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds there is a router for."""
        return frozenset(self._routers)

    async def read(self, ref: TargetRef, *, fresh: bool) -> Lookup[Route]:
        """The route, from the router of its kind."""
        router = self._routers.get(ref.kind)
        if router is None:
            return Unknown(self._none(ref), Unseen.NOT_ALLOWED)
        return await router.read(ref, fresh=fresh)

    async def write(
        self, route: Route, pairs: Mapping[str, tuple[int, int]], manager: Manager, mirrors: Mapping[str, int] = NONE
    ) -> Route:
        """Sets the numbers, through the router of the route's kind."""
        router = self._routers.get(route.ref.kind)
        if router is None:
            raise Rejected(self._none(route.ref))
        return await router.write(route, pairs, manager, mirrors)

    def _none(self, ref: TargetRef) -> str:
        return f"no router for {ref.kind} is enabled in the operator's configuration; there are {', '.join(sorted(self._routers))}"
