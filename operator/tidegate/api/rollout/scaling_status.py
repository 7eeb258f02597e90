"""`Rollout.status.scaling`: what the operator did to the number of the candidate's pods. Part of status.py, which says what the marks mean."""

from __future__ import annotations

from datetime import datetime

from tidegate.api.model import Percent, StatusModel, Words


class ScalingStatus(StatusModel):
    """What the operator did to the number of the candidate's pods. Operator state: recorded before the Deployment is written."""

    replicas: int | None = None
    """The number written last."""
    time: datetime | None = None
    """When."""
    cause: Words = ""
    """Why."""
    weight: Percent = 0
    """The largest share of all requests, percent, that the candidate had with it."""
    seen: bool = False
    """It was seen on the Deployment: a different number from now on was written by another client."""
    fought: int = 0
    """Times in a row that another client changed it back."""
    responded: datetime | None = None
    """When a breach was last responded to: the cooldown counts from here."""
    refused: Words = ""
    """Why the candidate is not scaled: what else scales it. Absent when nothing does."""
    refused_at: datetime | None = None
    """When that was last checked."""
    ended: str = ""
    """The run after which the candidate was scaled as `afterEnd` says."""
    before: int | None = None
    """Its size before it was scaled down after a run: the next run restores it."""
    rest: int = 0
    """The size it was scaled down to."""
