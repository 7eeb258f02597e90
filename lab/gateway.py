"""The lab's Gateway API implementation: watches routes, Services and pods, configures Envoy, writes the routes' status.

Its faults for tests: `freeze` (changes do not act), `refuse` (routes are not accepted), `chatter` (status is written
all the time, as some gateways do).
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

if TYPE_CHECKING:
    from lab.api import Api, Object
    from lab.envoy import Envoy
    from lab.mirror import Key

API = "gateway.networking.k8s.io/v1"
KINDS = ("HTTPRoute", "GRPCRoute")
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
        self._refused: set[Key] = set()
        self._frozen = False
        self._tasks = Tasks()
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        for item in _own_objects():
            await self._api.apply(item)
        for mirror in (self._services, self._pods, *self._routes):
            await self._stack.enter_async_context(mirror)
        self._tasks.start(self._run())
        self._stack.push_async_callback(self._tasks.end)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def freeze(self, *, frozen: bool = True) -> None:
        """From here on no change acts on traffic or status, until it is unfrozen."""
        self._frozen = frozen
        self._changed.set()

    def refuse(self, namespace: str, name: str, *, refused: bool = True) -> None:
        """Writes Accepted=False on a route (its traffic goes on as before), until it is no longer refused."""
        (self._refused.add if refused else self._refused.discard)((namespace, name))
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
            if not self._frozen:
                self._configure()
                await self._write_statuses()
            await asyncio.sleep(_PAUSE_SECONDS)

    def _configure(self) -> None:
        services, pods = self._services.objects.values(), self._pods.objects.values()
        self._envoy.write(
            endpoints=routes.endpoints(services, pods),
            clusters=routes.clusters(services),
            virtual_hosts=routes.virtual_hosts(self._all_routes()),
        )

    async def _write_statuses(self) -> None:
        for route in self._all_routes():
            status = routes.status(route, self._services.objects, accepted=key(route) not in self._refused)
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
