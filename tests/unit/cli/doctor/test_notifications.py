"""What `tidegate doctor` says of a Rollout's messages."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.cli.doctor.notifications import told
from tidegate.cli.doctor.result import Level

RECEIVERS = {"notifications": [{"secret": {"name": "chat"}}]}
FAILING = {"type": "NotificationsFailing", "status": "True", "reason": "NotificationFailed", "message": "chat/url: 404"}
SENT = {"messages": [{"event": "Held", "outcome": "Sent"}]}


@pytest.mark.parametrize(
    ("spec", "status", "level", "words"),
    [
        (RECEIVERS, {}, Level.OK, "no message has been sent yet"),
        (RECEIVERS, {"notifications": SENT}, Level.OK, "were sent"),
        (RECEIVERS, {"notifications": SENT, "conditions": [FAILING]}, Level.WARNING, "chat/url: 404"),
    ],
)
def test_a_rollout_with_receivers_gets_one_line(
    spec: dict[str, Any], status: dict[str, Any], level: Level, words: str
) -> None:
    (found,) = told({"spec": spec, "status": status})
    assert found.level is level
    assert words in found.message


def test_a_rollout_without_receivers_gets_none() -> None:
    assert told({"spec": {}, "status": {}}) == []
