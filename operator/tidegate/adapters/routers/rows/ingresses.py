"""Objects of ingress controllers and load balancers."""

from __future__ import annotations

from typing import Final

from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.read_back import condition, conditions_of_each, nothing, state
from tidegate.adapters.routers.row import Facts, Router
from tidegate.adapters.routers.shapes.annotation_json import ForwardActions
from tidegate.adapters.routers.shapes.mirrors import Mirrors
from tidegate.adapters.routers.shapes.naming import Hop, Naming, address
from tidegate.adapters.routers.shapes.one_number import CanaryAnnotations, OneField
from tidegate.adapters.routers.shapes.shape import Numbers
from tidegate.adapters.routers.shapes.weighted_lists import Rules, WeightedLists

INGRESSES: Final = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
_ON_INGRESS: Final = "the API server's Ingress"

TRAEFIK_SERVICE: Final = Router(
    kind="TraefikService",
    resource=Resource("traefik.io", "v1alpha1", "traefikservices", "TraefikService"),
    shape=WeightedLists(
        rules=(Rules("spec.weighted", ("services[*]",), label="weighted"),),
        naming=Naming(namespaces=("namespace",), only={"kind": frozenset({"", "Service", "TraefikService"})}),
    ),
    read_back=nothing(),
    facts=Facts(
        family="traefik",
        cohorts="an IngressRoute before it",
        sticky="`weighted.sticky`: a child at weight 0 loses its users",
        tested="CRD of Traefik 3.7.13",
    ),
)

MIRRORS: Final = Mirrors(
    says="service with `mirror: true`",
    entries="services",
    marks={"mirror": True},
    percent="weight",
    left_out=frozenset({"weight", "mirror"}),
    zero_is_all=True,
)
"""A mirror of weight 0, or without a weight, copies every request: that is never written."""
HTTP_PROXY: Final = Router(
    kind="HTTPProxy",
    resource=Resource("projectcontour.io", "v1", "httpproxies", "HTTPProxy"),
    shape=WeightedLists(
        rules=(
            Rules("spec.routes[*]", ("services[*]",), mirrors=MIRRORS, retries=("retryPolicy",)),
            Rules("spec.tcpproxy", ("services[*]",), label="tcpproxy"),
        ),
        naming=Naming(mirror="mirror"),
        numbers=Numbers(absent=0, most=2**31 - 1, even_at_zero=True),
    ),
    read_back=condition("Valid"),
    facts=Facts(
        family="contour",
        weights="percent of requests (`routes`), of connections (`tcpproxy`)",
        cohorts="routes with `conditions`",
        tested="CRD of Contour 1.33.8; Contour 1.33.8: requests counted",
    ),
)
"""All weights 0 mean an even split. A service with `mirror: true` is a mirror, and at weight 0 gets everything: it is never a
backend of a pair."""

ALB_INGRESS: Final = Router(
    kind="ALBIngress",
    resource=INGRESSES,
    shape=ForwardActions("alb.ingress.kubernetes.io/actions", Numbers(absent=None, most=999)),
    read_back=nothing(),
    facts=Facts(
        family="aws-load-balancer",
        cohorts="`conditions.NAME` annotations",
        sticky="`targetGroupStickinessConfig`: not tested how it treats weight 0",
        tested=_ON_INGRESS,
    ),
    settle=30.0,
)
"""The controller calls the AWS API, which takes its time."""

APISIX_ROUTE: Final = Router(
    kind="ApisixRoute",
    resource=Resource("apisix.apache.org", "v2", "apisixroutes", "ApisixRoute"),
    shape=WeightedLists(
        rules=(Rules("spec.http[*]", ("backends[*]",), name="name"),),
        naming=Naming(names=("serviceName",), subset="subset"),
        numbers=Numbers(absent=None, most=2**31 - 1),
    ),
    read_back=condition("Accepted"),
    facts=Facts(
        family="apisix",
        cohorts="rules with `match`",
        tested="CRD of apisix-ingress-controller d510f6652",
    ),
)

