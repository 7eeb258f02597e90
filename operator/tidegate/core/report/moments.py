"""The timeline of a run: what was decided, as far as it is known.

Decisions that were told while somebody listened are exact. Of the time before, what the status remembers stands in: when the run
and its steps began, the checkpoints, the approvals, and why it stands still or ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.report import Moment
from tidegate.api.rollout.status import HistoryEntry, RolloutStatus

MOST: Final = 200
"""Lines of a timeline: the newest are kept."""
ALIKE: Final = timedelta(seconds=5)
"""Two lines so near each other that say the same are one."""


def moments(
    status: RolloutStatus, ended: HistoryEntry | None, told: Sequence[Moment], weights: Iterable[Moment] = ()
) -> tuple[Moment, ...]:
    """The lines, oldest first.

    Args:
        status: while the run was under way, as far as that is known; else as it is now.
        ended: the run's entry in the history, once it has ended.
        told: decisions that were heard.
        weights: writes of the weight, where they are known.
    """
    first = min((one.time for one in told), default=None)
    whole = any(one.what == Reason.RUN_STARTED for one in told)  # heard from its start on, if a moment late
    kept = [one for one in _remembered(status, ended) if not whole and (first is None or one.time < first)]
    if ended is not None and not any(one.what in {ended.outcome, ended.reason} for one in told):
        kept.append(Moment(time=ended.end_time, what=ended.outcome, why=ended.message or ended.reason))
    found = sorted([*kept, *told, *weights], key=lambda one: one.time)
    return tuple(_once(found))[-MOST:]


def _remembered(status: RolloutStatus, ended: HistoryEntry | None) -> Iterator[Moment]:
    run = status.run
    start = run.start_time if run is not None else ended.start_time if ended is not None else None
    if start is None:
        return
    yield Moment(time=start, what="RunStarted")
    for step in run.begun if run is not None else ():
        yield Moment(time=step.time, what="StepStarted", why=f"step {step.name}")
    for one in status.checkpoints:
        if one.time >= start:
            yield Moment(time=one.time, what=f"Checkpoint{one.verdict}", why=f"{one.at} into step {one.step}")
    for given in status.approvals:
        why = f"{given.name} by {given.person or 'an unknown user'} for step {given.step}"
        yield Moment(time=given.time, what="Approved", why=f"{why}: {given.reason}" if given.reason else why)
    yield from (one for one in _scaled(status) if one.time >= start)
    if run is not None:
        for stand in (run.paused, run.hold, run.waiting):
            if stand is not None:
                yield Moment(time=stand.since, what=stand.reason, why=stand.message)
        if run.ending is not None:
            yield Moment(time=run.ending.since, what=run.ending.reason, why=run.ending.evidence)


def _scaled(status: RolloutStatus) -> Iterator[Moment]:
    """The last change of the candidate's number of pods, and why there is none."""
    memory = status.scaling
    if memory is None:
        return
    if memory.time is not None:
        why = f"the candidate is scaled to {memory.replicas} pods: {memory.cause}"
        yield Moment(time=memory.time, what="CandidateScaled", why=why)
    if memory.refused and memory.refused_at is not None:
        yield Moment(time=memory.refused_at, what="ScaleRefused", why=memory.refused)


def _once(found: Sequence[Moment]) -> Iterator[Moment]:
    said: dict[tuple[str, str], datetime] = {}
    for one in found:
        key = (one.what, one.why)
        if one.weight is None and key in said and one.time - said[key] <= ALIKE:
            continue
        said[key] = one.time
        yield one
