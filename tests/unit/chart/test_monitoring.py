"""Alerts and dashboard ask for what the operator exports, and every alert has its runbook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from charts.generate import dashboard, files
from tidegate.runtime.self_metrics import Metrics

ALERTS = yaml.safe_load((files.CHART / "files" / "alerts.yaml").read_text())["groups"][0]["rules"]
RUNBOOKS = (files.ROOT / "docs" / "alerts.md").read_text()
EXPRESSIONS = {alert["alert"]: alert["expr"] for alert in ALERTS} | {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in dashboard.dashboard()["panels"]
    for target in panel.get("targets", ())
}
SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus adds."""
VARIABLES = {"$namespace": "shop", "$rollout": "web", "$__rate_interval": "5m"}


def exported() -> dict[str, frozenset[str]]:
    """The labels of each series of the operator that has said everything once."""
    metrics = Metrics()
    metrics.rollouts.show("shop", "web", phase="Progressing", step=1, desired=10, observed=10)
    metrics.rollouts.stalled("shop", "web", "InvalidSpec")
    metrics.decided("StepStarted")
    metrics.broken("Rollout")
    metrics.ticked(0.1, late=0.0)
    metrics.reverted(0.1)
    metrics.queried("default", "ok", 0.1)
    metrics.called("get", "rollouts", "ok", 0.1)
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {sample.name: frozenset(sample.labels) for family in families for sample in family.samples}


def parsed(text: str) -> Any:  # noqa: ANN401  (promql_parser has no types)
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return promql_parser.parse(text)


def selectors(node: Any) -> Iterator[Any]:  # noqa: ANN401
    """The vector selectors of an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector"):
        if (inner := getattr(node, part, None)) is not None:
            yield from selectors(inner)
    for argument in getattr(node, "args", ()) or ():
        yield from selectors(argument)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_is_asked_for_is_exported(name: str) -> None:
    known = exported()
    found = list(selectors(parsed(EXPRESSIONS[name])))
    assert found, "an expression without a metric"
    for selector in found:
        assert selector.name in known
        assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name] | SCRAPED


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_it_is_grouped_by_labels_that_are_there(name: str) -> None:
    text = EXPRESSIONS[name]
    known = frozenset().union(*(exported()[one.name] for one in selectors(parsed(text)))) | SCRAPED
    for names in re.findall(r"\b(?:by|on|ignoring) \(?\(([^)]*)\)", text):
        assert {one.strip() for one in names.split(",")} <= known


def test_every_metric_of_the_operator_is_on_the_dashboard() -> None:
    shown = {one.name for name, text in EXPRESSIONS.items() if " " in name for one in selectors(parsed(text))}
    own = {name for name in exported() if name.startswith("tidegate_") and not name.endswith("_created")}
    assert families(own) == families(name for name in shown if name.startswith("tidegate_"))


def families(names: Iterable[str]) -> set[str]:
    """A histogram is one metric, whatever part of it is asked for."""
    return {re.sub(r"_(bucket|count|sum)$", "", name) for name in names}


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert re.findall(r"^## (Tidegate\w+)$", RUNBOOKS, re.MULTILINE) == [alert["alert"] for alert in ALERTS]
    for part in RUNBOOKS.split("\n## Tidegate")[1:]:
        assert "**Meaning.**" in part
        assert "**Action.**" in part


def test_every_alert_says_how_bad_it_is_and_for_what() -> None:
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"].endswith(".")


def test_panels_do_not_overlap_and_are_told_apart() -> None:
    panels = dashboard.dashboard()["panels"]
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < dashboard.WIDTH
    assert len({panel["id"] for panel in panels}) == len(panels)
