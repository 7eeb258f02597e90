"""A weight that a breach has lowered, until the routes were seen to follow: nothing delays that, whether the run goes on or ends."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import Stage
from tidegate.api.rollout.status import RolloutStatus, RunStatus

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


def sent_back(status: RolloutStatus) -> bool:
    """Whether the traffic goes back to the candidate after the promoted baseline breached: a revert by its nature."""
    promotion = status.run.promotion if status.run is not None else None
    return promotion is not None and promotion.stage == Stage.SENT_BACK


def urgent_before(status: RolloutStatus) -> bool:
    """Whether the run goes on, and an urgent write that was decided before may still be tried again."""
    return unfinished(status) or sent_back(status)


def goes_before(status: RolloutStatus, later: RolloutStatus) -> bool:
    """Whether what was decided later takes the place of an urgent write of a run that goes on: it ends the run, or takes more.

    Args:
        status: with what is being written.
        later: with what was decided meanwhile.
    """
    before, now = status.run, later.run
    if before is None or now is None:
        return before is not None
    if now.ending is not None:
        return before.ending is None
    weights, lower = _weights(before), _weights(now)
    return any(lower.get(name, 0.0) < weight for name, weight in weights.items())


def _weights(run: RunStatus) -> dict[str, float]:
    """What was decided for each target; without a cohort under an empty name, mirrored under none that a cohort can have."""
    cohorts = {one.name: one.weight for one in run.cohorts or ()}
    return {"": run.weight, "/mirror": float(run.mirror or 0), **cohorts}
