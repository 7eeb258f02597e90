"""The scaled manifests are the examples, less their length."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from tests.integration.plans.scaled import DEFAULTS, EXAMPLES, TIMES, plan
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.values.scalars import Duration

SPLIT_AT_MIDNIGHT = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
FILLED_IN = {"namespace", "interval", "window"}
CHANGED = (*DEFAULTS, "after", "at", "cooldown", "days", "duration", "elapsed", "every", "for", "from", "to", "until")
SCALED = {*CHANGED, "minimumRequests", "settle", "warmUp", "namespace"}


def leaves(value: Any, key: str = "", path: str = "") -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401  (YAML)
    """Path, key and value of all that has no parts."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, name, f"{path}.{name}")
    elif isinstance(value, list) and key != "days":
        for place, one in enumerate(value):
            yield from leaves(one, key, f"{path}[{place}]")
    else:
        yield path, key, value


@pytest.mark.parametrize("name", TIMES)
def test_nothing_is_taken_out_and_only_lengths_are_changed(name: str) -> None:
    scaled = plan(name, "lab", opens=SPLIT_AT_MIDNIGHT)
    RolloutSpec.model_validate(scaled["spec"])
    was = {path: value for path, _, value in leaves(yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text()))}
    now = {path: (key, value) for path, key, value in leaves(scaled)}
    assert was.keys() <= now.keys()
    assert {now[path][0] for path in now.keys() - was.keys()} <= FILLED_IN
    assert {key for path, (key, value) in now.items() if path in was and was[path] != value} <= SCALED


@pytest.mark.parametrize("name", TIMES)
def test_what_was_longer_is_not_shorter(name: str) -> None:
    pairs = sorted((Duration(was).seconds, Duration(now).seconds) for was, now in TIMES[name].items())
    assert [now for _, now in pairs] == sorted(now for _, now in pairs)
    assert all(now < was for was, now in pairs)


def test_a_window_holds_now_and_an_instant_is_to_come() -> None:
    spec = plan("three-phase-production", "lab", opens=SPLIT_AT_MIDNIGHT)["spec"]
    (window,) = spec["windows"]
    assert (window["from"], window["to"], window["timeZone"]) == ("22:30", "02:30", "Europe/Berlin")
    assert spec["steps"][1]["gate"]["after"] == "2026-11-25T23:30:00Z"
