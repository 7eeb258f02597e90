"""Objects of service meshes: Istio, Kuma, Consul."""

from __future__ import annotations

from typing import Final

from tidegate.adapters.kubernetes.resources import Resource
from tidegate.adapters.routers.places import Form
from tidegate.adapters.routers.read_back import nothing, synced_since_written, validated
from tidegate.adapters.routers.row import Facts, Router
from tidegate.adapters.routers.shapes.mirrors import Mirrors
from tidegate.adapters.routers.shapes.naming import Naming, host, kuma_service
from tidegate.adapters.routers.shapes.shape import Numbers
from tidegate.adapters.routers.shapes.weighted_lists import Rules, WeightedLists

MIRRORS: Final = Mirrors(
    says="`mirrors`",
    entries="mirrors",
    percent="percentage.value",
    left_out=frozenset({"weight", "headers"}),
    excluded_by="mirror",
)
"""Only rules of `http` have them. istiod refuses a rule with both `mirrors` and the older `mirror`."""
KUMA_MIRRORS: Final = Mirrors(
    says="filter `RequestMirror`",
    entries="default.filters",
    marks={"type": "RequestMirror"},
    backend="requestMirror.backendRef",
    percent="requestMirror.percentage",
)
VIRTUAL_SERVICE: Final = Router(
    kind="VirtualService",
    resource=Resource("networking.istio.io", "v1", "virtualservices", "VirtualService", older=("v1beta1", "v1alpha3")),
    shape=WeightedLists(
        rules=(
            Rules("spec.http[*]", ("route[*]",), name="name", mirrors=MIRRORS, retries=("retries",)),
            Rules("spec.tls[*]", ("route[*]",), prefix="tls."),
            Rules("spec.tcp[*]", ("route[*]",), prefix="tcp."),
        ),
        naming=Naming(names=("destination.host",), subset="destination.subset", meant=host),
        numbers=Numbers(absent=0, most=2**31 - 1),
    ),
    read_back=validated(),
    facts=Facts(
        family="istio",
        weights="percent of requests (`http`), of connections (`tls`, `tcp`)",
        cohorts="rules with `match`",
        tested="CRD of istio.io/api 1.32.0; istiod eed52ebb66ad: requests counted",
    ),
)
"""A lone destination gets everything, whatever its weight: a pair is two. istiod passes 0/0 on and Envoy keeps the old split,
so it is never written."""

MESH_HTTP_ROUTE: Final = Router(
    kind="MeshHTTPRoute",
    resource=Resource("kuma.io", "v1alpha1", "meshhttproutes", "MeshHTTPRoute"),
    shape=WeightedLists(
        rules=(Rules("spec.to[*].rules[*]", ("default.backendRefs[*]",), mirrors=KUMA_MIRRORS),),
        naming=Naming(
            names=("name", ("labels", "kuma.io/display-name")),
            namespaces=("namespace", ("labels", "k8s.kuma.io/namespace")),
            subset="tags",
            only={"kind": frozenset({"MeshService", "MeshServiceSubset"})},
            meant=kuma_service,
        ),
        numbers=Numbers(absent=1, most=2**32 - 1),
    ),
    read_back=nothing(),
    facts=Facts(
        family="kuma",
        cohorts="rules with `matches`",
        tested="CRD of kuma 348b6528b",
    ),
)

SERVICE_SPLITTER: Final = Router(
    kind="ServiceSplitter",
    resource=Resource("consul.hashicorp.com", "v1alpha1", "servicesplitters", "ServiceSplitter"),
    shape=WeightedLists(
        rules=(Rules("spec", ("splits[*]",), label="splits"),),
        naming=Naming(names=("service",), subset="serviceSubset", unnamed="metadata.name"),
        numbers=Numbers(absent=0, most=100_00, total=100_00, form=Form.HUNDREDTHS),
    ),
    read_back=synced_since_written(("spec", "splits")),
    facts=Facts(
        family="consul",
        cohorts="no: a ServiceRouter before it",
        tested="a CRD of the tests with the fields of consul-k8s a507b1d1e",
    ),
)
"""Consul writes a weight of 0 as none; the sum must be exactly 100 after every write, so both numbers go in one patch."""
ROWS: Final = (VIRTUAL_SERVICE, MESH_HTTP_ROUTE, SERVICE_SPLITTER)
