"""Traefik with the Gateway API: each backend of a route is a service of Traefik's own, with counters.

Its name is made of ours (`serviceName` in Traefik's provider/kubernetes/gateway): up to 3.7.5
`namespace-service-http-port@kubernetesgateway`, and from 3.7.6 on
`httproute-namespace-route-gw-…-svc-namespace-service-index@kubernetesgateway`.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import LABEL, MIRRORED, QUANTILE, Parameter, Preset, System
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_SERVICE: Final = Parameter("serviceLabel", LABEL, "the label with the name of Traefik's service", "service")
_ARM: Final = (
    '<serviceLabel>=~"($namespace-$service-http-[0-9]+'
    '|httproute-$namespace-.+-svc-$namespace-$service-[0-9]+)@kubernetesgateway"'
)

SYSTEM: Final = System(
    name="traefik",
    title="Traefik with the Gateway API",
    scraped="Traefik's metrics (`metrics.prometheus`, with `addServicesLabels`, the default). Where Prometheus adds a label "
    "`service` of its own, as with a ServiceMonitor, Traefik's is called `exported_service`: set `serviceLabel`.",
    arms="By namespace and Service in the name of Traefik's service, in both forms that Traefik has had since 3.2.",
    mind=(
        (
            "Traefik joins names with `-`: before 3.7.6 it does not itself distinguish Service `b-c` in namespace `a` from Service `c` "
            "in namespace `a-b`."
        ),
        (
            "Traefik's default buckets are 0.1, 0.3, 1.2 and 5 seconds: set `metrics.prometheus.buckets` before you judge by a "
            "latency."
        ),
        "Latencies leave out server-sent events and websockets, which last as long as a client listens.",
        (
            "gRPC errors travel in responses with status 200, or are counted by codes of their own in newer versions: they are "
            "not counted here, and GRPCRoutes are not matched."
        ),
        "Ingress, IngressRoute and TraefikService have other names, and are not matched.",
        MIRRORED,
    ),
    sources=(
        "Traefik's documentation of metrics",
        "Traefik's repository from 3.2.0 to 3.7.9: the Gateway API provider and its tests, the service middleware of metrics",
    ),
    presets=(
        Preset(
            "traefik/error-rate",
            "the share of requests answered with status 500 or above",
            Ratio(
                bad=f'traefik_service_requests_total{{{_ARM},code=~"5.."}}',
                total=f'traefik_service_requests_total{{{_ARM},code=~"[1-5].."}}',
            ),
            Unit.RATIO,
            (_SERVICE,),
        ),
        Preset(
            "traefik/latency",
            "a quantile of the durations, in seconds",
            "histogram_quantile(<quantile>, sum by (le) (rate(traefik_service_request_duration_seconds_bucket"
            f'{{{_ARM},protocol!~"sse|websocket"}}[$window])))',
            Unit.SECONDS,
            (QUANTILE, _SERVICE),
        ),
        Preset(
            "traefik/average-latency",
            "the average duration of a request, in seconds",
            Average(histogram=f'traefik_service_request_duration_seconds{{{_ARM},protocol!~"sse|websocket"}}'),
            Unit.SECONDS,
            (_SERVICE,),
        ),
        Preset(
            "traefik/request-rate",
            "requests a second",
            f"sum(rate(traefik_service_requests_total{{{_ARM}}}[$window]))",
            Unit.NONE,
            (_SERVICE,),
        ),
    ),
)
