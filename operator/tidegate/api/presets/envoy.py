"""Presets on the statistics of Envoy's clusters, for systems in which each arm is a cluster of its own."""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import QUANTILE, Preset
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

UNREACHABLE: Final = (
    "A response of Envoy for an arm that could not be reached (503, in gRPC status 14) counts as an error of that arm."
)
LATENCY: Final = "A latency is the time from the end of the request to the end of the response, as measured by Envoy."
ALL_ROUTES: Final = "Every route to the arm's Service counts, on every port of it."


def presets(system: str, arm: str, grpc: Preset) -> tuple[Preset, ...]:
    """The presets of a system.

    Args:
        system: what their names begin with.
        arm: the matcher of an arm's cluster, such as `envoy_cluster_name="..."`.
        grpc: the system's own preset for gRPC.
    """
    return (
        Preset(
            f"{system}/error-rate",
            "the share of requests answered with status 500 or above",
            Ratio(
                bad=f'envoy_cluster_upstream_rq_xx{{{arm},envoy_response_code_class="5"}}',
                total=f'envoy_cluster_upstream_rq_xx{{{arm},envoy_response_code_class=~"[1-5]"}}',
            ),
            Unit.RATIO,
        ),
        grpc,
        Preset(
            f"{system}/latency",
            "a quantile of the durations, in seconds (Envoy counts milliseconds)",
            "histogram_quantile(<quantile>, sum by (le) "
            f"(rate(envoy_cluster_upstream_rq_time_bucket{{{arm}}}[$window]))) / 1000",
            Unit.SECONDS,
            (QUANTILE,),
        ),
        Preset(
            f"{system}/average-latency",
            "the average duration of a request, in milliseconds: write limits and `floor` as plain numbers, such as 50",
            Average(histogram=f"envoy_cluster_upstream_rq_time{{{arm}}}"),
            Unit.NONE,
        ),
        Preset(
            f"{system}/retry-rate",
            "the share of attempts that were retries: failures of the service that a retry hid from users",
            Ratio(bad=f"envoy_cluster_upstream_rq_retry{{{arm}}}", total=f"envoy_cluster_upstream_rq_total{{{arm}}}"),
            Unit.RATIO,
        ),
        Preset(
            f"{system}/request-rate",
            "requests a second, retries included",
            f"sum(rate(envoy_cluster_upstream_rq_total{{{arm}}}[$window]))",
            Unit.NONE,
        ),
    )
