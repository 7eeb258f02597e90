"""The gate that a run waits at, for people: what is closed, since when, who can open it, and when it can open next."""

from __future__ import annotations

import math

from tidegate.api.rollout.status import ClosedPartStatus, GateStatus
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates.kind import Closed
from tidegate.core.gates.step_hash import hash_of
from tidegate.core.model.time_format import instant
from tidegate.core.run.steps import awaited_step
from tidegate.core.tick.context import TickContext


def gate_status(before: GateStatus | None, draft: TickContext) -> GateStatus | None:
    """The gate of the step that is awaited; `None` while it is open, and where none is awaited.

    Args:
        before: as last recorded: what is still closed keeps its `since`.
        draft: the tick.
    """
    step = awaited_step(draft)
    if step is None:
        return None
    asked = gates.before(draft, step)
    by_step = [(one.context.step.name, gates.shut([one])) for one in asked]
    closed = [part for _, parts in by_step for part in parts]
    words = (f"step {name}: {'; '.join(one.message for one in parts)}" for name, parts in by_step if parts)
    if not closed:
        return None
    opens = gates.opens(asked, people=False)
    return GateStatus(
        step=step.name,
        step_hash=hash_of(step),
        summary="; ".join(words)[:512],
        closed=tuple(_part(before, step, one, draft.now) for one in closed),
        opens=instant(opens) if draft.now < opens < math.inf else None,
    )


def _part(before: GateStatus | None, step: Step, closed: Closed, now: float) -> ClosedPartStatus:
    known = before.closed if before is not None and before.step == step.name else ()
    since = next((one.since for one in known if one.part == closed.part), instant(now))
    return ClosedPartStatus(
        part=closed.part,
        message=closed.message[:512],
        since=since,
        people=closed.people[:512],
        opens=instant(closed.opens) if math.isfinite(closed.opens) else None,
    )
