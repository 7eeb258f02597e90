"""What a breach, or missing data, does."""

from __future__ import annotations

from enum import StrEnum


class Response(StrEnum):
    """What a breach does, the most severe first."""

    REVERT = "Revert"
    HOLD = "Hold"
    WARN = "Warn"

    @property
    def ends_traffic(self) -> bool:
        """Whether it takes the candidate's traffic away: then it matters whose fault the breach is."""
        return self is Response.REVERT

    @property
    def blocks_raise(self) -> bool:
        """Whether the candidate is given no more while the breach lasts."""
        return self is not Response.WARN


class AfterHold(StrEnum):
    """How the step continues when a hold ends."""

    CONTINUE = "Continue"
    RESTART = "Restart"
