"""Every weight a route has had, with the instant it was seen: by a watch, as anybody could see it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from lab.manifests import GATEWAY_API
from lab.tasks import Tasks
from lab.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.api import Api, Object


CATCH_UP_SECONDS = 30.0


def of_rules(route: Object) -> dict[str, dict[str, int]]:
    """Backend to weight in a route of the Gateway API, by the rule's name; the first rule by the empty one too."""
    rules = route["spec"]["rules"]
    named = [("", rules[0]), *((rule["name"], rule) for rule in rules if "name" in rule)]
    return {
        name: {backend["name"]: backend.get("weight", 1) for backend in rule.get("backendRefs", [])}
        for name, rule in named
    }


@dataclass(frozen=True)
class Lookup:
    """One state of one rule of a route."""

    at: float
    """Unix time at which the watch told."""
    weights: dict[str, int]
    """Backend to weight."""

    def share(self, name: str) -> float:
        """A backend's share in percent."""
        return 100 * self.weights.get(name, 0) / (sum(self.weights.values()) or 1)


@dataclass
class RouteWatch:
    """An async context manager that watches the routes of one kind, by default HTTPRoutes."""

    api: Api
    api_version: str = GATEWAY_API
    kind: str = "HTTPRoute"
    weights: Callable[[Object], dict[str, dict[str, int]]] = of_rules
    """What the weights of such a route are: by the rule's name, empty for the first rule."""
    seen: dict[tuple[str, str, str], list[Lookup]] = field(default_factory=dict)
    """By namespace, name and the rule's name, empty for the first rule; oldest first, only changes of weight."""

    _versions: dict[tuple[str, str], int] = field(default_factory=dict)
    """By namespace and name: the last resourceVersion that the watch told."""

    async def __aenter__(self) -> Self:
        self._tasks = Tasks()
        self._tasks.start(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.end()

    def of(self, namespace: str, name: str, rule: str = "") -> list[Lookup]:
        """All the states of one rule of a route: of the one of that name, by default of the first."""
        return self.seen.get((namespace, name, rule), [])

    async def current(self, namespace: str, name: str, rule: str = "") -> list[Lookup]:
        """As `of`, once the watch has told the state in which the API server has the route now.

        A watch lags behind a read, so what follows a read must not be looked up before.
        """
        route = await self.api.get(self.api_version, self.kind, name, namespace)
        version = int(route["metadata"]["resourceVersion"])

        def told() -> bool:
            return self._versions.get((namespace, name), 0) >= version

        await until(told, CATCH_UP_SECONDS, f"the watch has told {self.kind} {namespace}/{name} at {version}")
        return self.of(namespace, name, rule)

    async def _follow(self) -> None:
        async for kind, item in self.api.watch(self.api_version, self.kind):
            for route in item["items"] if kind == "LISTED" else [item]:
                self._take(route)

    def _take(self, route: Object) -> None:
        namespace, name = route["metadata"]["namespace"], route["metadata"]["name"]
        self._versions[namespace, name] = int(route["metadata"]["resourceVersion"])
        for rule, weights in self.weights(route).items():
            states = self.seen.setdefault((namespace, name, rule), [])
            if not states or states[-1].weights != weights:
                states.append(Lookup(time.time(), weights))
