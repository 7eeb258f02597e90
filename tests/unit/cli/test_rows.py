"""Rollouts as rows of a list, whatever their status holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tidegate.cli.rows import listed

NOW = datetime(2026, 11, 21, 14, 10, tzinfo=UTC)
RUNNING: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "shop", "creationTimestamp": "2026-11-19T14:00:00Z"},
    "spec": {"baseline": {"deployment": "web"}, "candidate": {"deployment": "web-canary"}},
    "status": {
        "phase": "Progressing",
        "message": "watching 5% for 50m more",
        "step": {"summary": "1/2 canary"},
        "weight": {"desired": 5, "observed": 4.5},
        "conditions": [
            {"type": "RevertReady", "reason": "BaselineReady"},
            {"type": "Ready", "status": "Unknown", "reason": "Watching"},
        ],
        "run": {"version": {"images": ["web:2", "proxy:1"]}},
        "nextCheckTime": "2026-11-21T14:15:00Z",
    },
}


def test_a_row_says_where_the_run_is() -> None:
    assert listed([RUNNING], NOW, wide=False, everywhere=False) == (
        "NAME   PHASE         STEP         WEIGHT   REASON     AGE\n"
        "web    Progressing   1/2 canary   4.5%     Watching   2d\n"
    )


def test_wide_and_everywhere_have_further_columns() -> None:
    heading, row = listed([RUNNING], NOW, wide=True, everywhere=True).splitlines()
    assert heading.split()[:2] == ["NAMESPACE", "NAME"]
    assert heading.split()[-1] == "MESSAGE"
    for text in ("shop", "web-canary", "web:2 proxy:1", "2026-11-21T14:15:00Z", "watching 5% for 50m more"):
        assert text in row


@pytest.mark.parametrize("status", [{}, {"conditions": None, "step": 3, "run": {"version": {"images": 1}}}, None])
def test_what_is_not_there_is_a_dash_in_every_column(status: Any) -> None:  # noqa: ANN401
    _, row = listed([{"metadata": {"name": "web"}, "status": status}], NOW, wide=True, everywhere=False).splitlines()
    assert row.split() == ["web", *["-"] * 10]


@pytest.mark.parametrize(
    ("created", "age"),
    [("2026-11-21T14:09:55Z", "5s"), ("2026-11-21T12:00:00Z", "2h"), ("2026-11-21T14:10:30Z", "0s"), ("soon", "-")],
)
def test_an_age_is_told_in_its_largest_unit(created: str, age: str) -> None:
    item = {"metadata": {"name": "web", "creationTimestamp": created}}
    assert listed([item], NOW, wide=False, everywhere=False).splitlines()[1].split()[-1] == age


def test_a_name_that_draws_on_the_screen_is_escaped() -> None:
    assert "\\x1b[2J" in listed([{"metadata": {"name": "\x1b[2J"}}], NOW, wide=False, everywhere=False)
