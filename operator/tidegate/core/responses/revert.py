"""`Revert`: the run ends and every weight is put back."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.responses.kind import Breach
from tidegate.core.tick.draft import Draft


@dataclass(frozen=True)
class Revert:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Ends the run."""
        draft.end(RunEnd.REVERTED, breach.reason, breach.message)

    def describe(self, line: Threshold) -> str:  # noqa: ARG002  (of no account here)
        """What it does, for a person."""
        return "revert"
