"""When a run under way ends if all stays well: the timeline of `tidegate plan`, from where the run is now."""

from __future__ import annotations

import math
from datetime import datetime

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core import gates
from tidegate.core.model.time_format import instant
from tidegate.core.run.timeline import timeline


def expected_end(status: RolloutStatus, spec: RolloutSpec | None, now: float) -> datetime | None:
    """When the last step ends: gates of the calendar counted, what people have to give taken as given.

    Args:
        status: of the Rollout.
        spec: the one in force.
        now: epoch seconds.

    Returns: `None` where the run stands still, or nobody can know.
    """
    run, step = status.run, status.step
    if run is None or spec is None or run.promotion is not None:
        return None
    if spec.paused or run.paused is not None or run.hold is not None or run.ending is not None:
        return None
    names = [one.name for one in spec.steps]
    place = names.index(step.name) if step is not None and step.name in names else -1
    ends = now
    if step is not None and place >= 0:
        left = max(spec.steps[place].duration.seconds - step.watched, 0.0)
        ends = step.expected_end.timestamp() if step.expected_end is not None and step.reached else now + left
        ends = max(ends, now)
    rest = spec.steps[place + 1 :]
    if rest:
        ahead = spec.model_copy(update={"steps": rest})
        ends += timeline(ahead, instant(ends), gates.times(run.begun))[-1].end
    return instant(ends) if math.isfinite(ends) else None
