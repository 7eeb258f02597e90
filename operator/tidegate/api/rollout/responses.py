"""What a breach, or missing data, does."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from tidegate.api.model import ApiModel, Rule
from tidegate.api.values.names import StepName
from tidegate.api.values.scalars import Weight


class Response(StrEnum):
    """What a breach does, the most severe first."""

    REVERT = "Revert"
    STEP_BACK = "StepBack"
    HOLD = "Hold"
    SCALE = "Scale"
    RUN_JOB = "RunJob"
    WARN = "Warn"

    @property
    def takes_traffic(self) -> bool:
        """Whether it takes traffic from the candidate: then it matters whose fault the breach is."""
        return self in {Response.REVERT, Response.STEP_BACK}

    @property
    def blocks_raise(self) -> bool:
        """Whether the candidate is given no more while the breach lasts."""
        return self is not Response.WARN

    @property
    def goes_on(self) -> bool:
        """Whether the run goes on beside it: it is done whatever else is breached, and stands in no other's place."""
        return self in {Response.SCALE, Response.RUN_JOB, Response.WARN}


class MissingDataResponse(StrEnum):
    """What missing data does."""

    REVERT = "Revert"
    HOLD = "Hold"
    WARN = "Warn"


class AfterHold(StrEnum):
    """How the step continues when a hold ends."""

    CONTINUE = "Continue"
    RESTART = "Restart"


class StepBackGates(StrEnum):
    """Whether gates that were open once are asked again."""

    KEEP = "Keep"
    ASK = "Ask"


class StepBack(ApiModel):
    """Where `onBreach: StepBack` goes."""

    step: StepName | None = None
    """An earlier step of this Rollout: the run goes back to it."""
    weight: Weight | None = None
    """A lower weight: the run stays in its step, which restarts."""
    gates: StepBackGates = StepBackGates.KEEP
    """Whether the gates of the steps between the two must open again, as those of the step with the breach and of later ones must: `Ask`, or `Keep`, the default. Approvals given for a gate that must open again are void."""

    cel_rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.step) != has(self.weight)",
            "give either 'step' or 'weight'",
            holds=lambda self: (self.step is None) != (self.weight is None),
        ),
    )
