"""Queries that only VictoriaMetrics understands, for a source that is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.stage import SPEC
from tidegate.api.validation import Dialect
from tidegate.cli.main import main
from tidegate.reconcile.specs import checker
from tidegate.runtime.settings_file import parse

METRICSQL = "WITH (bad = errors{app='web'} or {app='api'}) sum(rate(bad)) keep_metric_names"


def spec(query: str, source: str) -> dict[str, Any]:
    metrics = [{"name": "errors", "query": query, "unit": "none"}]
    return {
        **SPEC,
        "prometheus": {"source": source},
        "metrics": metrics,
        "guards": [{"metric": "errors", "max": "5"}],
    }


@pytest.mark.parametrize(("source", "valid"), [("victoria", True), ("default", False), ("unknown", False)])
def test_a_query_is_held_to_what_its_own_source_understands(source: str, valid: bool) -> None:  # noqa: FBT001
    check = checker({"victoria": Dialect.METRICSQL, "default": Dialect.PROMETHEUS})
    found, problems = check(spec(METRICSQL, source), ())  # type: ignore[arg-type]
    assert (found is not None) is valid
    assert all("is not valid PromQL" in problem.message for problem in problems)


@pytest.mark.parametrize("query", ["up[5m]", "$nobody"])
def test_what_is_wrong_in_every_dialect_is_still_told(query: str) -> None:
    found, problems = checker({"victoria": Dialect.METRICSQL})(spec(query, "victoria"), ())  # type: ignore[arg-type]
    assert found is None
    assert problems


def test_the_settings_name_a_dialect() -> None:
    source = {"url": "http://vm:8428"}
    assert parse({"sources": {"a": source}}, "x").sources["a"].dialect is Dialect.PROMETHEUS
    assert parse({"sources": {"a": {**source, "dialect": "metricsql"}}}, "x").sources["a"].dialect is Dialect.METRICSQL


def test_lint_is_told_the_dialect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rollout.yaml"
    manifest = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "web"},
        "spec": spec(METRICSQL, "victoria"),
    }
    file.write_text(yaml.safe_dump(manifest))
    assert main(["lint", str(file)]) == 1
    assert "is not valid PromQL" in capsys.readouterr().out
    assert main(["lint", "--dialect", "metricsql", str(file)]) == 0
