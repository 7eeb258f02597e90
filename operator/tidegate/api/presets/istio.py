"""Istio's standard metrics by workload: what the sidecar of each pod, or the waypoint before it, has seen."""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import MIRRORED, QUANTILE, Parameter, Preset, System, one_of
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_REPORTER: Final = Parameter(
    "reporter",
    one_of("destination", "waypoint"),
    "which proxy counts: `destination` (sidecars) or `waypoint`",
    "destination",
)
_ARM: Final = 'reporter="<reporter>",destination_workload_namespace="$namespace",destination_workload="$workload"'

SYSTEM: Final = System(
    name="istio",
    title="Istio, by workload",
    scraped="The sidecars of both Deployments (`:15020/stats/prometheus`, which the annotations of the injector announce), "
    "or with `reporter: waypoint` the waypoint of an ambient mesh.",
    arms="By the Deployment's name in `destination_workload`.",
    mind=(
        (
            "A request that never reached a pod has no destination report: a candidate that refuses connections shows in "
            "`istio-gateway` only."
        ),
        "gRPC errors travel in responses with status 200 and are not counted.",
        'A request whose client went away has `response_code="0"`: it counts neither as good nor as bad.',
        "An ingress gateway sends past waypoints unless it is configured otherwise (`istio.io/ingress-use-waypoint`).",
        MIRRORED,
    ),
    sources=(
        "Istio's reference of standard metrics",
        "the mesh dashboard in Istio's repository (`destination_workload`, `waypoint`)",
        "Flagger's queries for Istio",
    ),
    presets=(
        Preset(
            "istio/error-rate",
            "the share of requests answered with status 500 or above",
            Ratio(
                bad=f'istio_requests_total{{{_ARM},response_code=~"5.."}}',
                total=f'istio_requests_total{{{_ARM},response_code=~"[1-5].."}}',
            ),
            Unit.RATIO,
            (_REPORTER,),
        ),
        Preset(
            "istio/latency",
            "a quantile of the durations, in seconds (Istio counts milliseconds)",
            "histogram_quantile(<quantile>, sum by (le) "
            f"(rate(istio_request_duration_milliseconds_bucket{{{_ARM}}}[$window]))) / 1000",
            Unit.SECONDS,
            (QUANTILE, _REPORTER),
        ),
        Preset(
            "istio/average-latency",
            "the average duration of a request, in milliseconds: write limits and `floor` as plain numbers, such as 50",
            Average(histogram=f"istio_request_duration_milliseconds{{{_ARM}}}"),
            Unit.NONE,
            (_REPORTER,),
        ),
        Preset(
            "istio/request-rate",
            "requests a second",
            f"sum(rate(istio_requests_total{{{_ARM}}}[$window]))",
            Unit.NONE,
            (_REPORTER,),
        ),
    ),
)
