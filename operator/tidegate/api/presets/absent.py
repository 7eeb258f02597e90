"""Systems without presets, and why: a question that mixes the arms up is worse than none."""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import Absent

ABSENT: Final = (
    Absent(
        names=("gateway", "envoy-gateway", "eg", "envoygateway"),
        title="Envoy Gateway",
        why="it folds the backends of a rule into one Envoy cluster (`httproute/namespace/route/rule/0`), so its counters "
        "say nothing of one arm. With filters on a backend, clusters are named by position (`…/backend/0`), and a "
        "`clusterStatName` joins the names of all backends; per-endpoint statistics know addresses, not pods",
        instead="ask the service itself (`http/…`) or its mesh (`istio/…`, `linkerd/…`)",
        sources=(
            "Envoy Gateway's repository: `NeedsClusterPerSetting`, `ClusterStatName`",
            "its issues 6742 (metrics by backend are wished for) and 7008 (names of clusters by position)",
        ),
    ),
    Absent(
        names=("ingress-nginx", "nginx", "nginx-ingress"),
        title="ingress-nginx",
        why="Tidegate writes the weights of HTTPRoute and GRPCRoute, which ingress-nginx does not serve. Its counters name "
        "the baseline's Service for requests of both arms, and the candidate only in `canary`, as an upstream: no one "
        "selector finds either arm",
        instead="ask the service itself (`http/…`) or its mesh (`linkerd/…`)",
        sources=("ingress-nginx's repository: `monitor.lua`, `balancer.lua`, `collectors/socket.go`",),
    ),
)
