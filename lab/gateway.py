"""The lab's Gateway API implementation: watches routes, Services and pods, configures Envoy, writes the routes' status.

Its faults for tests: `freeze` (as if the controller had stopped: no change acts on traffic or status), `refuse` (a route is
not accepted, and its rules go on as they were or are removed), `chatter` (status is written all the time, as some gateways
do). From outside, with `make lab`, the first two are annotations:

    kubectl annotate -n gateway gateway/lab lab.tidegate.dev/frozen=true
    kubectl annotate httproute/NAME lab.tidegate.dev/refused=keep     # or remove; take it off with refused-
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Self

from lab import routes
from lab.api import ApiError
from lab.mirror import Mirror, key
from lab.tasks import Tasks
from lab.wait import DeadlineError

if TYPE_CHECKING:
    from lab.api import Api, Object
    from lab.envoy import Envoy
    from lab.mirror import Key

API = "gateway.networking.k8s.io/v1"
KINDS = ("HTTPRoute", "GRPCRoute")
FROZEN = "lab.tidegate.dev/frozen"
REFUSED = "lab.tidegate.dev/refused"
_PAUSE_SECONDS = 0.02  # changes come in bursts


class Gateway:
    """An async context manager; the Gateway API's CRDs must be there."""

    def __init__(self, api: Api, envoy: Envoy) -> None:
        self._api = api
        self._envoy = envoy
        self._changed = asyncio.Event()
        self._services = Mirror(api, "v1", "Service", self._changed)
        self._pods = Mirror(api, "v1", "Pod", self._changed)
        self._routes = [Mirror(api, API, kind, self._changed) for kind in KINDS]
        self._gateways = Mirror(api, API, "Gateway", self._changed)
        self._refused: dict[Key, str] = {}
        self._accepted: dict[tuple[str, Key], Object] = {}
        self._frozen = False
        self._tasks = Tasks()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        for item in _own_objects():
            await self._api.apply(item)
        for mirror in (self._gateways, self._services, self._pods, *self._routes):
            await self._stack.enter_async_context(mirror)
        self._tasks.start(self._run())
        self._stack.push_async_callback(self._tasks.end)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def frozen(self) -> bool:
        """Whether it acts on nothing."""
        own = self._gateways.objects.get(routes.GATEWAY, {"metadata": {}})
        return self._frozen or (own["metadata"].get("annotations") or {}).get(FROZEN) == "true"

    def freeze(self, *, frozen: bool = True) -> None:
        """From here on no change acts on traffic or status, until it is unfrozen."""
        self._frozen = frozen
        self._changed.set()

    def refuse(self, namespace: str, name: str, *, refused: bool = True, removed: bool = False) -> None:
        """Writes Accepted=False on a route, until it is no longer refused.

        Args:
            namespace: of the route.
            name: of the route.
            refused: `False`: from here on it is accepted again.
            removed: its rules are taken out of Envoy; otherwise traffic goes on as before the refusal.
        """
        self._refused.pop((namespace, name), None)
        if refused:
            self._refused[namespace, name] = "remove" if removed else "keep"
        self._changed.set()

    async def chatter(self, route: Object, *, per_second: float, seconds: float) -> int:
        """Writes the status of `route` at that rate for so long, each time another one; the number of writes."""
        begun = time.monotonic()
        written = 0
        while time.monotonic() - begun < seconds:
            parent = {"name": "chatter", "namespace": routes.GATEWAY[0]}
            condition = {"type": "Accepted", "status": "True", "reason": "Accepted", "message": f"write {written}"}
            stamp = {"lastTransitionTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
            entry = {
                "parentRef": parent,
                "controllerName": "tidegate.dev/chatter",
                "conditions": [{**condition, **stamp}],
            }
            found = await self._api.get(route["apiVersion"], route["kind"], *reversed(key(route)))
            ours = [p for p in found.get("status", {}).get("parents", []) if p["controllerName"] == routes.CONTROLLER]
            await self._api.patch(route, {"status": {"parents": [*ours, entry]}}, part="status")
            written += 1
            await asyncio.sleep(max(0.0, begun + written / per_second - time.monotonic()))
        return written

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            if not self.frozen:
                if self._configure():
                    with contextlib.suppress(DeadlineError):  # it has refused something: its log says what
                        await self._envoy.taken()  # what is called accepted acts on traffic
                await self._write_statuses()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _how_refused(self, route: Object) -> str:
        """`keep`, `remove`, or empty: it is not refused."""
        return self._refused.get(key(route)) or (route["metadata"].get("annotations") or {}).get(REFUSED, "")

    def _served(self, route: Object) -> Object | None:
        """The route as it acts on traffic: a refused one as it was accepted last, or not at all."""
        match self._how_refused(route):
            case "":
                self._accepted[route["kind"], key(route)] = route
                return route
            case "remove":
                return None
            case _:
                return self._accepted.get((route["kind"], key(route)))

    def _configure(self) -> bool:
        """Whether anything was new to Envoy."""
        services, pods = self._services.objects.values(), self._pods.objects.values()
        served = [found for route in self._all_routes() if (found := self._served(route)) is not None]
        return self._envoy.write(
            endpoints=routes.endpoints(services, pods),
            clusters=routes.clusters(services),
            virtual_hosts=routes.virtual_hosts(served),
        )

    async def _write_statuses(self) -> None:
        for route in self._all_routes():
            status = routes.status(route, self._services.objects, accepted=not self._how_refused(route))
            if status is not None:
                with contextlib.suppress(ApiError):  # gone, or the server is: the mirror is about to say so
                    await self._api.patch(route, {"status": status}, part="status")

    def _all_routes(self) -> list[Object]:
        return [
            {"apiVersion": API, "kind": kind, **route}
            for kind, mirror in zip(KINDS, self._routes, strict=True)
            for route in mirror.objects.values()
        ]


def _own_objects() -> list[Object]:
    namespace, name = routes.GATEWAY
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    spec = {"gatewayClassName": routes.GATEWAY_CLASS, "listeners": [listener]}
    by = {"controllerName": routes.CONTROLLER}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": API, "kind": "GatewayClass", "metadata": {"name": routes.GATEWAY_CLASS}, "spec": by},
        {"apiVersion": API, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace}, "spec": spec},
    ]
