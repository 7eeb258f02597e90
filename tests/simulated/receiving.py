"""A Rollout with a receiver, and what that was told."""

from __future__ import annotations

from typing import Any

from tests.simulated.shop import Shop, spec
from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.core.model.message import Message

EVERY = [str(one) for one in NotificationEvent]
LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]
HOLDS = [{"metric": "errors", "max": "5%", "onBreach": "Hold"}]


def telling(*events: str, **changes: object) -> dict[str, Any]:
    receiver = {"secret": {"name": "chat"}, "events": list(events or EVERY)}
    return spec(notifications=[receiver], **changes)


def told(shop: Shop) -> list[str]:
    """The events in order, the resolved ones marked."""
    return [f"{'-' if one.resolved else ''}{one.event}" for _, _, one in shop.cluster.messages]


def message(shop: Shop, event: str, *, resolved: bool = False) -> Message:
    found = [one for _, _, one in shop.cluster.messages if (one.event, one.resolved) == (event, resolved)]
    assert len(found) == 1, told(shop)
    return found[0]
