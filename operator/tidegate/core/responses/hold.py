"""`Hold`: the run stands still until no limit is breached any more."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.rollout.responses import AfterHold
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.responses.kind import Breach
from tidegate.core.tick.draft import Draft


@dataclass(frozen=True)
class Hold:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Stands still."""
        draft.hold(breach.hold_reason, breach.message, restart=breach.after_hold is AfterHold.RESTART)

    def describe(self, limit: Threshold) -> str:
        """What it does, for a person."""
        if limit.after_hold is AfterHold.RESTART:
            return "hold until all limits are met, then restart the duration"
        return "hold until all limits are met"
