"""Claims: a Deployment, or a pair of backends of a route, belongs to one Rollout."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What one Rollout holds."""

    name: str
    uid: str
    active: bool
    """It has a run under way."""
    created: float
    """Epoch seconds."""
    things: frozenset[str]
    """Such as `Deployment/checkout` and `HTTPRoute/checkout: checkout, checkout-canary`."""


def stronger(mine: Claim, others: Iterable[Claim]) -> tuple[Claim, str] | None:
    """The Rollout that holds something of ours by a better right, and that thing: an active run wins, then the older."""
    for other in others:
        shared = sorted(mine.things & other.things)
        if shared and (not other.active, other.created, other.uid) < (not mine.active, mine.created, mine.uid):
            return other, shared[0]
    return None
