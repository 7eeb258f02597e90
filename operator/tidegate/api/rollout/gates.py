"""What must be true before a step may raise the weight."""

from __future__ import annotations

from tidegate.api.model import ApiModel
from tidegate.api.values.names import Instant, StepName
from tidegate.api.values.scalars import Duration


class SinceStep(ApiModel):
    """A calendar distance from an earlier step."""

    step: StepName
    """Name of an earlier step of this Rollout."""
    elapsed: Duration
    """Time by the clock since that step's weight was first set."""


class Gate(ApiModel):
    """What must be true before a step may raise the weight. All that is given must be true."""

    after: Instant | None = None
    """Not before this instant (RFC 3339, for example `2026-11-21T14:00:00Z`)."""
    since_step: SinceStep | None = None
    """Not before so much time has passed since an earlier step began."""
