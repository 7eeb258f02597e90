"""Samples of the kinds of the Gateway API."""

from __future__ import annotations

from tests.contract.router_samples.sample import (
    Copies,
    Object,
    Sample,
    said,
)
from tidegate.core.model.world import Acceptance


def _gateway(kind: str, group: str = "gateway.networking.k8s.io/v1", **more: object) -> Sample:
    backends = [
        {"name": "other", "port": 81, "weight": 7},
        {"name": "shop", "port": 80, "weight": 90},
        {"name": "shop-canary", "port": 80, "weight": 10},
    ]
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"}

    def parents(*conditions: Object) -> Object:
        return {
            "parents": [{"parentRef": parent, "controllerName": "example.com/gateway", "conditions": list(conditions)}]
        }

    canary = {"group": "", "kind": "Service", "name": "shop-canary", "port": 80}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": canary, "percent": 25}}
    copies = Copies(
        entries=("spec", "rules", 0, "filters"),
        entry=mirror,
        others=(
            {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": "y"}]}},
            {**mirror, "requestMirror": {"backendRef": {**canary, "name": "other"}, "percent": 3}},
        ),
        everything=({"requestMirror": {"backendRef": canary}},),
    )
    named = {} if group.startswith("policy") else {"name": "everyone"}  # Linkerd's rules have no names
    spec: Object = {"parentRefs": [parent], "rules": [{**named, "backendRefs": backends}], **more}
    return Sample(
        kind=str("LinkerdHTTPRoute" if group.startswith("policy") else kind),
        api_version=group,
        object_kind=kind,
        content={"spec": spec},
        baseline=("spec", "rules", 0, "backendRefs", 1, "weight"),
        candidate=("spec", "rules", 0, "backendRefs", 2, "weight"),
        third=("spec", "rules", 0, "backendRefs", 0, "weight"),
        rule=named.get("name", "#0"),
        has_absent=False,
        frame=("spec", "parentRefs", 0, "name"),
        copies=copies if kind in {"HTTPRoute", "GRPCRoute"} and group.startswith("gateway") else None,
        rows=(
            (None, Acceptance.UNREPORTED),
            (parents(said("Accepted", "True"), said("ResolvedRefs", "True")), Acceptance.ACCEPTED),
            (parents(said("Accepted", "True", 0), said("ResolvedRefs", "True")), Acceptance.PENDING),
            (parents(said("Accepted", "False"), said("ResolvedRefs", "True")), Acceptance.REFUSED),
        ),
    )


SAMPLES = (
    _gateway("HTTPRoute", hostnames=["shop.example"]),
    _gateway("GRPCRoute", hostnames=["shop.example"]),
    _gateway("TCPRoute"),
    _gateway("TLSRoute", hostnames=["shop.example"]),
    _gateway("HTTPRoute", "policy.linkerd.io/v1beta3", hostnames=["shop.example"]),
)  # fmt: skip
