"""Reports on a real API server: written by exactly the Role that the chart gives, read by `tidegate report`, gone with the Rollout."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lab import shop
from lab.api import Object
from lab.operator_process import OperatorProcess
from lab.stack import Lab
from lab.wait import until
from tests.integration.cli.test_commands import Cli
from tests.integration.roles import role
from tests.integration.runs.test_runs import SECONDS, rollout, until_outcome

DEPLOY = Path(__file__).parents[3] / "deploy"
RBAC = [DEPLOY / file for file in ("cluster/namespace.yaml", "base/serviceaccount.yaml", "cluster/rbac.yaml")]
NAME = f"{shop.APP}-report-1"
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


PODS = 'count(count by (pod) (increase(http_requests_total{namespace="$namespace",pod=~"$pods"}[$window]) > 0))'
"""For `--users`: here each pod of the candidate that was sent a request is a user."""


def report_role(namespace: str) -> list[Object]:
    """As `reports.namespaces` of the chart makes it."""
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "create", "delete"]}
    return role("tidegate-reports", namespace, rule)


async def test_a_reverted_run_is_reported_from_its_config_map(
    lab: Lab, namespace: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    await lab.install_tidegate()
    await lab.apply(*(file.read_text() for file in RBAC), *report_role(namespace))
    kubeconfig = await lab.control_plane.kubeconfig_of_service_account("tidegate", "tidegate")
    tidegate = Cli(lab.kubeconfig, namespace, capsys)
    await shop.open_shop(lab, namespace)
    async with (
        lab.load(namespace, shop.APP, rate=60),
        OperatorProcess(lab, kubeconfig=kubeconfig, settings={"reports": [namespace]}),
    ):
        await shop.release(lab, namespace, "v2")
        await lab.apply(shop.rollout(namespace, steps=LONG))
        await _until_reached(lab, namespace)
        running = json.loads(await tidegate("report", shop.APP, "-o", "json"))
        assert running["outcome"] == "Running"
        await shop.misbehave(lab, namespace, 0.5)
        assert await until_outcome(lab, namespace) == "Reverted"
        kept = await until(lambda: lab.api.find("v1", "ConfigMap", NAME, namespace), SECONDS, "the report is kept")
    owner = (await shop.state(lab, namespace))["metadata"]
    assert [one["uid"] for one in kept["metadata"]["ownerReferences"]] == [owner["uid"]]
    assert kept["immutable"] is True
    found = json.loads(kept["data"]["report.json"])
    assert (found["outcome"], found["schemaVersion"]) == ("Reverted", "tidegate.dev/report/v1")
    assert 0 <= found["breach"]["seconds"] < 30
    assert {"RunStarted", "StepStarted", "Reverted"} <= {one["what"] for one in found["timeline"]}
    file = tmp_path / "report.html"
    said = await tidegate("report", shop.APP, "--prometheus", lab.prometheus_url)
    assert tidegate.code == 0, said
    assert "**Time to revert**: " in said
    assert "Not in this report" not in said, "it has its decisions, its charts and its evidence"
    assert "against the baseline" in said
    unknown = PODS.replace("http_requests_total", "no_such_metric")
    for query, words in (
        (PODS, r"\*\*Users of the candidate\*\*: [12]$"),
        (unknown, "No users of the candidate: the query"),
    ):
        said = await tidegate("report", shop.APP, "--prometheus", lab.prometheus_url, "--users", query)
        assert re.search(words, said, re.MULTILINE), said
    await tidegate("report", shop.APP, "--output", str(file))
    assert "No charts: give --prometheus" in file.read_text()


async def _until_reached(lab: Lab, namespace: str) -> None:
    async def there() -> bool:
        status: dict[str, Any] = (await shop.state(lab, namespace)).get("status", {})
        return bool(status.get("step", {}).get("reached"))

    await until(there, SECONDS, "the step's weight is on the route")


async def test_without_its_permission_the_refusal_is_told_and_the_run_is_well(lab: Lab, namespace: str) -> None:
    await lab.install_tidegate()
    await lab.apply(*(file.read_text() for file in RBAC))
    kubeconfig = await lab.control_plane.kubeconfig_of_service_account("tidegate", "tidegate")
    await shop.open_shop(lab, namespace)

    async def told() -> list[str]:
        events = await lab.api.list("v1", "Event", namespace)
        return [one["message"] for one in events if one["reason"] == "ReportRefused"]

    async with OperatorProcess(lab, kubeconfig=kubeconfig, settings={"reports": [namespace]}):
        await shop.release(lab, namespace, "v2")
        await lab.apply(rollout(namespace))
        assert await until_outcome(lab, namespace) == "Succeeded"
        messages = await until(told, SECONDS, "the refusal is told")
    assert len(messages) == 1
    assert "configmaps is forbidden" in messages[0]
    assert await lab.api.find("v1", "ConfigMap", NAME, namespace) is None
