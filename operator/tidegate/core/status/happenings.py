"""What a message of `spec.notifications` can be of: something that is so now and lasts, or that has come to pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.api.rollout.notifications import NotificationEvent

LONGEST: Final = 400
"""Characters of a message's reason while it is in progress."""
LONGEST_SUBJECT: Final = 63
"""Characters of what a message is of, such as a step's name."""


@dataclass(frozen=True)
class So:
    """Something that is so now, or has come to pass."""

    event: NotificationEvent
    subject: str
    message: str
    since: datetime
