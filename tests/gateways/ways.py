"""The kinds of route that are moved on a real gateway: how each is written, and where its weights and its controller's word are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab import manifests, shop
from lab.api import Object

Weights = tuple[int, int]


@dataclass(frozen=True)
class Way:
    """One kind of route on one gateway, in a namespace of its own."""

    kind: str
    """In a Rollout's `traffic`, and the object's own."""
    api_version: str
    url: str
    """Where requests are sent."""
    spec: Callable[[str, Weights], Object]
    """Of the route in that namespace."""
    backends: Callable[[Object], list[Object]]
    """The list of weighted backends in a spec."""
    name: Callable[[Object], str]
    """Of the Service in one of them."""
    taken: Callable[[Object], bool]
    """Whether the controller says of this very object that it acts."""
    reports: bool = True
    """Whether the controller says anything."""
    keep_alive: bool = True
    """Connections are used again: not where connections are split."""
    shadow: bool = False
    """The run of the good candidate begins with a shadow step."""

    @property
    def namespace(self) -> str:
        """Of all that is of this way."""
        return f"shop-{self.kind.lower()}"

    @property
    def route(self) -> Object:
        """As it is before the first run."""
        metadata = {"name": shop.APP, "namespace": self.namespace}
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "metadata": metadata,
            "spec": self.spec(self.namespace, (100, 0)),
        }

    def weights(self, route: Object) -> dict[str, int]:
        """Service to weight, mirrors left out."""
        listed = self.backends(route["spec"])
        return {self.name(one): one.get("weight", 0) for one in listed if not one.get("mirror")}


def _service(backend: Object) -> str:
    return str(backend["name"])


def _accepted(route: Object) -> bool:
    """Every parent's controller has accepted this generation and resolved its backends."""
    generation = route["metadata"]["generation"]
    parents = [
        {one["type"]: (one["status"], one.get("observedGeneration")) for one in parent.get("conditions", ())}
        for parent in route.get("status", {}).get("parents", ())
    ]
    good = ("True", generation)
    return bool(parents) and all(one.get("Accepted") == good == one.get("ResolvedRefs") for one in parents)


def _refs(weights: Weights) -> list[Object]:
    named = zip((shop.APP, shop.CANARY), weights, strict=True)
    return [{"name": name, "port": 80, "weight": weight} for name, weight in named]


def gateway_route(kind: str, url: str, gateway: Object, *, version: str = "v1") -> Way:
    """An HTTPRoute or GRPCRoute with a hostname, or a TCPRoute with none; `gateway` is its parentRef.

    Plain HTTP requests are sent in every case: a gateway that demands gRPC of a GRPCRoute (as Envoy Gateway does) serves none of them.
    """
    connections = kind == "TCPRoute"

    def spec(namespace: str, weights: Weights) -> Object:
        hosts = {} if connections else {"hostnames": [manifests.hostname(namespace, shop.APP)]}
        return {"parentRefs": [gateway], **hosts, "rules": [{"backendRefs": _refs(weights)}]}

    return Way(
        kind,
        f"gateway.networking.k8s.io/{version}",
        url,
        spec,
        backends=lambda spec: list(spec["rules"][0]["backendRefs"]),
        name=_service,
        taken=_accepted,
        keep_alive=not connections,
    )


def http_proxy(url: str) -> Way:
    """Contour's."""

    def spec(namespace: str, weights: Weights) -> Object:
        return {
            "virtualhost": {"fqdn": manifests.hostname(namespace, shop.APP)},
            "routes": [{"conditions": [{"prefix": "/"}], "services": _refs(weights)}],
        }

    def taken(route: Object) -> bool:
        said = [one for one in route.get("status", {}).get("conditions", ()) if one["type"] == "Valid"]
        good = ("True", route["metadata"]["generation"])
        return bool(said) and (said[0]["status"], said[0].get("observedGeneration")) == good

    return Way(
        "HTTPProxy",
        "projectcontour.io/v1",
        url,
        spec,
        backends=lambda spec: list(spec["routes"][0]["services"]),
        name=_service,
        taken=taken,
        shadow=True,
    )


def virtual_service(url: str, gateway: str) -> Way:
    """Istio's; `gateway` is `NAMESPACE/NAME` of an Istio Gateway. istiod writes no status."""

    def spec(namespace: str, weights: Weights) -> Object:
        named = zip((shop.APP, shop.CANARY), weights, strict=True)
        to = [{"destination": {"host": name, "port": {"number": 80}}, "weight": weight} for name, weight in named]
        hosts = [manifests.hostname(namespace, shop.APP)]
        return {"hosts": hosts, "gateways": [gateway], "http": [{"name": "everyone", "route": to}]}

    return Way(
        "VirtualService",
        "networking.istio.io/v1",
        url,
        spec,
        backends=lambda spec: list(spec["http"][0]["route"]),
        name=lambda one: str(one["destination"]["host"]),
        taken=lambda _: True,
        reports=False,
    )