_SPLITS: Final = Naming(names=("action.pass", "action.proxy.upstream"), hop=Hop("spec.upstreams[*]"))
_HUNDRED: Final = Numbers(absent=None, most=100, total=100)
_VALIDITY: Final = state("status.state", good=("Valid", "Warning"), bad=("Invalid",), message="status.message")
_NGINX_INC: Final = Facts(
    family="nginx",
    cohorts="routes with `matches`",
    tested="CRD of kubernetes-ingress 0eb3072d1",
)
VIRTUAL_SERVER: Final = Router(
    kind="VirtualServer",
    resource=Resource("k8s.nginx.org", "v1", "virtualservers", "VirtualServer"),
    shape=WeightedLists(
        rules=(
            Rules("spec.routes[*]", ("splits[*]",), name="path", matched=True),
            Rules("spec.routes[*].matches[*]", ("splits[*]",), prefix="matches."),
        ),
        naming=_SPLITS,
        numbers=_HUNDRED,
    ),
    read_back=_VALIDITY,
    facts=_NGINX_INC,
)
"""A sum that is not 100 is taken by the API server and refused by the controller, so both numbers go in one patch."""
VIRTUAL_SERVER_ROUTE: Final = Router(
    kind="VirtualServerRoute",
    resource=Resource("k8s.nginx.org", "v1", "virtualserverroutes", "VirtualServerRoute"),
    shape=WeightedLists(
        rules=(
            Rules("spec.subroutes[*]", ("splits[*]",), name="path", matched=True),
            Rules("spec.subroutes[*].matches[*]", ("splits[*]",), prefix="matches."),
        ),
        naming=_SPLITS,
        numbers=_HUNDRED,
    ),
    read_back=_VALIDITY,
    facts=_NGINX_INC,
)

OPENSHIFT_ROUTE: Final = Router(
    kind="OpenShiftRoute",
    resource=Resource("route.openshift.io", "v1", "routes", "Route"),
    shape=WeightedLists(
        rules=(Rules("spec", ("to", "alternateBackends[*]"), label="route"),),
        naming=Naming(only={"kind": frozenset({"", "Service"})}),
        numbers=Numbers(absent=100, most=256),
    ),
    read_back=conditions_of_each("status.ingress", "Admitted"),
    facts=Facts(
        family="openshift",
        sticky="the router's cookie: it keeps users on a pod",
        tested="CRD of openshift/api 2a3d73913",
    ),
)

NGINX_INGRESS: Final = Router(
    kind="NginxIngress",
    resource=INGRESSES,
    shape=CanaryAnnotations(("nginx.ingress.kubernetes.io",)),
    read_back=nothing(),
    facts=Facts(
        family="ingress-annotations",
        cohorts="`canary-by-header`, `canary-by-cookie`: a revert does not reach them",
        tested=_ON_INGRESS,
    ),
)
"""ingress-nginx is retired: its last release is 1.15.1 of March 2026."""
HIGRESS_INGRESS: Final = Router(
    kind="HigressIngress",
    resource=INGRESSES,
    shape=CanaryAnnotations(("nginx.ingress.kubernetes.io", "higress.io")),
    read_back=nothing(),
    facts=NGINX_INGRESS.facts,
)
"""Higress reads both prefixes, the one of ingress-nginx first."""

MAPPING: Final = Router(
    kind="Mapping",
    resource=Resource("getambassador.io", "v3alpha1", "mappings", "Mapping", older=("v2",)),
    shape=OneField("spec.weight", "spec.service", address, label="mapping"),
    read_back=nothing(),
    facts=Facts(
        family="emissary",
        cohorts="Mappings with `headers`",
        tested="a CRD of the tests with the fields of getambassador.io/v3alpha1",
    ),
)
"""The baseline's Mapping takes what the candidate's leaves; without a weight the two would share evenly."""
ROWS: Final = (
    TRAEFIK_SERVICE,
    HTTP_PROXY,
    ALB_INGRESS,
    VIRTUAL_SERVER,
    VIRTUAL_SERVER_ROUTE,
    APISIX_ROUTE,
    OPENSHIFT_ROUTE,
    NGINX_INGRESS,
    HIGRESS_INGRESS,
    MAPPING,
)
