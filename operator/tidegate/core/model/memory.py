"""What a tick remembers: the status as last recorded, and what only this process knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tidegate.api.reasons import Reason
from tidegate.api.rollout.status import RolloutStatus


@dataclass(frozen=True)
class Refusal:
    """A write that the API server refused, or did not answer again and again."""

    reason: Reason
    message: str
    since: float
    """Epoch seconds of the last refusal."""


@dataclass(frozen=True)
class Memory:
    """A Rollout's memory.

    `status` survives the process; the rest does not, and its absence means "nobody watched until now".
    """

    status: RolloutStatus = field(default_factory=RolloutStatus)
    last_tick: float | None = None
    """Epoch seconds of the tick before, in this process."""
    last_judged: float | None = None
    """Epoch seconds of the tick that last asked its queries."""
    present: float | None = None
    """Watched seconds since an absence; `None`: there was none in this step."""
    unreadable: str = ""
    """What of the stored status this version could not read, in words: nothing is raised while that is so."""
    refused: Refusal | None = None
    """The write that was refused last, until one succeeds."""
    not_scaled: Refusal | None = None
    """Why the candidate could not be scaled when that was last tried, until it can be."""
    corrections: tuple[float, ...] = ()
    """Epoch seconds of the last times that somebody else's higher weight was corrected, oldest first."""
    lowered: Mapping[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    """What the routes had when an edit or a breach lowered the weight, until they follow, by route and rule: baseline, candidate, mirror."""
    unmet: Mapping[str, str] = field(default_factory=dict)
    """What was said of the checks of the gate that were not met when they were last evaluated, by identity."""
    watching: bool = False
    """At the tick before, the weight on the route was the one decided, and nothing paused the step."""


def judged(memory: Memory, later: Memory, *, decided: bool = False) -> Memory:
    """`memory` with what a later judgement has found: where the guards stand, what data is missing, a hold, the time that was watched.

    Nothing of another run, and nothing of another stage of the promotion: there another arm serves.

    Args:
        memory: of before.
        later: with the judgement.
        decided: `later` was decided on `memory`: a hold that it no longer has is over.
    """
    run, found = memory.status.run, later.status.run
    if run is None or found is None or run.id != found.id:
        return memory
    stages = [one.promotion.stage if one.promotion is not None else "" for one in (run, found)]
    if stages[0] != stages[1]:
        return memory
    over = decided and found.hold is None and found.ending is None
    changes = {
        "watched": max(run.watched, found.watched),
        "unavailable": found.unavailable,
        # One that restarts the step ends with that.
        "hold": None if over and run.hold is not None and not run.hold.restart else found.hold or run.hold,
    }
    status = memory.status.model_copy(
        update={
            "run": run.model_copy(update=changes),
            "guards": later.status.guards,
            "missing_data": later.status.missing_data,
        }
    )
    return replace(
        memory, status=status, last_tick=later.last_tick, last_judged=later.last_judged, present=later.present
    )
