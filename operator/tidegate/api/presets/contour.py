"""Contour's Envoys: each backend of a split route is a cluster of its own, counted under `namespace_service_port`.

Contour gives every cluster that name for its statistics (`AltStatName` in its internal/envoy/cluster.go) and splits by
weighted clusters, for HTTPProxy and for the Gateway API.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import MIRRORED, QUANTILE, RETRIED, Preset, System
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_ARM: Final = 'envoy_cluster_name=~"${namespace}_${service}_[0-9]+"'

SYSTEM: Final = System(
    name="contour",
    title="Contour",
    scraped="Contour's Envoys (`:8002/stats/prometheus`), for example with the PodMonitor in Contour's examples.",
    arms="By namespace, Service and port in `envoy_cluster_name`. No name of the three can have a `_`.",
    mind=(
        "Every route to the arm's Service counts, on every port of it.",
        "A response of Envoy for an arm that could not be reached (503, in gRPC status 14) counts as an error of that arm.",
        "`contour/error-rate` counts HTTP statuses; gRPC errors travel in responses with status 200: use `contour/grpc-error-rate`.",
        "`contour/grpc-error-rate` counts calls by their `grpc-status`, client mistakes (such as `NOT_FOUND`) among the failures.",
        "A latency is the time from the end of the request to the end of the response, as measured by Envoy.",
        f"{RETRIED} `contour/retry-rate` counts the attempts.",
        MIRRORED,
    ),
    sources=(
        "Contour's repository: `AltStatName` and its tests (`default_kuard_443`), weighted clusters, Grafana dashboards",
        "Envoy's documentation of cluster and gRPC statistics; Contour's `DefaultFilters`, which has the gRPC statistics without methods",
        "the counters of an Envoy 1.40 with that filter",
        "Flagger's queries for Contour",
    ),
    presets=(
        Preset(
            "contour/error-rate",
            "the share of requests answered with status 500 or above",
            Ratio(
                bad=f'envoy_cluster_upstream_rq_xx{{{_ARM},envoy_response_code_class="5"}}',
                total=f'envoy_cluster_upstream_rq_xx{{{_ARM},envoy_response_code_class=~"[1-5]"}}',
            ),
            Unit.RATIO,
        ),
        Preset(
            "contour/grpc-error-rate",
            "the share of gRPC calls that did not end with status 0",
            Ratio(bad=f"envoy_cluster_grpc_failure{{{_ARM}}}", total=f"envoy_cluster_grpc_total{{{_ARM}}}"),
            Unit.RATIO,
        ),
        Preset(
            "contour/latency",
            "a quantile of the durations, in seconds (Envoy counts milliseconds)",
            "histogram_quantile(<quantile>, sum by (le) "
            f"(rate(envoy_cluster_upstream_rq_time_bucket{{{_ARM}}}[$window]))) / 1000",
            Unit.SECONDS,
            (QUANTILE,),
        ),
        Preset(
            "contour/average-latency",
            "the average duration of a request, in milliseconds: write limits and `floor` as plain numbers, such as 50",
            Average(histogram=f"envoy_cluster_upstream_rq_time{{{_ARM}}}"),
            Unit.NONE,
        ),
        Preset(
            "contour/retry-rate",
            "the share of attempts that were retries: failures of the service that a retry hid from users",
            Ratio(bad=f"envoy_cluster_upstream_rq_retry{{{_ARM}}}", total=f"envoy_cluster_upstream_rq_total{{{_ARM}}}"),
            Unit.RATIO,
        ),
        Preset(
            "contour/request-rate",
            "requests a second, retries included",
            f"sum(rate(envoy_cluster_upstream_rq_total{{{_ARM}}}[$window]))",
            Unit.NONE,
        ),
    ),
)
