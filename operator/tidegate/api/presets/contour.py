"""Contour's Envoys: each backend of a split route is a cluster of its own, counted under `namespace_service_port`.

Contour gives every cluster that name for its statistics (`AltStatName` in its internal/envoy/cluster.go) and splits by
weighted clusters, for HTTPProxy and for the Gateway API.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.presets import envoy
from tidegate.api.presets.preset import MIRRORED, RETRIED, Preset, System
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_ARM: Final = 'envoy_cluster_name=~"${namespace}_${service}_[0-9]+"'

SYSTEM: Final = System(
    name="contour",
    title="Contour",
    scraped="Contour's Envoys (`:8002/stats/prometheus`), for example with the PodMonitor in Contour's examples.",
    arms="By namespace, Service and port in `envoy_cluster_name`. No name of the three can have a `_`.",
    mind=(
        envoy.ALL_ROUTES,
        envoy.UNREACHABLE,
        "`contour/error-rate` counts HTTP statuses; gRPC errors travel in responses with status 200: use `contour/grpc-error-rate`.",
        "`contour/grpc-error-rate` counts calls by their `grpc-status`, client mistakes (such as `NOT_FOUND`) among the failures.",
        envoy.LATENCY,
        f"{RETRIED} `contour/retry-rate` counts the attempts.",
        MIRRORED,
    ),
    sources=(
        "Contour's repository: `AltStatName` and its tests (`default_kuard_443`), weighted clusters, Grafana dashboards",
        "Envoy's documentation of cluster and gRPC statistics; Contour's `DefaultFilters`, which has the gRPC statistics without methods",
        "the counters of an Envoy 1.40 with that filter",
        "Flagger's queries for Contour",
    ),
    presets=envoy.presets(
        "contour",
        _ARM,
        Preset(
            "contour/grpc-error-rate",
            "the share of gRPC calls that did not end with status 0",
            Ratio(bad=f"envoy_cluster_grpc_failure{{{_ARM}}}", total=f"envoy_cluster_grpc_total{{{_ARM}}}"),
            Unit.RATIO,
        ),
    ),
)
