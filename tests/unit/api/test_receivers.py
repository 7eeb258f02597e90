"""Warnings about who is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.api.manifests import good
from tidegate.api.validation import advice, check_rollout

CHAT = {"secret": {"name": "chat"}, "events": ["Reverted", "Held"]}
GATE = {"approvals": [{"name": "finance"}]}


def warnings(changes: dict[str, Any]) -> list[str]:
    spec, problems = check_rollout(good(changes))
    assert problems == []
    assert spec is not None
    return [str(one) for one in advice(spec) if "notifications" in str(one)]


@pytest.mark.parametrize(
    ("receivers", "words"),
    [
        ([CHAT, {**CHAT, "name": "again", "events": ["Reverted", "Started"]}], "gets Reverted twice"),
        ([CHAT, {"secret": {"name": "chat", "key": "other"}}], ""),
        ([CHAT, {**CHAT, "events": ["Started"]}], ""),
    ],
)
def test_a_receiver_that_gets_an_event_twice_is_warned_of(receivers: list[dict[str, Any]], words: str) -> None:
    found = warnings({"notifications": receivers})
    assert (len(found) == 1 and words in found[0]) if words else found == []


def test_an_approval_that_nobody_is_told_of_is_warned_of() -> None:
    gated = {"steps.1.gate": GATE}
    assert "add the event Awaiting" in warnings({**gated, "notifications": [CHAT]})[0]
    assert warnings({**gated, "notifications": [{"secret": {"name": "chat"}}]}) == []
    assert warnings(gated) == []
