"""Conditions and queries, and input of any shape."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.cli.test_any_input import VALUES, changed, places
from tests.unit.convert.test_argo import BLUE_GREEN, HOLDING, ROUTED
from tests.unit.convert.test_flagger import CANARY
from tidegate.cli.convert.conditions import Bound, bounds
from tidegate.cli.convert.draft import rollout
from tidegate.cli.convert.promql_text import converted
from tidegate.cli.convert.reading import as_duration, as_quantity, seconds
from tidegate.cli.main import main


@pytest.mark.parametrize(
    ("condition", "success", "expected"),
    [
        ("", True, []),
        ("result[0] <= 0.05", True, [Bound("max", "0.05")]),
        ("result < 5", True, [Bound("max", "5", strict=True)]),
        ("result[0] >= 0.95", True, [Bound("min", "0.95")]),
        ("result[0] > 5", False, [Bound("max", "5")]),
        ("result[0] >= 5", False, [Bound("max", "5", strict=True)]),
        ("result[0] < 0.9", False, [Bound("min", "0.9")]),
        ("len(result) == 0 || result[0] < 0.1", True, [Bound("max", "0.1", empty_is_well=True, strict=True)]),
        ("isNaN(result[0]) || result[0] >= 0.9", True, [Bound("min", "0.9")]),
        ("(len(result) > 0) && (result[0] >= 0.9)", True, [Bound("min", "0.9")]),
        ("result[0] >= 1 && result[0] <= 9", True, [Bound("min", "1"), Bound("max", "9")]),
        ("result[0] < 1 || result[0] > 9", False, [Bound("min", "1"), Bound("max", "9")]),
        ("default(result, 0) <= 0.05", True, [Bound("max", "0.05", empty_is_well=True)]),
        ("asFloat(result[0]) <= 1e-2", True, [Bound("max", "0.01")]),
        ("all(result, # <= 7)", True, [Bound("max", "7")]),
        ("all(result, {# <= 7})", True, [Bound("max", "7")]),
        ("result[0] <= 1 || result[0] >= 9", True, None),
        ("result == 'ok'", True, None),
        ("result[1] < 5", True, None),
        ("result[0] < result[1]", True, None),
        ("any(result, # > 7)", True, None),
    ],
)
def test_conditions(condition: str, success: bool, expected: list[Bound] | None) -> None:  # noqa: FBT001
    assert bounds(condition, success=success) == expected


@pytest.mark.parametrize(
    ("text", "query", "window"),
    [
        ("sum(rate(x[5m]))", "sum(rate(x[$window]))", "5m"),
        ("sum(rate(x[90s]))", "sum(rate(x[$window]))", "1m30s"),
        ("rate(x[5m]) / rate(y[1h])", "rate(x[5m]) / rate(y[1h])", ""),
        ("max_over_time(x[1h:1m])", "max_over_time(x[1h:1m])", ""),
        ('x{path=~"/a$"}', 'x{path=~"/a$$"}', ""),
        ('x{a="{{ known }}"}', 'x{a="value"}', ""),
        ('x{a="{{ unknown.thing }}"}', 'x{a="TODO-unknown-thing"}', ""),
    ],
)
def test_queries(text: str, query: str, window: str) -> None:
    found = converted(text, {"known": "value"}.get)
    assert (found.query, found.window, found.fault) == (query, window, "")


@pytest.mark.parametrize(
    ("written", "number"),
    [("10s", 10), ("1h30m", 5400), (45, 45), ("1.5m", 90), ("soon", None), ("", None), (None, None)],
)
def test_durations_of_go(written: object, number: float | None) -> None:
    assert seconds(written) == number


def test_numbers_as_the_api_writes_them() -> None:
    assert [as_duration(one) for one in (0, 0.25, 90, 86_400, 93_600.5)] == ["0s", "250ms", "1m30s", "1d", "1d2h500ms"]
    assert [as_quantity(one) for one in (5, "0.05", 1e-3, "1e3", "abc", None, float("nan"))] == [
        "5", "0.05", "0.001", "1000", None, None, None,
    ]  # fmt: skip


MANIFESTS = [one for text in (ROUTED, HOLDING, BLUE_GREEN, CANARY) for one in [list(yaml.safe_load_all(text))]]
PLACES = [(index, place) for index, manifest in enumerate(MANIFESTS) for place in places(manifest) if len(place) > 1]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PLACES), VALUES)
def test_a_manifest_with_anything_anywhere_is_answered(where: tuple[int, tuple[Any, ...]], value: Any) -> None:  # noqa: ANN401
    index, place = where
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "given.yaml"
        file.write_text(yaml.safe_dump_all(changed(copy.deepcopy(MANIFESTS[index]), place, value)), encoding="utf-8")
        assert main(["convert", str(file)]) in {0, 1, 2}


def test_a_namespace_that_is_no_text_is_left_out() -> None:
    assert "namespace" not in rollout({"name": "shop", "namespace": [0]}).manifest["metadata"]
