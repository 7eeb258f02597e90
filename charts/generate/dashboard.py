"""`files/dashboard.json`: the Grafana dashboard of the operator's own metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 24
"""Columns of Grafana's grid."""
HEIGHT: Final = 8
"""Grid rows of a panel."""
ROLLOUT: Final = 'namespace=~"$namespace",rollout=~"$rollout"'
OPERATOR: Final = "and on (job, instance) tidegate_tick_seconds_count"
"""Restricts a metric that every process exports to the operator's."""
SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def p99(metric: str, *by: str) -> str:
    """The 99th percentile of a histogram."""
    labels = ", ".join(("le", *by))
    return f"histogram_quantile(0.99, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


@dataclass(frozen=True)
class Panel:
    """One panel: each query with the legend of its series."""

    title: str
    queries: Sequence[tuple[str, str]]
    description: str = ""
    unit: str = "short"
    kind: str = "timeseries"
    columns: int = 12


ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "Rollouts": (
        Panel(
            "Rollouts by phase",
            [('count by (phase) (tidegate_rollout_phase{namespace=~"$namespace"} == 1)', "{{phase}}")],
            kind="stat",
            columns=8,
        ),
        Panel(
            "Waiting for a person",
            [('max by (namespace, rollout, reason) (tidegate_rollout_stalled{namespace=~"$namespace"})', "")],
            "Stalled Rollouts with the reason; docs/reasons.md defines it.",
            kind="table",
            columns=16,
        ),
        Panel(
            "Candidate's weight",
            [
                (f'tidegate_rollout_weight_percent{{kind="observed",{ROLLOUT}}}', "{{namespace}}/{{rollout}}"),
                (f'tidegate_rollout_weight_percent{{kind="desired",{ROLLOUT}}}', "{{namespace}}/{{rollout}} desired"),
            ],
            "As seen on the routes, and as the step asks for it.",
            unit="percent",
        ),
        Panel(
            "Step",
            [(f"tidegate_rollout_step{{{ROLLOUT}}}", "{{namespace}}/{{rollout}}")],
            "Position of the current step, the first being 1; 0 without a run.",
        ),
    ),
    "Decisions": (
        Panel(
            "Decisions by reason",
            [("sum by (reason) (increase(tidegate_decisions_total[$__rate_interval]))", "{{reason}}")],
        ),
        Panel(
            "Duration of reverts",
            [
                (
                    f"histogram_quantile({q}, sum by (le) (increase(tidegate_revert_seconds_bucket[1h])))",
                    f"p{100 * q:g}",
                )
                for q in (0.5, 0.99)
            ],
            "From the answer that decided a revert until every target has the candidate at weight 0, over an hour.",
            unit="s",
        ),
    ),
    "Operator": (
        Panel(
            "Reconciliations (ticks)",
            [(p99("tidegate_tick_seconds"), "p99"), (p99("tidegate_tick_late_seconds"), "p99 late")],
            "Duration, and how long after it was due one began.",
            unit="s",
        ),
        Panel(
            "Queries by outcome",
            [
                (
                    "sum by (source, outcome) (rate(tidegate_query_seconds_count[$__rate_interval]))",
                    "{{source}} {{outcome}}",
                )
            ],
            unit="reqps",
        ),
        Panel("Duration of queries, p99", [(p99("tidegate_query_seconds", "source"), "{{source}}")], unit="s"),
        Panel(
            "API calls by outcome",
            [
                (
                    "sum by (verb, resource, outcome) (rate(tidegate_api_call_seconds_count[$__rate_interval]))",
                    "{{verb}} {{resource}} {{outcome}}",
                )
            ],
            unit="reqps",
        ),
        Panel("Duration of API calls, p99", [(p99("tidegate_api_call_seconds", "verb"), "{{verb}}")], unit="s"),
        Panel(
            "Unreadable objects",
            [("sum by (kind) (increase(tidegate_broken_objects_total[1h]))", "{{kind}}")],
            "Objects that were skipped in the last hour.",
        ),
        Panel(
            "Notifications by outcome",
            [
                (
                    "sum by (kind, outcome) (increase(tidegate_notifications_total[$__rate_interval]))",
                    "{{kind}} {{outcome}}",
                )
            ],
            "Messages of spec.notifications: retried ones are sent or fail later.",
        ),
        Panel("Memory", [(f"process_resident_memory_bytes {OPERATOR}", "{{instance}}")], unit="bytes"),
        Panel(
            "CPU",
            [(f"rate(process_cpu_seconds_total[$__rate_interval]) {OPERATOR}", "{{instance}}")],
            "Cores.",
        ),
    ),
}


def as_json() -> str:
    """The dashboard, as it is written to a file."""
    return json.dumps(dashboard(), indent=1) + "\n"


def dashboard() -> dict[str, Any]:
    """In Grafana's JSON model."""
    return {
        "uid": "tidegate",
        "title": "Tidegate",
        "description": "Rollouts, decisions and the operator itself. Generated by charts/generate.",
        "tags": ["tidegate", "kubernetes"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "",
        "templating": {
            "list": [_datasource(), _variable("namespace", ""), _variable("rollout", 'namespace=~"$namespace"')]
        },
        "annotations": {"list": []},
        "panels": list(_panels()),
    }


def _panels() -> Iterable[dict[str, Any]]:
    y, number = 0, 1
    for title, panels in ROWS.items():
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        y, number, x = y + 1, number + 1, 0
        for panel in panels:
            if x + panel.columns > WIDTH:
                x, y = 0, y + HEIGHT
            yield _panel(panel, number) | {"gridPos": {"x": x, "y": y, "w": panel.columns, "h": HEIGHT}}
            x, number = x + panel.columns, number + 1
        y += HEIGHT


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    made = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [_target(panel, *query, chr(ord("A") + place)) for place, query in enumerate(panel.queries)],
    }
    if panel.kind == "table":
        made["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}]
    return made


def _target(panel: Panel, expression: str, legend: str, letter: str) -> dict[str, Any]:
    now = panel.kind != "timeseries"
    return {
        "refId": letter,
        "datasource": SOURCE,
        "expr": expression,
        "legendFormat": legend,
        "instant": now,
        "range": not now,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(name: str, matchers: str) -> dict[str, Any]:
    query = f"label_values(tidegate_rollout_phase{{{matchers}}}, {name})"
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"selected": True, "text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    }
