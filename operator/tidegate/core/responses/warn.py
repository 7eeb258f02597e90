"""`Warn`: people are told, the run continues."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.responses.kind import Breach
from tidegate.core.tick.draft import Draft


@dataclass(frozen=True)
class Warn:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Tells people once."""
        if breach.new:
            draft.say(breach.reason, breach.message, warning=True)

    def describe(self, limit: Threshold) -> str:  # noqa: ARG002  (of no account here)
        """What it does, for a person."""
        return "warn"
