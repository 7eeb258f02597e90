"""Routes of the Gateway API, and Linkerd's own copy of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.parents import parents
from tidegate.adapters.routers.row import Facts, Router
from tidegate.adapters.routers.shapes.mirrors import Mirrors
from tidegate.adapters.routers.shapes.naming import Naming
from tidegate.adapters.routers.shapes.weighted_lists import Rules, WeightedLists

GROUP: Final = "gateway.networking.k8s.io"
MIRRORS: Final = Mirrors(
    says="filter `RequestMirror`",
    entries="filters",
    marks={"type": "RequestMirror"},
    backend="requestMirror.backendRef",
    percent="requestMirror.percent",
    fraction="requestMirror.fraction",
    left_out=frozenset({"weight", "filters"}),
)
"""`percent` is served from Gateway API 1.3 on: an API server that does not know it refuses the write."""
BACKENDS: Final = WeightedLists(
    rules=(Rules("spec.rules[*]", ("backendRefs[*]",), name="name"),),
    naming=Naming(namespaces=("namespace",), only={"group": frozenset({""}), "kind": frozenset({"", "Service"})}),
)
"""Alike in every kind of route; an absent weight is 1."""
REQUESTS: Final = replace(
    BACKENDS,
    rules=(replace(BACKENDS.rules[0], sticky="sessionPersistence", mirrors=MIRRORS, retries=("retry",)),),
)
"""By GEP-1619 a persistent session stays with its backend at weight 0 too."""
_TESTED: Final = "CRDs of Gateway API 1.6.3 and 1.7.0"
_REQUESTS: Final = Facts(
    family="gateway-api",
    cohorts="rules with `matches`",
    sticky="cookie rules ([cohorts](cohorts.md)); `sessionPersistence` needs `revert: ScaleToZero`: weight 0 does not reach those users",
    tested=f"{_TESTED}; the lab's gateway",
)
_CONTROLLERS: Final = "Contour 1.33.8, Envoy Gateway 1.9.1, istiod eed52ebb66ad"
_OF_HTTP: Final = replace(_REQUESTS, tested=f"{_REQUESTS.tested}; {_CONTROLLERS}: requests counted")
_OF_GRPC: Final = replace(_REQUESTS, tested=f"{_REQUESTS.tested}; istiod eed52ebb66ad: HTTP requests counted")
_CONNECTIONS: Final = replace(_REQUESTS, weights="percent of connections", cohorts="no", sticky="no", tested=_TESTED)
_OF_TCP: Final = replace(_CONNECTIONS, tested=f"{_TESTED}; Contour 1.33.8: connections counted")


def _route(kind: str, facts: Facts, *older: str, shape: WeightedLists = BACKENDS) -> Router:
    resource = Resource(GROUP, "v1", f"{kind.lower()}s", kind, older=older)
    return Router(kind, resource, shape, parents(), facts)


HTTP_ROUTE: Final = _route("HTTPRoute", _OF_HTTP, shape=REQUESTS)
GRPC_ROUTE: Final = _route("GRPCRoute", _OF_GRPC, shape=REQUESTS)
TCP_ROUTE: Final = _route("TCPRoute", _OF_TCP, "v1alpha2")
"""v1 is served from Gateway API 1.6 on; from then on v1alpha2 is not served in the standard channel."""
TLS_ROUTE: Final = _route("TLSRoute", _CONNECTIONS, "v1alpha3", "v1alpha2")
"""v1 is served from Gateway API 1.5 on."""
LINKERD_HTTP_ROUTE: Final = Router(
    kind="LinkerdHTTPRoute",
    resource=Resource("policy.linkerd.io", "v1beta3", "httproutes", "HTTPRoute", older=("v1beta2",)),
    shape=BACKENDS,
    read_back=parents(),
    facts=Facts(
        family="gateway-api",
        cohorts="rules with `matches`",
        tested="CRD of linkerd2 b24cd4059",
        weights="percent of requests",
    ),
)
"""Weights exist from v1beta2 on. Linkerd's policy controller names no generation and need not report at all."""
ROWS: Final = (HTTP_ROUTE, GRPC_ROUTE, TCP_ROUTE, TLS_ROUTE, LINKERD_HTTP_ROUTE)
