"""The alerts in Prometheus' own hands."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.integration.install.tools import CHART, run

RULES = CHART / "files" / "alerts.yaml"
CASES = Path(__file__).parent / "alerts.test.yaml"


async def test_promtool_takes_the_rules() -> None:
    assert "SUCCESS" in await run("promtool", "check", "rules", "--lint=all", RULES)


async def test_each_alert_fires_when_it_should_and_not_when_all_is_well() -> None:
    assert "SUCCESS" in await run("promtool", "test", "rules", CASES)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts
