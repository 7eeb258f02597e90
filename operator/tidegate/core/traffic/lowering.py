"""A weight that a breach has lowered, until the routes were seen to follow: nothing delays that, whether the run goes on or ends."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.status import RolloutStatus

STEPPED_BACK = Reason.STEPPED_BACK
"""The reason of the pause after a `StepBack`."""


def unfinished(status: RolloutStatus) -> bool:
    """Whether a breach took a cohort back or went a step back, and a route may still give the candidate what it had before."""
    run, step = status.run, status.step
    if run is None:
        return False
    stepped_back = run.paused is not None and run.paused.reason == STEPPED_BACK
    if stepped_back and step is not None and not step.seen:
        return True
    return any(one.reverted is not None and not one.reverted.done for one in run.cohorts or ())
