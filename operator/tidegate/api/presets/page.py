"""The page `docs/presets.md`, made of the presets themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tidegate.api.presets.absent import ABSENT
from tidegate.api.presets.preset import Absent, Preset, System
from tidegate.api.presets.registry import SYSTEMS
from tidegate.api.presets.words import default, queries, sentences

_INTRODUCTION: Final = """\
# Presets

Built-in queries.
Made from `operator/tidegate/api/presets` by `make generate`; `tidegate preset` shows the same in a terminal.

```yaml
apiVersion: tidegate.dev/v1alpha1
kind: Rollout
metadata: {name: checkout, namespace: shop}
spec:
  baseline:  {deployment: checkout, service: checkout}
  candidate: {deployment: checkout-canary, service: checkout-canary}
  traffic:
  - {kind: HTTPRoute, name: checkout}
  metrics:
  - name: error-rate
    preset: http/error-rate
    parameters: {codeLabel: status}            # omitted parameters have their defaults
    minimumRequests: 50                        # all other fields work as for a query of your own
  - name: p95-latency
    preset: istio-gateway/latency
    parameters: {quantile: "0.95"}             # values are strings
    window: 5m
  guards:
  - {metric: error-rate, max: 5%}
  - {metric: p95-latency, maxIncrease: 20%, floor: 100ms}
  thresholds:
  - {metric: error-rate, max: 1%}
  steps:
  - {name: canary, weight: 5, duration: 1h}
  - {name: everyone, weight: 100, duration: 1d}
  promotion: {strategy: CopyTemplate}
```

A preset becomes an ordinary `ratio` or `query` when the Rollout is read: a run continues with the queries that it began with, even if a newer operator changes the preset.
`<name>` stands for a parameter, `$pods` and the like for the operator's [variables](rollout.md#metrics).
Every ratio counts only requests that have a status: with a wrong label name there are *too few requests*, and never a rate of 0.
A guard passes with too few requests and a threshold does not, so write a threshold as well."""


def as_markdown() -> str:
    """The whole page."""
    lines = [_INTRODUCTION]
    for system in SYSTEMS:
        lines += _of_system(system)
    lines += ["", "## Not available", ""]
    lines.append(sentences("These cannot separate the arms, and a query that mixes them up gives wrong results."))
    for absent in ABSENT:
        lines += _of_absent(absent)
    return "\n".join(lines) + "\n"


def _of_system(system: System) -> Iterator[str]:
    yield from ("", f"## {system.title}", "")
    yield sentences(f"**Scrape targets**: {system.scraped}", indent="- ")
    yield sentences(f"**How the arms are distinguished**: {system.arms}", indent="- ")
    yield from (sentences(one, indent="- ") for one in system.mind)
    for preset in system.presets:
        yield from _of_preset(preset)
    yield from ("", sentences(f"Sources: {'; '.join(system.sources)}."))


def _of_preset(preset: Preset) -> Iterator[str]:
    yield from ("", f"### {preset.name}", "")
    yield sentences(f"{preset.says[0].upper()}{preset.says[1:]}; unit `{preset.unit}`.")
    yield from ("", "```promql")
    yield from (f"# {field}\n{text}" for field, text in queries(preset))
    yield "```"
    if preset.parameters:
        yield from ("", "| parameter | default | meaning |", "|---|---|---|")
        yield from (f"| `{one.name}` | `{default(one)}` | {one.says} |" for one in preset.parameters)


def _of_absent(absent: Absent) -> Iterator[str]:
    yield from ("", f"### {absent.title}", "")
    yield sentences(f"No preset: {absent.why}. Instead, {absent.instead}.")
    yield from ("", sentences(f"Sources: {'; '.join(absent.sources)}."))
