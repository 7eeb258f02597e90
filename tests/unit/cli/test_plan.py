from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from tests.unit.api.manifests import good
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import check_rollout
from tidegate.cli.main import main
from tidegate.core.run.timeline import timeline

COMPLETE = Path(__file__).parents[3] / "examples" / "complete.yaml"
HOUR, DAY = 3600.0, 86400.0


def spec_of(changes: dict[str, object] | None = None) -> RolloutSpec:
    spec, problems = check_rollout(good(changes))
    assert spec is not None
    assert problems == []
    return spec


def test_each_step_begins_where_the_one_before_ended_or_its_gate_opens() -> None:
    first, last = timeline(spec_of())
    assert (first.start, first.end, first.waited) == (0, HOUR, 0)
    assert (last.start, last.end, last.waited) == (DAY, 2 * DAY, DAY - HOUR)


def test_checkpoints_are_told_from_the_start_of_the_run() -> None:
    first, last = timeline(spec_of())
    assert first.checkpoints == (600, 1800, 3000, 3600)
    assert last.checkpoints == (2 * DAY,)


def test_a_date_counts_only_when_it_is_known_when_the_run_begins() -> None:
    spec = spec_of({"steps.1.gate": {"after": "2026-11-21T14:00:00Z"}})
    assert [step.start for step in timeline(spec)] == [0, HOUR]
    start = datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert [step.start for step in timeline(spec, start)] == [0, 5 * HOUR]


def test_the_plan_of_the_complete_example_says_when_and_what_would_stop_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(COMPLETE), "--start", "2026-11-20T09:00:00Z"]) == 0
    assert capsys.readouterr().out == (
        """\
checkout: checkout → checkout-canary on HTTPRoute/checkout
STEP         WEIGHT   FROM                   TO                     GATE                              CHECKPOINTS AT
1 canary     1%       Fri 2026-11-20 09:00   Fri 2026-11-20 11:00                                     15m 30m 1h 1h30m 2h
2 ramp       10%      Sat 2026-11-21 14:00   Sat 2026-11-21 18:00   not before 2026-11-21 14:00 UTC   15m 30m 45m 1h 2h 3h 4h
3 everyone   100%     Sat 2026-11-21 18:00   Fri 2026-12-04 18:00   1d after canary began             every 15m until 1d, every 1d: 108 in total, the last after 13d

Guards, every 30s in every step
  error-rate above 5% for 15m → revert
  p99-latency more than 20% above the baseline and above 100ms for 10m → revert
  critical-alerts above 0 → revert

Thresholds in step canary, at its checkpoints
  error-rate above 1% → revert
  p99-latency above 200ms → revert

Guards in step ramp, every 30s
  error-rate above 0.5% → hold until all limits are met, then restart the duration

Thresholds in step ramp, at its checkpoints
  p99-latency above 200ms → revert

Thresholds in step everyone, at its checkpoints
  error-rate above 0.1% → revert

When data is missing
  a metric without data for 10m → revert
  Prometheus unreachable for 1h → hold
  p99-latency without data for 10m → hold

When every step has passed
  the candidate's version is copied to the baseline; traffic returns to it and is watched for 2m

Total: 14d9h, 1d3h of it at gates, 120 checkpoints.
"""
    )


def test_a_plan_with_errors_names_the_first_and_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(COMPLETE.read_text().replace("max: 5%", "max: 5").replace("max: 0.5%", "max: 50"))
    assert main(["plan", str(file)]) == 1
    said = capsys.readouterr().err
    assert "spec.guards[0].max: '5' is more than 100% of a ratio" in said
    assert "(and 1 more: see tidegate lint)" in said


def test_a_file_without_a_rollout_has_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("apiVersion: v1\nkind: Service\n")
    assert main(["plan", str(file)]) == 2
    assert capsys.readouterr().err.endswith("there is no Rollout in it\n")


def test_a_start_that_is_no_instant_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["plan", str(COMPLETE), "--start", "tomorrow"])
    assert "write it like 2026-11-21T09:00:00Z" in capsys.readouterr().err


def test_jobs_of_a_gate_are_taken_as_done_and_hooks_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = {"jobs": [{"cronJob": "smoke"}], "sinceStep": {"step": "canary", "elapsed": "1d"}}
    hooks = [
        {"name": "verify", "when": "StepEnd", "steps": ["canary"], "job": {"cronJob": "check", "deadline": "5m"}},
        {"name": "undo", "when": "Revert", "job": {"cronJob": "undo-database"}},
    ]
    guard = {"metric": "errors", "max": "5%", "onBreach": "RunJob", "job": {"cronJob": "tidy", "cooldown": "2h"}}
    manifest = good({"steps.1.gate": gate, "hooks": hooks, "guards.0": guard})
    spec, _ = check_rollout(manifest)
    assert spec is not None
    start = datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert [step.start for step in timeline(spec, start)] == [0, DAY]
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(manifest))
    assert main(["plan", str(tmp_path / "it.yaml")]) == 0
    said = capsys.readouterr().out
    assert "1d after canary began, Job smoke succeeded" in said
    assert "errors above 5% → start a Job of CronJob tidy once per 2h, and continue" in said
    assert "  verify at StepEnd of canary: a Job of CronJob check, for 5m at most; when it fails → pause" in said
    assert "  undo at Revert: a Job of CronJob undo-database\n" in said


def test_the_pods_of_the_candidate_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scale = {"metric": "latency", "max": "200ms", "onBreach": "Scale", "scale": {"by": 2, "max": 6}}
    scaling = {"mode": "MatchWeight", "max": 8, "afterEnd": {"delay": "1h"}}
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(good({"guards.1": scale, "candidate.scaling": scaling})))
    assert main(["plan", str(tmp_path / "it.yaml")]) == 0
    printed = capsys.readouterr().out
    for words in (
        "latency above 200ms → scale the candidate up by 2 pods to 6 at most, once per 5m, and continue",
        "before a raise: its share of the baseline's pods, at least 1, 8 at most",
        "1h after the end: 0; the next run scales it up again first",
    ):
        assert words in printed
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(good({"candidate.scaling": {"mode": "Fixed", "replicas": 4}})))
    assert main(["plan", str(tmp_path / "it.yaml")]) == 0
    assert "before the first raise: at least 4" in capsys.readouterr().out
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(good({"traffic.0.revert": "ScaleToZero"})))
    assert main(["plan", str(tmp_path / "it.yaml")]) == 0
    assert "after the weights are restored: 0 (revert: ScaleToZero of HTTPRoute/web)" in capsys.readouterr().out
