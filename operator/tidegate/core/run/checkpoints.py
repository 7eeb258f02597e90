"""When a step's thresholds are judged: the offsets of its checkpoints, in watched seconds."""

from __future__ import annotations

from functools import lru_cache

from tidegate.api.rollout.steps import Checkpoint, Step

MOST = 20_000
"""Offsets of one step, at most: a checkpoint a minute for two weeks."""

KNOWN = 8
"""Steps whose offsets are kept: a tick asks for them several times."""


def offsets(step: Step) -> tuple[float, ...]:
    """The offsets of the step's checkpoints in seconds, ascending; the last one is the end of the duration."""
    return _offsets(step.checkpoints, step.duration.seconds)


@lru_cache(maxsize=KNOWN)
def _offsets(checkpoints: tuple[Checkpoint, ...], end: float) -> tuple[float, ...]:
    found: list[float] = []
    before = 0.0
    for entry in checkpoints:
        if entry.at is not None:
            before = entry.at.seconds
            found.append(before)
        elif entry.every is not None:
            until = min(entry.until.seconds, end) if entry.until is not None else end
            distance = max(entry.every.seconds, 1.0)
            while before + distance <= until and len(found) < MOST:
                before += distance
                found.append(before)
    inside = sorted({offset for offset in found if 0 < offset < end})
    return (*inside, end)


def reached(step: Step, watched: float, judged: float) -> float | None:
    """The newest checkpoint reached after `watched` seconds that has no verdict yet; `None` when there is none.

    Args:
        step: the step.
        watched: watched seconds of its duration.
        judged: offset of the last checkpoint with a verdict, -1 for none.
    """
    due = [offset for offset in offsets(step) if judged < offset <= watched + 1e-6]
    return due[-1] if due else None


def following(step: Step, watched: float) -> float | None:
    """The next checkpoint after `watched` seconds; `None` at the end."""
    return next((offset for offset in offsets(step) if offset > watched + 1e-6), None)
