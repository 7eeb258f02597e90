"""istiod, and Envoy as its ingress gateway: a plain one, without Istio's own filters, so without `istio_requests_total`."""

from __future__ import annotations

import json
import os

import yaml

from lab import manifests
from lab.api import Object
from lab.binaries.gateways import ISTIOD
from lab.wait import until
from tests.gateways.cluster import NODE, STARTS, GatewayCluster, answers
from tests.gateways.ways import gateway_route, virtual_service

NAMESPACE, GATEWAY, SYSTEM = "istio-ingress", "lab", "istio-system"
_POD = "gw-0"
_LABELS = {"istio": "gw"}
_ON_GATEWAY_API, _ON_ISTIO = 16080, 16081
_HTTP, _XDS, _MONITORING, _ADMIN = 15011, 15010, 15014, 15000
ENVIRONMENT = {
    "POD_NAMESPACE": SYSTEM,
    "POD_NAME": "istiod",
    "REVISION": "default",
    "CLUSTER_ID": "Kubernetes",
    "PILOT_CERT_PROVIDER": "none",
    "ENABLE_CA_SERVER": "false",
    "ENABLE_LEADER_ELECTION": "false",
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",  # this filter and the next are in Istio's own Envoy alone
    "PILOT_ENABLE_ALPN_FILTER": "false",
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
}
_PARENT = {"name": GATEWAY, "namespace": NAMESPACE}
HTTP_ROUTE = gateway_route("HTTPRoute", f"http://127.0.0.1:{_ON_GATEWAY_API}", _PARENT)
GRPC_ROUTE = gateway_route("GRPCRoute", f"http://127.0.0.1:{_ON_GATEWAY_API}", _PARENT)
VIRTUAL_SERVICE = virtual_service(f"http://127.0.0.1:{_ON_ISTIO}", f"{NAMESPACE}/{GATEWAY}")


class IstioCluster(GatewayCluster):
    """`async with IstioCluster() as lab`."""

    program = ISTIOD

    @property
    def gateway_url(self) -> str:
        """Envoy's listener of the Gateway API's Gateway."""
        return HTTP_ROUTE.url

    async def _start_gateway(self) -> None:
        await self.apply(manifests.namespace(SYSTEM), manifests.namespace(NAMESPACE))
        await self.apply(*_pod_and_service(), *_gateways())
        await self.start_controller()
        bootstrap = self.folder / "envoy.json"
        address = await until(self._address, STARTS, "the gateway's pod has an address")
        bootstrap.write_text(json.dumps(_bootstrap(address)))
        await self.start_envoy(("-c", bootstrap), f"http://127.0.0.1:{_ADMIN}/ready")

    async def start_controller(self) -> None:
        """Starts istiod; returns when it is ready."""
        mesh = self.folder / "mesh.yaml"
        mesh.write_text(
            yaml.safe_dump({"rootNamespace": SYSTEM, "trustDomain": "cluster.local", "enableAutoMtls": False})
        )
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **ENVIRONMENT}
        command = [
            *(ISTIOD.place, "discovery", f"--kubeconfig={self.kubeconfig}", f"--meshConfig={mesh}"),
            *(f"--httpAddr=127.0.0.1:{_HTTP}", "--httpsAddr=", f"--grpcAddr=127.0.0.1:{_XDS}", "--secureGRPCAddr="),
            *(f"--monitoringAddr=127.0.0.1:{_MONITORING}", "--ctrlz_port=0"),
        ]
        self.controller = self.children.start("istiod", command, environment)
        await self.controller.ready(lambda: answers(f"http://127.0.0.1:{_HTTP}/ready"), STARTS)

    async def _address(self) -> str:
        pod = await self.api.get("v1", "Pod", _POD, NAMESPACE)
        return str(pod.get("status", {}).get("podIP", ""))


def _pod_and_service() -> list[Object]:
    """What both gateways are bound to."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _POD, "namespace": NAMESPACE, "labels": _LABELS},
        "spec": {"nodeName": NODE, "containers": [{"name": "envoy", "image": "envoy"}]},
    }
    ports = [
        {"name": "http", "port": 80, "targetPort": _ON_GATEWAY_API},
        {"name": "http-istio", "port": 81, "targetPort": _ON_ISTIO},
    ]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "gw", "namespace": NAMESPACE},
        "spec": {"selector": _LABELS, "ports": ports},
    }
    return [pod, service]


def _gateways() -> list[Object]:
    """One of the Gateway API and one of Istio's own. The class `istio` is made by istiod."""
    listener = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}}}
    address = {"type": "Hostname", "value": f"gw.{NAMESPACE}.svc.cluster.local"}
    server = {"port": {"number": 81, "name": "http", "protocol": "HTTP"}, "hosts": ["*/*"]}
    metadata = {"name": GATEWAY, "namespace": NAMESPACE}
    return [
        {
            "apiVersion": manifests.GATEWAY_API,
            "kind": "Gateway",
            "metadata": metadata,
            "spec": {"gatewayClassName": "istio", "listeners": [listener], "addresses": [address]},
        },
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "Gateway",
            "metadata": metadata,
            "spec": {"selector": _LABELS, "servers": [server]},
        },
    ]


def _bootstrap(address: str) -> Object:
    """What Istio's agent would write for Envoy, as far as a plain one understands it."""
    ads = {"resource_api_version": "V3", "ads": {}, "initial_fetch_timeout": "0s"}
    metadata = {"NAMESPACE": NAMESPACE, "CLUSTER_ID": "Kubernetes", "LABELS": _LABELS, "NAME": _POD}
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    endpoint = {"endpoint": {"address": _socket(_XDS)}}
    xds = {
        "name": "xds",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": http2,
        "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    source = {
        "api_type": "GRPC",
        "transport_api_version": "V3",
        "set_node_on_first_message_only": True,
        "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}],
    }
    return {
        "node": {
            "id": f"router~{address}~{_POD}.{NAMESPACE}~{NAMESPACE}.svc.cluster.local",
            "cluster": f"gw.{NAMESPACE}",
            "metadata": {**metadata, "ISTIO_VERSION": "1.31.0"},
        },
        "admin": {"address": _socket(_ADMIN)},
        "dynamic_resources": {"lds_config": ads, "cds_config": ads, "ads_config": source},
        "static_resources": {"clusters": [xds]},
    }


def _socket(port: int) -> Object:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
