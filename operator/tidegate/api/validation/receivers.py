"""Warnings about `spec.notifications`: receivers that get an event twice, and events that none gets."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.problems import Where


def receivers(spec: RolloutSpec) -> Iterator[tuple[Where, str]]:
    """The warnings, each with its place."""
    known: dict[tuple[str, str, str], set[NotificationEvent]] = {}
    for index, one in enumerate(spec.notifications):
        place = (str(one.kind), one.secret.name, one.secret.key)
        twice = sorted(known.setdefault(place, set()) & set(one.events))
        if twice:
            yield ("spec", "notifications", index), f"the same receiver gets {', '.join(twice)} twice"
        known[place] |= set(one.events)
    told = {event for events in known.values() for event in events}
    awaits = any(step.gate is not None and step.gate.approvals for step in spec.steps)
    if told and awaits and NotificationEvent.AWAITING not in told:
        yield ("spec", "notifications"), "a step awaits approvals, and no receiver is notified: add the event Awaiting"
