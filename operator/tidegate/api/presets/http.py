"""Services that count their own requests: whatever client library wrote the counter, the pod's labels tell the arms apart."""

from __future__ import annotations

from typing import Final

from tidegate.api.presets.preset import LABEL, METRIC, MIRRORED, QUANTILE, Parameter, Preset, System
from tidegate.api.rollout.metric_kinds.average import Average
from tidegate.api.rollout.metric_kinds.ratio import Ratio
from tidegate.api.values.scalars import Unit

_POD: Final = Parameter("podLabel", LABEL, "the label with the pod's name", "pod")
_NAMESPACE: Final = Parameter("namespaceLabel", LABEL, "the label with the pod's namespace", "namespace")
_CODE: Final = Parameter("codeLabel", LABEL, "the label with the HTTP status, as `503` or `5xx`", "code")
_COUNTER: Final = Parameter("counter", METRIC, "the counter of requests", "http_requests_total")
_BUCKETS: Final = Parameter(
    "histogram", METRIC, "the histogram of durations in seconds, without `_bucket`", "http_request_duration_seconds"
)
_ARM: Final = '<namespaceLabel>="$namespace",<podLabel>=~"$pods"'

SYSTEM: Final = System(
    name="http",
    title="Services with their own metrics",
    scraped="The pods of both Deployments, with the pod's name and namespace as labels (`pod` and `namespace` with the "
    "Prometheus Operator; `kubernetes_pod_name` and `kubernetes_namespace` in older hand-written configurations).",
    arms="By the pod's name, with `$pods`.",
    mind=(
        "Only requests that reached the service are counted: a pod that refuses connections has no errors here.",
        (
            "Series without an HTTP status in `codeLabel` are not counted as requests: a wrong `codeLabel` gives too few "
            "requests rather than no errors."
        ),
        "Probes and scrapes count where the service counts them.",
        "`histogram` must be in seconds, and classic (with `le`); its buckets bound how exact a quantile is.",
        (
            "Other names: Micrometer has `counter: http_server_requests_seconds_count` and `codeLabel: status`; OpenTelemetry "
            "`http_server_request_duration_seconds_count` and `http_response_status_code`; the FastAPI instrumentator and "
            "express-prom-bundle `codeLabel: status` and `status_code`."
        ),
        MIRRORED,
    ),
    sources=(
        "Prometheus' own documentation on naming (`http_requests_total`, `http_request_duration_seconds`)",
        "client_golang, package promhttp (`code`)",
        "the semantic conventions of OpenTelemetry for HTTP metrics",
    ),
    presets=(
        Preset(
            "http/error-rate",
            "the share of requests answered with status 500 or above",
            Ratio(
                bad=f'<counter>{{{_ARM},<codeLabel>=~"5.."}}',
                total=f'<counter>{{{_ARM},<codeLabel>=~"[1-5].."}}',
            ),
            Unit.RATIO,
            (_CODE, _COUNTER, _NAMESPACE, _POD),
        ),
        Preset(
            "http/latency",
            "a quantile of the durations, in seconds",
            f"histogram_quantile(<quantile>, sum by (le) (rate(<histogram>_bucket{{{_ARM}}}[$window])))",
            Unit.SECONDS,
            (QUANTILE, _BUCKETS, _NAMESPACE, _POD),
        ),
        Preset(
            "http/average-latency",
            "the average duration of a request, in seconds",
            Average(histogram=f"<histogram>{{{_ARM}}}"),
            Unit.SECONDS,
            (_BUCKETS, _NAMESPACE, _POD),
        ),
        Preset(
            "http/request-rate",
            "requests a second",
            f"sum(rate(<counter>{{{_ARM}}}[$window]))",
            Unit.NONE,
            (_COUNTER, _NAMESPACE, _POD),
        ),
    ),
)
