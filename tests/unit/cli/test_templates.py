"""Metric templates on the command line: in the same file, in another, in another namespace, and not given at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.api.manifests import good
from tests.unit.api.template_manifests import good_template, latency
from tidegate.cli.main import main

USES = {"metrics.1": {"name": "latency", "template": {"name": "latency"}}}
Said = tuple[int, str, str]


def placed(manifest: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


@pytest.fixture
def tidegate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def call(command: str, files: dict[str, list[dict[str, Any]]], *options: str) -> Said:
        for name, manifests in files.items():
            (tmp_path / name).write_text(yaml.safe_dump_all(manifests))
        code = main([command, *(str(tmp_path / name) for name in files), *options])
        said = capsys.readouterr()
        return code, said.out.replace(f"{tmp_path}/", ""), said.err.replace(f"{tmp_path}/", "")

    return call


@pytest.mark.parametrize("command", ["plan", "simulate"])
@pytest.mark.parametrize(
    "files",
    [
        {"a.yaml": [latency(), good(USES)]},
        {"a.yaml": [good(USES)], "b.yaml": [latency()]},
        {
            "a.yaml": [placed(good(USES), "shop")],
            "b.yaml": [placed(latency(), "shop"), placed(latency(query="(", parameters=[]), "mall")],
        },
    ],
)
def test_templates_are_found_beside_the_rollout(
    tidegate: Callable[..., Said], command: str, files: dict[str, list[dict[str, Any]]]
) -> None:
    code, out, err = tidegate(command, files)
    assert (code, "not in the files" in err) == (0, False)
    assert "canary" in out


def test_a_good_template_and_its_user_have_nothing_to_be_said_of(tidegate: Callable[..., Said]) -> None:
    assert tidegate("lint", {"a.yaml": [good(USES)], "b.yaml": [latency(), good_template()]}) == (
        0,
        "",
        "1 Rollout, 2 templates, 0 errors, 0 warnings\n",
    )


def test_what_a_template_asks_is_warned_of_there_and_not_at_each_of_its_users(tidegate: Callable[..., Said]) -> None:
    fixed = latency(query="max(rate(x{pod=~'$pods'}[5m]))", parameters=[])
    code, out, _ = tidegate("lint", {"a.yaml": [good(USES), good(USES)], "b.yaml": [fixed]})
    assert code == 0
    assert [line.split(": ")[0] for line in out.splitlines()] == ["b.yaml:7"]
    assert "spec.query: has a fixed range" in out


def test_an_error_of_a_template_is_said_at_its_line_and_at_its_users(tidegate: Callable[..., Said]) -> None:
    spoilt = latency(query="max({{ parameters.metric }})")
    code, out, _ = tidegate("lint", {"a.yaml": [good(USES)], "b.yaml": [spoilt]})
    assert code == 1
    assert [line.split(": ", 2)[2].split(", ")[0] for line in out.splitlines()] == [
        "spec.metrics[1].template: MetricTemplate 'latency' is not valid: spec.query: there is no parameter 'metric': spec.parameters has q",
        "spec.query: there is no parameter 'metric': spec.parameters has q",
    ]


def test_one_that_is_not_given_is_a_warning_for_lint(tidegate: Callable[..., Said]) -> None:
    code, out, _ = tidegate("lint", {"a.yaml": [good(USES)]})
    said = "MetricTemplate 'latency' is not in the files given: its query cannot be checked here"
    assert (code, out.split(": ", 1)[1]) == (0, f"warning: spec.metrics[1].template: {said}\n")
    assert tidegate("lint", {"a.yaml": [good(USES)]}, "--strict")[0] == 1


def test_one_of_another_namespace_is_said_to_be_out_of_reach(tidegate: Callable[..., Said]) -> None:
    files = {"a.yaml": [placed(good(USES), "shop")], "b.yaml": [placed(latency(), "monitoring")]}
    code, out, _ = tidegate("lint", files)
    said = (
        "MetricTemplate 'latency' is in namespace monitoring, and a Rollout of shop reads its own namespace's only: "
        "make it a ClusterMetricTemplate"
    )
    assert (code, out.split(": ", 1)[1]) == (0, f"warning: spec.metrics[1].template: {said}\n")
    kind = "ClusterMetricTemplate"
    metric = {"name": "latency", "template": {"name": "latency", "kind": kind}}
    files = {
        "a.yaml": [placed(good({"metrics.1": metric}), "shop")],
        "b.yaml": [placed({**latency(), "kind": kind}, "monitoring")],
    }
    assert tidegate("lint", files)[:2] == (0, "")


def test_a_plan_needs_no_queries_and_says_which_were_not_checked(tidegate: Callable[..., Said]) -> None:
    code, out, err = tidegate("plan", {"a.yaml": [good(USES)]})
    assert (code, "everyone" in out) == (0, True)
    assert err == "tidegate: latency: MetricTemplate 'latency' is not in the files given: its query was not checked\n"


@pytest.mark.parametrize(
    ("command", "options"),
    [("simulate", ()), ("backtest", ("--prometheus", "http://127.0.0.1:9", "--from", "1d"))],
)
def test_a_run_needs_every_query(tidegate: Callable[..., Said], command: str, options: tuple[str, ...]) -> None:
    code, out, err = tidegate(command, {"a.yaml": [good(USES)]}, *options)
    assert (code, out) == (1, "")
    said = "spec.metrics[1].template: MetricTemplate 'latency' is not in the files given: add its file"
    assert err.split(": ", 2)[2] == f"{said}\n"


def test_a_template_is_no_rollout(tidegate: Callable[..., Said]) -> None:
    code, _, err = tidegate("simulate", {"a.yaml": [latency()]})
    assert (code, err) == (2, "tidegate: a.yaml: 0 Rollouts in it; simulate takes one\n")
