"""Metrics of a Canary of Flagger: built-in ones become presets, templates and inline queries become queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tidegate.cli.convert.draft import CHANGED, NO_EQUAL, TODO, Draft, Object, free_name
from tidegate.cli.convert.promql_text import converted, named
from tidegate.cli.convert.reading import as_duration, as_quantity, dns_label, mapping, mappings, seconds, text

SUCCESS: Final = "request-success-rate"
DURATION: Final = "request-duration"
_PRESETS: Final = {"istio": "istio", "linkerd": "linkerd", "contour": "contour", "traefik": "traefik"}
"""By Flagger's provider, the system whose metrics it reads."""
_VARIABLES: Final = {
    "namespace": "$namespace",
    "target": "$workload",
    "name": "$rollout",
    "interval": "$window",
}
Templates = Mapping[tuple[str, str], Mapping[str, Any]]
"""MetricTemplates by namespace and name: their `spec`."""


class Metrics:
    """The metrics of one Canary, and the limits on them."""

    def __init__(self, draft: Draft, canary: Mapping[str, Any], templates: Templates) -> None:
        """From the Canary and the templates that were given."""
        self._draft = draft
        self._canary = canary
        self._templates = templates
        self._spec = mapping(canary, "spec")
        self._provider = text(self._spec, "provider").partition(":")[0]

    def take(self, metric: Mapping[str, Any]) -> list[Object]:
        """The limits of one metric, which is added to the draft."""
        name = text(metric, "name")
        if mapping(metric, "templateRef"):
            return self._of_template(name, metric)
        if text(metric, "query"):
            return self._queried(name, metric, text(metric, "query"), {})
        if name in {SUCCESS, DURATION}:
            return self._built_in(name, metric)
        self._note(NO_EQUAL, f"metric {name} has neither a templateRef nor a query")
        return []

    def _built_in(self, name: str, metric: Mapping[str, Any]) -> list[Object]:
        system = _PRESETS.get(self._provider, "http")
        latency = name == DURATION
        preset = f"{system}/{'latency' if latency else 'error-rate'}"
        made: Object = {"name": "p99-latency" if latency else "error-rate", "preset": preset}
        place = self._add(made, metric)
        if self._provider not in _PRESETS:
            words = f"Flagger measured {self._provider or 'its default provider'}: see tidegate preset for what fits your metrics"
            self._draft.note(TODO, words, *place)
        return self._latency(made, metric) if latency else self._success(made, metric)

    def _success(self, made: Object, metric: Mapping[str, Any]) -> list[Object]:
        """At least 99 % that succeed are at most 1 % that do not."""
        bounds = mapping(metric, "thresholdRange")
        low, high = bounds.get("min", metric.get("threshold")), bounds.get("max")
        if high is not None:
            self._note(NO_EQUAL, f"a highest success rate ({high} %)")
        number = as_quantity(low)
        if number is None:
            return []
        share = as_quantity(round(100 - float(number), 6))
        self._note(CHANGED, f"a success rate of at least {number} % is an error rate of at most {share} %")
        return [{"metric": made["name"], "max": f"{share}%"}]

    def _latency(self, made: Object, metric: Mapping[str, Any]) -> list[Object]:
        bounds = mapping(metric, "thresholdRange")
        found = []
        for kind, value in (("min", bounds.get("min")), ("max", bounds.get("max", metric.get("threshold")))):
            number = as_quantity(value)
            if number is not None:
                found.append({"metric": made["name"], kind: f"{number}ms"})
        return found

    def _of_template(self, name: str, metric: Mapping[str, Any]) -> list[Object]:
        ref = mapping(metric, "templateRef")
        own = text(mapping(self._canary, "metadata"), "namespace")
        template = text(ref, "name")
        spec = self._templates.get((text(ref, "namespace") or own, template)) or self._templates.get(("", template))
        if spec is None:
            self._note(
                TODO, f"MetricTemplate {template} is not among the files: metric {name} and its limit are missing here"
            )
            return []
        provider = mapping(spec, "provider")
        if text(provider, "type") not in {"", "prometheus"}:
            self._note(NO_EQUAL, f"metric {name} queries {provider['type']}: only Prometheus is supported")
            return []
        found = self._queried(name, metric, text(spec, "query"), mapping(metric, "templateVariables"))
        if found and text(provider, "address"):
            words = f"Flagger queried {provider['address']}: the administrator names it as a source in the operator's configuration"
            self._draft.note(TODO, words, "spec", "metrics", len(self._draft.spec["metrics"]) - 1)
        return found

    def _queried(self, name: str, metric: Mapping[str, Any], query: str, variables: Mapping[str, Any]) -> list[Object]:
        def fill(inside: str) -> str | None:
            if inside.startswith("variables."):
                value = variables.get(inside.removeprefix("variables."))
                return None if value is None else named(str(value), {})
            return _VARIABLES.get(inside) or self._fixed(inside)

        window = seconds(metric.get("interval"))
        found = converted(query, fill, as_duration(window) if window else "")
        if found.fault:
            self._note(NO_EQUAL, f"metric {name}: its query cannot be used: {found.fault}")
            return []
        made: Object = {"name": dns_label(name), "query": found.query}
        place = self._add(made, metric, found.window)
        for kind, words in found.notes:
            self._draft.note(kind, words, *place)
        bounds = mapping(metric, "thresholdRange")
        pairs = (("min", bounds.get("min")), ("max", bounds.get("max", metric.get("threshold"))))
        limits = [(kind, as_quantity(value)) for kind, value in pairs if value is not None]
        return [{"metric": made["name"], kind: value} for kind, value in limits if value is not None]

    def _fixed(self, inside: str) -> str | None:
        """Names that are those of the whole, not of an arm."""
        target = text(mapping(self._spec, "targetRef"), "name")
        match inside:
            case "service":
                return text(mapping(self._spec, "service"), "name") or target
            case "ingress":
                return text(mapping(self._spec, "ingressRef"), "name") or target
            case "route":
                return text(mapping(self._spec, "routeRef"), "name") or target
            case _:
                return None

    def _add(self, made: Object, metric: Mapping[str, Any], window: str = "") -> tuple[str | int, ...]:
        length = seconds(metric.get("interval"))
        if window or length:
            made["window"] = window or as_duration(length or 0)
        metrics = self._draft.spec["metrics"]
        made["name"] = free_name(made["name"], metrics)
        metrics.append(made)
        return ("spec", "metrics", len(metrics) - 1)

    def _note(self, kind: str, words: str) -> None:
        self._draft.note(kind, words, "spec", "metrics")


def limits(draft: Draft, canary: Mapping[str, Any], templates: Templates) -> list[Object]:
    """The limits of all metrics of a Canary."""
    metrics = Metrics(draft, canary, templates)
    return [limit for one in mappings(mapping(canary, "spec", "analysis"), "metrics") for limit in metrics.take(one)]
