"""Samples of the kinds of service meshes."""

from __future__ import annotations

from tests.contract.router_samples.sample import (
    NAMES,
    PORTS,
    Copies,
    Object,
    Sample,
    list_of,
    said,
    three,
)
from tidegate.core.model.world import Acceptance


def _virtual_service(variant: str, spec: Object, rule: str, at: str, names: tuple[str, str]) -> Sample:
    backends = spec[at][0]["route"]
    destinations = backends[2]["destination"], backends[0]["destination"]
    return Sample(
        kind="VirtualService",
        variant=variant,
        api_version="networking.istio.io/v1",
        object_kind="VirtualService",
        content={"spec": {"hosts": ["shop.example"], "gateways": ["gateway"], **spec}},
        baseline=("spec", at, 0, "route", 1, "weight"),
        candidate=("spec", at, 0, "route", 2, "weight"),
        third=("spec", at, 0, "route", 0, "weight"),
        rule=rule,
        names=names,
        absent=0,
        frame=("spec", "hosts", 0),
        copies=_istio_copies(*destinations) if at == "http" else None,
        rows=((None, Acceptance.UNREPORTED),),
    )


def _istio_copies(candidate: Object, other: Object) -> Copies:
    return Copies(
        entries=("spec", "http", 0, "mirrors"),
        entry={"destination": candidate, "percentage": {"value": 25}},
        others=({"destination": other, "percentage": {"value": 0.5}},),
        everything=({"percentage": None},),
    )


def _destinations(*destinations: Object) -> list[Object]:
    weights = (7, 90, 10)
    return [{"destination": one, "weight": weight} for one, weight in zip(destinations, weights, strict=True)]


_HOSTS = _destinations(
    {"host": "other", "port": {"number": 80}},
    {"host": "shop"},
    {"host": "shop-canary.NAMESPACE.svc.cluster.local", "port": {"number": 80}},
)
_SUBSETS = _destinations(
    {"host": "shop", "subset": "other"}, {"host": "shop", "subset": "stable"}, {"host": "shop", "subset": "canary"}
)


def _kuma(name: str) -> Object:
    return {"kind": "MeshService", "port": 80, "weight": 1, "labels": {"kuma.io/display-name": name}}


SAMPLES = (
    _virtual_service("http", {"http": [{"name": "all", "timeout": "5s", "route": _HOSTS}]}, "all", "http", ("shop", "shop-canary")),
    _virtual_service("http subsets", {"http": [{"route": _SUBSETS, "retries": {"attempts": 2}}]}, "#0", "http", ("shop#stable", "shop#canary")),
    _virtual_service("tls", {"tls": [{"match": [{"sniHosts": ["shop.example"]}], "route": _HOSTS}]}, "#tls.0", "tls", ("shop", "shop-canary")),
    _virtual_service("tcp", {"tcp": [{"match": [{"port": 9000}], "route": _HOSTS}]}, "#tcp.0", "tcp", ("shop", "shop-canary")),
    list_of(
        "MeshHTTPRoute", "kuma.io/v1alpha1",
        {"targetRef": {"kind": "Mesh"}, "to": [{"targetRef": {"kind": "MeshService", "labels": {"kuma.io/display-name": "shop"}}, "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "default": {"backendRefs": three(kind=("MeshService",) * 3, port=PORTS, labels=tuple({"kuma.io/display-name": name} for name in NAMES))},
        }]}]},
        ("to", 0, "rules", 0, "default", "backendRefs"), "#0.0", status=False, has_absent=False,
        copies=Copies(
            ("spec", "to", 0, "rules", 0, "default", "filters"),
            {"type": "RequestMirror", "requestMirror": {"percentage": 25, "backendRef": _kuma("shop-canary")}},
            (
                {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}},
                {"type": "RequestMirror", "requestMirror": {"percentage": "0.5", "backendRef": _kuma("other")}},
            ),
            everything=({"requestMirror": {"backendRef": _kuma("shop-canary")}},),
        ),
        frame=("spec", "to", 0, "rules", 0, "matches", 0, "path", "value"),
    ),
    Sample(
        kind="ServiceSplitter", api_version="consul.hashicorp.com/v1alpha1", object_kind="ServiceSplitter",
        content={"spec": {"splits": [{"weight": 99.5}, {"weight": 0.5, "service": "shop-canary", "requestHeaders": {"set": {"x": "y"}}}]}},
        baseline=("spec", "splits", 0, "weight"), candidate=("spec", "splits", 1, "weight"),
        rule="splits", found=(9950, 50), absent=0, total=10000, scale=100, frame=("spec", "splits", 1, "requestHeaders", "set", "x"),
        rows=(
            (None, Acceptance.UNREPORTED),
            ({"conditions": [said("Synced", "True", None)], "lastSyncedTime": "2100-01-01T00:00:00Z"}, Acceptance.ACCEPTED),
            ({"conditions": [said("Synced", "True", None)], "lastSyncedTime": "2000-01-01T00:00:00Z"}, Acceptance.PENDING),
            ({"conditions": [said("Synced", "False", None)], "lastSyncedTime": "2100-01-01T00:00:00Z"}, Acceptance.REFUSED),
        ),
    ),
    list_of(
        "ServiceSplitter", "consul.hashicorp.com/v1alpha1",
        {"splits": [{"weight": 10, "serviceSubset": "other"}, {"weight": 80, "serviceSubset": "v1"}, {"weight": 10, "serviceSubset": "v2"}]},
        ("splits",), "splits", variant="subsets", names=("shop#v1", "shop#v2"), found=(8000, 1000), absent=0, scale=100,
        frame=("spec", "splits", 0, "serviceSubset"),
    ),
)  # fmt: skip
