"""Linkerd's proxy metrics: what the proxy in each pod has let in."""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import LABEL, MIRRORED, QUANTILE, Parameter, Preset, System
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_POD: Final = Parameter("podLabel", LABEL, "the label with the pod's name", "pod")
_NAMESPACE: Final = Parameter("namespaceLabel", LABEL, "the label with the pod's namespace", "namespace")
_ARM: Final = (
    '<namespaceLabel>="$namespace",<podLabel>=~"$pods",direction="inbound",route_name!="probe",'
    'srv_port!="4191",target_addr!~".+:4191"'
)

SYSTEM: Final = System(
    name="linkerd",
    title="Linkerd",
    scraped="The proxies of both Deployments (port 4191, `linkerd-admin`), with the pod's name and namespace as labels: the "
    "job `linkerd-proxy` of linkerd-viz, or Linkerd's PodMonitor.",
    arms="By the pod's name, with `$pods`.",
    mind=(
        "Linkerd classifies: 500 and above and failed gRPC calls are failures.",
        (
            "Scrapes of the proxy itself (port 4191) and, from Linkerd 2.12 on, probes on its default `probe` route are left "
            "out; probes that other routes allow count as requests."
        ),
        "A latency is the time to the first byte of the response body.",
        "A request that never reached a pod is not counted.",
        MIRRORED,
    ),
    sources=(
        "Linkerd's reference of proxy metrics",
        "Linkerd's repository: the queries of viz's metrics API and the scrape configuration of its chart",
        "Linkerd's change log (the labels of 2.12's routes) and proxy metrics in bug reports (`target_addr`, `srv_port`)",
        "Flagger's queries for Linkerd",
    ),
    presets=(
        Preset(
            "linkerd/error-rate",
            "the share of responses that Linkerd classified as failures",
            Ratio(
                bad=f'response_total{{{_ARM},classification="failure"}}',
                total=f'response_total{{{_ARM},classification=~"success|failure"}}',
            ),
            Unit.RATIO,
            (_NAMESPACE, _POD),
        ),
        Preset(
            "linkerd/latency",
            "a quantile of the times to the first byte, in seconds (Linkerd counts milliseconds)",
            f"histogram_quantile(<quantile>, sum by (le) (rate(response_latency_ms_bucket{{{_ARM}}}[$window]))) / 1000",
            Unit.SECONDS,
            (QUANTILE, _NAMESPACE, _POD),
        ),
        Preset(
            "linkerd/average-latency",
            "the time to the first byte on average, in milliseconds: write limits and `floor` as plain numbers, such as 50",
            Average(histogram=f"response_latency_ms{{{_ARM}}}"),
            Unit.NONE,
            (_NAMESPACE, _POD),
        ),
        Preset(
            "linkerd/request-rate",
            "requests a second",
            f"sum(rate(request_total{{{_ARM}}}[$window]))",
            Unit.NONE,
            (_NAMESPACE, _POD),
        ),
    ),
)
