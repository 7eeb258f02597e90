"""What `tidegate status` writes of an object as it is stored: by another version, in part broken, or with forged text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.test_text import FORGED, UNSAFE
from tests.unit.cli.status_told import AT, RUN, SPEC, STEP, condition
from tidegate.api.values.text import printable
from tidegate.cli.errors import CommandError
from tidegate.cli.status.command import MOST_UNREAD, _show

STATUS: dict[str, Any] = {
    "phase": "Progressing",
    "message": "watching 5% for 50m more",
    "conditions": [condition("Ready", "Unknown", "Watching", "watching 5% for 50m more")],
    "weight": {"desired": 5, "observed": 5},
    "run": RUN,
    "step": STEP,
}
WHOLE = [
    "web: Progressing",
    "  watching 5% for 50m more",
    "  Under test: web-canary with web:2, 5%",
    "  Run 3, since 2026-11-21 14:00:00 UTC",
    "  Step 1/2 canary at 5%: watched for 10m of 1h",
    "  Conditions: Ready Unknown (Watching)",
]
UNREAD = "  part of the status could not be read: "


class Shown:
    """The lines written of a Rollout with a status."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, status: object) -> list[str]:
        _show({"metadata": {"name": "web", "namespace": "shop"}, "spec": SPEC, "status": status}, None)
        return self._capsys.readouterr().out.split("\n")[:-1]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    return Shown(capsys)


def test_a_status_is_shown_and_what_a_newer_version_keeps_in_it_is_left_alone(shown: Shown) -> None:
    assert shown(STATUS) == WHOLE
    assert shown(STATUS | {"novel": {"a": [1]}, "run": RUN | {"novel": 7}}) == WHOLE


@pytest.mark.parametrize(
    ("why", "status", "part", "lines"),
    [
        ("a number that is none", {"run": RUN | {"weight": "much"}}, "run.weight: Input should be a valid number", {}),
        ("an instant", {"run": RUN | {"startTime": "soon"}}, "run.startTime", {3: "  Run 3, since an unknown time"}),
        ("a missing field", {"step": {"summary": "1/2"}}, "step.name: Field required; step.index", {4: None}),
        (
            "a weight that is not 0",
            {"weight": {"desired": "much", "observed": 5}},
            "weight.desired: Input should be a valid number",
            {2: "  Under test: web-canary with web:2, weight not known"},
        ),
        (
            "an integer that no number holds",
            {"weight": {"desired": 5, "observed": 10**400}},
            "weight.observed: Input should be a valid number",
            {2: "  Under test: web-canary with web:2, weight not known"},
        ),
        ("an item of a list", {"guards": [7, {"name": "x"}]}, "guards[0]: ", {}),
        ("a list that is none", {"conditions": "well"}, "conditions: ", {5: None}),
    ],
)
def test_what_can_be_read_is_shown_and_what_is_left_out_is_said(
    shown: Shown, why: str, status: dict[str, Any], part: str, lines: dict[int, str | None]
) -> None:
    first, said, *rest = shown(STATUS | status)
    assert said.startswith(UNREAD + part), why
    assert said.count(part.partition(":")[0]) == 1, "a refused value is not missing as well"
    expected = [lines.get(place, line) for place, line in enumerate(WHOLE)]
    assert [first, *rest] == [line for line in expected if line is not None], why


def test_an_integer_larger_than_any_counter_is_shown_all_the_same(shown: Shown) -> None:
    """The API server keeps every integer of 64 bits, and the operator reads them."""
    assert shown(STATUS | {"observedGeneration": 2**63 - 1, "step": STEP | {"index": 2**63 - 1}}) == WHOLE


def test_of_many_parts_that_cannot_be_read_a_few_are_named(shown: Shown) -> None:
    said = shown(STATUS | {"guards": list(range(MOST_UNREAD + 2))})[1]
    assert said.count("guards[") == said.count("; ") == MOST_UNREAD
    assert said.endswith("; and 2 more")


def test_a_status_of_which_nothing_can_be_read_is_an_error(shown: Shown) -> None:
    with pytest.raises(CommandError, match="the status of web could not be read: "):
        shown("well")


def test_forged_text_draws_no_lines(shown: Shown) -> None:
    forged = FORGED.replace("\ud800", "")
    version = {"revision": forged, "images": ["web:2"]}
    paused = {"reason": "PausedByCommand", "since": AT, "message": f"{forged} for lunch"}
    lines = shown(
        STATUS
        | {
            "message": forged,
            "run": RUN | {"version": version, "paused": paused},
            "guards": [{"name": forged, "state": "Breached", "since": AT, "message": forged}],
        }
    )
    assert not [line for line in lines if UNSAFE.search(line)]
    assert f"  Under test: web-canary with {printable(forged)} (web:2), 5%" in lines
    assert f"  It is paused (PausedByCommand) since 2026-11-21 14:00:00 UTC: {printable(forged)} for lunch" in lines
    assert len([line for line in lines if "Succeeded" in line]) == 4, (
        "message, version, pause and guard, on a line each"
    )
