"""`Revert`: the run ends and every weight is restored; or one cohort is taken back, and the run goes on for the others."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.thresholds import Scope, Threshold
from tidegate.core.responses.kind import Breach
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import cohorts


@dataclass(frozen=True)
class Revert:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Ends the run; or takes back a cohort, and ends the run when no other target gives or will give traffic."""
        cohort = breach.limit.cohort if breach.limit is not None and cohorts.takes_cohort(draft, breach.limit) else None
        if cohort is not None:
            cohorts.take_back(draft, cohort, breach.reason, breach.message)
        if cohort is None or not cohorts.leaves_traffic(draft):
            draft.end(RunEnd.REVERTED, breach.reason, breach.message)

    def describe(self, limit: Threshold) -> str:
        """What it does, for a person."""
        return f"revert cohort {limit.cohort} alone" if limit.scope is Scope.COHORT else "revert"
