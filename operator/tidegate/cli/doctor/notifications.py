"""Whether the messages of a Rollout are sent, as the operator has recorded it."""

from __future__ import annotations

from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.cli.doctor.result import Level, Result
from tidegate.core.status.messages import FAILING

CHECK = "notifications"


def told(rollout: JsonObject) -> list[Result]:
    """One line for a Rollout with receivers, nothing for others."""
    receivers = (rollout.get("spec") or {}).get("notifications") or ()
    if not receivers:
        return []
    status = rollout.get("status") or {}
    for one in status.get("conditions") or ():
        if one.get("type") == FAILING and one.get("status") == "True":
            advice = "docs/notifications.md says what the administrator must allow; tidegate notify-test tries it"
            return [Result(CHECK, Level.WARNING, str(one.get("message") or one.get("reason")), advice)]
    messages = (status.get("notifications") or {}).get("messages") or ()
    sent = sum(one.get("outcome") == "Sent" for one in messages)
    if not sent:
        advice = "tidegate notify-test sends one"
        return [Result(CHECK, Level.OK, f"receivers: {len(receivers)}; no message has been sent yet", advice)]
    return [Result(CHECK, Level.OK, f"receivers: {len(receivers)}; the newest messages were sent")]
