"""Contour, with HTTPProxy and with the routes of the Gateway API."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from lab import manifests
from lab.api import Object
from lab.binaries.gateways import CONTOUR, EXPERIMENTAL_GATEWAY_API
from lab.binaries.module_files import fetched
from lab.binaries.progress import Progress
from tests.gateways.cluster import STARTS, GatewayCluster, answers, run
from tests.gateways.ways import gateway_route, http_proxy

NAMESPACE, GATEWAY, CLASS = "projectcontour", "lab", "contour"
_XDS, _HEALTH, _STATS = 8001, 8000, 8002
_FROM_ALL = {"namespaces": {"from": "All"}}
HTTP: Object = {"name": "http", "port": 8080, "protocol": "HTTP", "allowedRoutes": _FROM_ALL}
TCP: Object = {"name": "tcp", "port": 9000, "protocol": "TCP", "allowedRoutes": _FROM_ALL}
ON_HTTP, ON_TCP = "http://127.0.0.1:16080", "http://127.0.0.1:17000"
"""Contour adds 8000 to a listener's port."""


def _parent(listener: Object) -> Object:
    return {"name": GATEWAY, "namespace": NAMESPACE, "sectionName": listener["name"]}


HTTP_PROXY = http_proxy(ON_HTTP)
"""Served on the Gateway's HTTP listener too."""
HTTP_ROUTE = gateway_route("HTTPRoute", ON_HTTP, _parent(HTTP))
TCP_ROUTE = gateway_route("TCPRoute", ON_TCP, _parent(TCP))


def gateway(*listeners: Object) -> Object:
    """The Gateway with these listeners."""
    return {
        "apiVersion": manifests.GATEWAY_API,
        "kind": "Gateway",
        "metadata": {"name": GATEWAY, "namespace": NAMESPACE},
        "spec": {"gatewayClassName": CLASS, "listeners": list(listeners)},
    }


class ContourCluster(GatewayCluster):
    """`async with ContourCluster() as lab`."""

    program = CONTOUR

    def _gateway_api(self) -> Iterable[Path]:
        return sorted(fetched(EXPERIMENTAL_GATEWAY_API, Progress()).iterdir())

    @property
    def gateway_url(self) -> str:
        """Envoy's HTTP listener."""
        return ON_HTTP

    async def _start_gateway(self) -> None:
        kind = {
            "apiVersion": manifests.GATEWAY_API,
            "kind": "GatewayClass",
            "metadata": {"name": CLASS},
            "spec": {"controllerName": "projectcontour.io/gateway-controller"},
        }
        await self.apply(manifests.namespace(NAMESPACE), kind, gateway(HTTP, TCP))
        await self.start_controller()
        bootstrap = self.folder / "envoy.json"
        await run(
            *(CONTOUR.place, "bootstrap", bootstrap, "--xds-address=127.0.0.1", f"--xds-port={_XDS}"),
            *("--xds-resource-version=v3", f"--admin-address={self.folder / 'admin.sock'}"),
        )
        await self.start_envoy(
            ("-c", bootstrap, "--service-cluster", "lab", "--service-node", "lab"), f"http://127.0.0.1:{_STATS}/ready"
        )

    async def start_controller(self) -> None:
        """Starts Contour; returns when it is ready."""
        configuration = self.folder / "contour.yaml"
        reference = {"namespace": NAMESPACE, "name": GATEWAY}
        configuration.write_text(yaml.safe_dump({"gateway": {"gatewayRef": reference}}))
        command: list[str | Path] = [
            *(CONTOUR.place, "serve", "--no-incluster", f"--kubeconfig={self.kubeconfig}", "--insecure"),
            *(f"--config-path={configuration}", "--xds-address=127.0.0.1", f"--xds-port={_XDS}"),
            *("--http-address=127.0.0.1", f"--http-port={_HEALTH}"),
            *("--health-address=127.0.0.1", f"--health-port={_HEALTH}"),
            *("--stats-address=127.0.0.1", f"--stats-port={_STATS}", "--disable-leader-election"),
        ]
        self.controller = self.children.start("contour", command)
        await self.controller.ready(lambda: answers(f"http://127.0.0.1:{_HEALTH}/healthz"), STARTS)
