"""Istio's standard metrics by Service: what whoever sent the request has seen, an ingress gateway above all.

Each backend of a split route is a cluster of its own in the sender's Envoy, named after the Service.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import NOT_MIRRORED, QUANTILE, RETRIED, Preset, System
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_ARM: Final = 'reporter="source",destination_service_namespace="$namespace",destination_service_name="$service"'

SYSTEM: Final = System(
    name="istio-gateway",
    title="Istio, as measured at the gateway",
    scraped="The gateway's pods (`:15020/stats/prometheus`), and the sidecars of other callers if their requests should count. The "
    "arms' own pods need no sidecar.",
    arms="By the Service's name in `destination_service_name`.",
    mind=(
        "All requests to the arm's Service count, through the route or not.",
        "A response of the gateway for a pod that could not be reached (503) counts as an error of that arm.",
        "gRPC errors travel in responses with status 200 and are not counted.",
        f"{RETRIED} `istio/error-rate` counts every attempt that reached a pod.",
        NOT_MIRRORED,
    ),
    sources=(
        "Istio's reference of standard metrics",
        'Kiali\'s queries for the edges of its graph (`reporter="source"`, by `destination_service_name`)',
    ),
    presets=(
        Preset(
            "istio-gateway/error-rate",
            "the share of requests answered with status 500 or above",
            Ratio(
                bad=f'istio_requests_total{{{_ARM},response_code=~"5.."}}',
                total=f'istio_requests_total{{{_ARM},response_code=~"[1-5].."}}',
            ),
            Unit.RATIO,
        ),
        Preset(
            "istio-gateway/latency",
            "a quantile of the durations, in seconds (Istio counts milliseconds)",
            "histogram_quantile(<quantile>, sum by (le) "
            f"(rate(istio_request_duration_milliseconds_bucket{{{_ARM}}}[$window]))) / 1000",
            Unit.SECONDS,
            (QUANTILE,),
        ),
        Preset(
            "istio-gateway/average-latency",
            "the average duration of a request, in milliseconds: write limits and `floor` as plain numbers, such as 50",
            Average(histogram=f"istio_request_duration_milliseconds{{{_ARM}}}"),
            Unit.NONE,
        ),
        Preset(
            "istio-gateway/request-rate",
            "requests a second",
            f"sum(rate(istio_requests_total{{{_ARM}}}[$window]))",
            Unit.NONE,
        ),
    ),
)
