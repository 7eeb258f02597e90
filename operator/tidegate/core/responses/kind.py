"""What a kind of response is: what it does to the run, and how it is described."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidegate.api.reasons import Reason
from tidegate.api.rollout.responses import AfterHold
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.tick.draft import Draft


@dataclass(frozen=True)
class Breach:
    """What is responded to: a limit that is breached, or data that is missing for too long."""

    reason: Reason
    """Such as `GuardBreached`."""
    message: str
    after_hold: AfterHold = AfterHold.CONTINUE
    hold_reason: Reason = Reason.HOLDING
    """The reason of a hold that comes of it."""
    new: bool = True
    """It was none at the evaluation before."""
    limit: Threshold | None = None
    """The limit that is breached; `None` where data is missing."""


class ResponseKind(Protocol):
    """One kind of response."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Does it: the plan and the status of the run change."""
        ...

    def describe(self, limit: Threshold) -> str:
        """What it does at a breach of the limit, in a few words for a person."""
        ...
