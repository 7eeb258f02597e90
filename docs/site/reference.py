"""The pages of `docs/reference`, made of the models: fields of the kinds, of the configuration, and the operator's metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from docs.site.schema_tables import tables
from tidegate.api.crd.export import crds
from tidegate.runtime.self_metrics import Metrics
from tidegate.runtime.settings import Settings

_MADE: Final = "Generated from the models by `make generate`."


def pages() -> Mapping[str, str]:
    """The text of each page, by its file's name."""
    return {name: "\n".join(made()).rstrip() + "\n" for name, made in _PAGES.items()}


def _rollout() -> Iterator[str]:
    yield from ("# Fields of a Rollout", "", _MADE)
    yield "[rollout.md](../rollout.md) describes what they do, with examples; `kubectl explain rollout.spec` shows the same texts."
    yield from _kind("rollouts.tidegate.dev.yaml")


def _commands() -> Iterator[str]:
    yield from ("# Fields of a RolloutCommand", "", _MADE)
    yield "`kubectl tidegate abort`, `approve` and the others create these objects ([command line](../cli.md))."
    yield from _kind("rolloutcommands.tidegate.dev.yaml")


def _templates() -> Iterator[str]:
    yield from ("# Fields of a MetricTemplate", "", _MADE)
    yield "A `ClusterMetricTemplate` has the same fields ([metric templates](../rollout.md#metric-templates))."
    yield from _kind("metrictemplates.tidegate.dev.yaml")


def _kind(file: str) -> Iterator[str]:
    definition: Any = crds()[file]
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for part in ("spec", "status"):
        if part in schema["properties"]:
            yield from tables(schema["properties"][part], part)


def _configuration() -> Iterator[str]:
    yield from ("# Fields of the operator's configuration", "", _MADE)
    yield "[operating.md](../operating.md#configuration) has an example; the chart takes the same fields under `config`."
    yield from tables(Settings.model_json_schema(by_alias=True), "")


def _metrics() -> Iterator[str]:
    yield from ("# Metrics of the operator", "", _MADE)
    yield "The operator serves them at `/metrics` of `listen`; [alerts.md](../alerts.md) has the alerts that use them."
    yield from ("", "| metric | type | labels | meaning |", "|---|---|---|---|")
    for metric, labels in _collected(Metrics().registry):
        shown = ", ".join(f"`{label}`" for label in labels) or "none"
        text = metric.documentation.rstrip(".").replace("|", "\\|")
        yield f"| `{metric.name}{'_total' if metric.type == 'counter' else ''}` | {metric.type} | {shown} | {text}. |"
    yield from (
        "",
        "A histogram `X` has the series `X_bucket`, `X_sum` and `X_count`; its unit is the last part of its name.",
    )


def _collected(registry: CollectorRegistry) -> Iterator[tuple[Metric, tuple[str, ...]]]:
    for collector in tuple(registry._collector_to_names):  # noqa: SLF001  (the registry tells no labels otherwise)
        labels: Any = getattr(collector, "_labelnames", ())
        for metric in collector.collect():
            told = dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le")
            yield metric, tuple(labels or told)


_PAGES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "rollout.md": _rollout,
    "rollout-command.md": _commands,
    "metric-template.md": _templates,
    "configuration.md": _configuration,
    "metrics.md": _metrics,
}
