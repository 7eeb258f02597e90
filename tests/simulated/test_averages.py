"""Averages in whole runs: limits on one arm, and the test against the baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated.shop import spec
from tidegate.cli.main import main

METRIC = {
    "name": "latency",
    "unit": "seconds",
    "window": "1m",
}
AVERAGE = {"histogram": 'seconds{w="$workload"}', "by": ["zone"]}
STEPS = [{"name": "canary", "weight": 50, "duration": "1h"}]


def lines(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    guard: dict[str, Any],
    candidate: list[dict[str, Any]],
    *,
    native: bool = False,
) -> list[dict[str, Any]]:
    metric = {**METRIC, "average": {**AVERAGE, "native": native}}
    rollout = {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": spec(metrics=[metric], guards=[{"metric": "latency", **guard}], steps=STEPS),
    }
    world = {"metrics": {"latency": {"candidate": candidate, "baseline": [{"series": GOOD}], "traffic": 600}}}
    file, worlds = tmp_path / "rollout.yaml", tmp_path / "world.yaml"
    file.write_text(yaml.safe_dump(rollout))
    worlds.write_text(yaml.safe_dump(world))
    main(["simulate", str(file), "--world", str(worlds), "--format", "json"])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["lines"]
    return found


GOOD = {"zone=a": "100ms", "zone=b": "200ms"}
SLOW = [{"series": GOOD}, {"at": "20m", "series": {**GOOD, "zone=b": "900ms"}}]


def reverted(found: list[dict[str, Any]]) -> tuple[float, str]:
    """Seconds after the slow time began, and why."""
    back = next(one for one in found if one["weight"] == "0%" and one["after"] > 60)
    return back["after"] - 1200, next(one["why"] for one in found if "latency of the candidate" in one["why"])


@pytest.mark.parametrize("native", [False, True])
def test_an_average_is_compared_with_the_baseline_segment_by_segment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, native: bool
) -> None:
    after, why = reverted(lines(tmp_path, capsys, {"regression": {}}, SLOW, native=native))
    assert 60 < after < 480
    assert 'latency of the candidate{zone="b"} is higher than the baseline\'s by more than 20%' in why
    assert "900ms over" in why


def test_below_the_floor_it_is_no_breach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(tmp_path, capsys, {"regression": {"floor": "1s"}}, SLOW)
    assert not any(one["why"].startswith("latency of the candidate") for one in found)


def test_a_plain_limit_on_an_average(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, why = reverted(lines(tmp_path, capsys, {"max": "500ms", "for": "2m"}, SLOW))
    assert 'latency of the candidate{zone="b"} is 900ms, above max 500ms' in why
