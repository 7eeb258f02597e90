"""Envoy Gateway with `mergeBackends`: each Service is a cluster of its own, counted under `service/namespace/name/port/protocol`.

Without it Envoy Gateway folds the backends of a rule into one cluster (`httproute/namespace/route/rule/0`), whose counters say
nothing of one arm. That name is not matched: what cannot tell the arms apart is no data.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.presets import envoy
from tidegate.api.presets.preset import METRIC, MIRRORED, RETRIED, Parameter, Preset, System
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_ARM: Final = 'envoy_cluster_name=~"service/$namespace/$service/[0-9]+(/[a-z0-9]+)?"'
_COUNTERS: Final = Parameter(
    "counters", METRIC, "what the gRPC counters begin with, such as `envoy_cluster_grpc_Add`", "envoy_cluster_grpc"
)
_FOLDED: Final = (
    "a rule's backends are one cluster (`httproute/namespace/route/rule/0`), which cannot distinguish the arms: both have no data "
    "here. Measure at the service itself (`http/…`) or its mesh (`istio/…`, `linkerd/…`) instead."
)
_APART: Final = (
    "routes with session persistence or consistent hashing, backends with filters of their own, and routes or listeners whose "
    "policies set what belongs to a cluster (load balancing, health checks, circuit breakers)"
)
_READ: Final = (
    "`MergeBackendsConfig`, `irBackendClusterName` and its tests (`service/default/service-1/8080/http`), `shouldMergeBackend`, "
    "weighted clusters, Grafana dashboards"
)

SYSTEM: Final = System(
    name="envoy-gateway",
    title="Envoy Gateway from 1.9 on, with mergeBackends",
    scraped="Envoy Gateway's Envoys (`:19001/stats/prometheus`, which their pods' annotations announce).",
    arms="By namespace and Service in `envoy_cluster_name`.",
    mind=(
        "The EnvoyProxy of the Gateway or of its GatewayClass needs `mergeBackends: {}`, which Envoy Gateway 1.9 calls experimental.",
        f"Without it, and before 1.9, {_FOLDED}",
        f"Not merged, and so without data: {_APART}.",
        "A backend at weight 0 is not merged: its counters begin with its first weight.",
        envoy.ALL_ROUTES,
        envoy.UNREACHABLE,
        "`envoy-gateway/error-rate` counts HTTP statuses; gRPC errors travel in responses with status 200: use `envoy-gateway/grpc-error-rate`.",
        (
            "Envoy Gateway counts gRPC by method, and Envoy writes the method into the counter's name where the service has a "
            "package: for `shop.Cart/Add` the counters are `envoy_cluster_grpc_Add_failure` and `…_total`, so `counters` names one "
            "method. Without a package they are `envoy_cluster_grpc_failure`, and all methods count together. Client mistakes "
            "(such as `NOT_FOUND`) are among the failures."
        ),
        envoy.LATENCY,
        f"{RETRIED} `envoy-gateway/retry-rate` counts the attempts.",
        MIRRORED,
    ),
    sources=(
        f"Envoy Gateway's repository at 1.9.0: {_READ}",
        "its issues 6742 and 7008 on what there was before",
        "Envoy's documentation of cluster and gRPC statistics; Envoy Gateway's `GRPCStats` filter, which counts every method",
        "the counters of an Envoy 1.40 with that filter",
    ),
    presets=envoy.presets(
        "envoy-gateway",
        _ARM,
        Preset(
            "envoy-gateway/grpc-error-rate",
            "the share of gRPC calls that did not end with status 0",
            Ratio(bad=f"<counters>_failure{{{_ARM}}}", total=f"<counters>_total{{{_ARM}}}"),
            Unit.RATIO,
            (_COUNTERS,),
        ),
    ),
)
