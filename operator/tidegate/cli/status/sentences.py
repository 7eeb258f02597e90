"""The sentences of `tidegate status`, the most urgent first, each thing said once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import Condition, HistoryEntry, StepStatus
from tidegate.cli.status.told import Told, version_in_words
from tidegate.core.model.time_format import in_words
from tidegate.core.tick.open import HEARTBEAT

AWAY_AFTER: Final = 2 * HEARTBEAT
"""Seconds without a record of a run under way until the operator may be away: it records at least every `HEARTBEAT`."""
LATE: Final = 120.0
"""Seconds after which something that was due has not happened."""
PUT_BACK: Final = frozenset({RunEnd.REVERTED, RunEnd.ABORTED})


def sentences(told: Told) -> Iterator[str]:
    """See the module."""
    said: list[str] = []
    for line in _all(told):
        if line and not any(line in before for before in said):
            said.append(line)
            yield line


def _all(told: Told) -> Iterator[str]:
    status = told.status
    yield from _deletion(told)
    yield _absence(told)
    reverted = _reverted(told)
    if reverted is not None:
        yield from reverted
    else:
        yield status.message
    yield from _versions(told)
    yield from _cohorts(told)
    yield from _mirror(told)
    yield from _run(told)
    yield from _conditions(told)
    if status.next_check_time is not None and not _stands_still(told) and status.next_check_time >= told.now:
        yield f"Next checkpoint or gate: {told.moment(status.next_check_time)}"


def _deletion(told: Told) -> Iterator[str]:
    if told.deleting is None:
        return
    ours = FINALIZER in told.finalizers
    others = [name for name in told.finalizers if name != FINALIZER]
    waits = ["the weights to be restored"] if ours else []
    waits += [f"finalizer {name}" for name in others]
    yield (
        f"It is being deleted since {told.moment(told.deleting)}, and waits for {' and '.join(waits) or 'the API server'}"
    )
    if ours and (told.now - told.deleting).total_seconds() > LATE:
        yield f"That has not been done for {in_words((told.now - told.deleting).total_seconds() // 1)}: is the operator running?"


def _absence(told: Told) -> str:
    """That the operator seems to be away; empty when nothing speaks for it."""
    run, due = told.status.run, told.status.next_check_time
    if run is not None and run.heartbeat is not None:
        silent = (told.now - run.heartbeat).total_seconds()
        if silent > AWAY_AFTER:
            return _away(f"the status has not been updated for {in_words(silent // 1)}")
    if run is not None and due is not None and not _stands_still(told) and (told.now - due).total_seconds() > LATE:
        return _away(f"a checkpoint or gate was due at {told.moment(due)}")
    if told.generation > max(told.status.observed_generation, 0) > 0:
        return "The newest edit of the spec has not been reconciled yet."
    return ""


def _away(why: str) -> str:
    return f"The operator may be down: {why}. While it is down, no weight changes and nothing is reverted."


def _reverted(told: Told) -> Iterator[str] | None:
    """Which version was reverted, when and why, and how it is tried again; `None` when none was."""
    last = told.status.history[0] if told.status.history else None
    rejected = told.status.rejected
    if told.status.run is not None or last is None or rejected is None or last.outcome not in PUT_BACK:
        return None
    return _was_reverted(told, last)


def _was_reverted(told: Told, last: HistoryEntry) -> Iterator[str]:
    what = version_in_words(last.version) or "The version"
    yield f"{what} was reverted at {told.moment(last.end_time)} (run {last.id}): {last.message or last.reason}"
    candidate = told.deployment("candidate")
    where = f" -n {told.namespace}" if told.namespace else ""
    yield f"It is not tried again until {candidate} changes, or: tidegate retry {told.name}{where}"
    if told.status.message and not told.status.message.endswith(last.message or last.reason):
        yield told.status.message


def _versions(told: Told) -> Iterator[str]:
    """What is in service, and what is on trial."""
    status = told.status
    run, weight = status.run, status.weight
    serving = version_in_words(run.baseline if run is not None and run.baseline is not None else status.released)
    seen = weight.observed if weight is not None else None
    if serving:
        share = f", {100 - seen:g}%" if seen is not None else ""
        yield f"In service: {told.deployment('baseline')} with {serving}{share}"
    if run is not None:
        trial = version_in_words(run.version) or "a version without an image"
        yield f"Under test: {told.deployment('candidate')} with {trial}, {_share(told)}"
    elif weight is not None:
        yield f"Candidate: {told.deployment('candidate')}, {_share(told)}"


def _cohorts(told: Told) -> Iterator[str]:
    """Each cohort's share, in a run."""
    for one in (told.status.cohorts or ()) if told.status.run is not None else ():
        seen = "the route could not be read" if one.observed is None else f"{one.observed:g}% on the route"
        share = f"{one.desired:g}%" if one.observed == one.desired else f"{one.desired:g}% desired, {seen}"
        yield f"Cohort {one.name}: {share}{f'; {one.message}' if one.message else ''}"


def _mirror(told: Told) -> Iterator[str]:
    """What is copied to the candidate: said while anything is wanted or there."""
    mirror = told.status.mirror
    if mirror is None or not (mirror.desired or mirror.observed):
        return
    seen = "the route could not be read" if mirror.observed is None else f"{mirror.observed}% on the route"
    share = f"{mirror.desired}%" if mirror.observed == mirror.desired else f"{mirror.desired}% desired, {seen}"
    yield f"Requests mirrored to the candidate: {share}; users get only the baseline's answers"


def _share(told: Told) -> str:
    weight = told.status.weight
    if weight is None:
        return "weight not known"
    if weight.observed is None:
        return f"{weight.desired:g}% desired, the route could not be read"
    if abs(weight.observed - weight.desired) < 0.001:
        return f"{weight.observed:g}%"
    return f"{weight.observed:g}% on the route, {weight.desired:g}% desired"


def _run(told: Told) -> Iterator[str]:
    run, step = told.status.run, told.status.step
    if run is None:
        return
    yield f"Run {run.id}, since {told.moment(run.start_time)}"
    if step is not None:
        yield _step(told, step)
    if run.ending is not None:
        yield f"It is being ended ({run.ending.reason}){_further(run.ending.evidence, told)}"
    if run.paused is not None:
        yield f"It is paused ({run.paused.reason}) since {told.moment(run.paused.since)}{_further(run.paused.message, told)}"
    if run.hold is not None:
        yield f"It is on hold ({run.hold.reason}) since {told.moment(run.hold.since)}{_further(run.hold.message, told)}"
    if run.waiting is not None:
        yield f"It waits ({run.waiting.reason}) since {told.moment(run.waiting.since)}{_further(run.waiting.message, told)}"


def _step(told: Told, step: StepStatus) -> str:
    name = f"Step {step.summary or step.name} at {step.weight:g}%"
    if not step.reached:
        return f"{name}: its weight is not on the route yet"
    duration, end = told.duration_of(step.name), _end(told)
    watched = step.watched
    if end is not None and duration is not None:
        watched = min(max(duration - (end - told.now).total_seconds(), step.watched), duration)
    of = f" of {in_words(duration)}" if duration else ""
    ends = f", ends about {told.moment(end)}" if end is not None and end > told.now else ""
    return f"{name}: watched for {in_words(watched // 1)}{of}{ends}"


def _end(told: Told) -> datetime | None:
    """When the step's duration ends; `None` while its time stands still."""
    step = told.status.step
    return step.expected_end if step is not None and not _stands_still(told) else None


def _stands_still(told: Told) -> bool:
    """Whether the step's time does not count: a pause, a hold, an end, or something that is waited for."""
    run = told.status.run
    paused = bool(told.spec.get("paused")) is True
    return run is None or paused or any(one is not None for one in (run.paused, run.hold, run.ending, run.waiting))


def _conditions(told: Told) -> Iterator[str]:
    """The conditions in one line, and what they say that nothing before them did."""
    found = told.status.conditions
    if found:
        yield "Conditions: " + ", ".join(f"{one.type} {one.status} ({one.reason})" for one in found)
    for one in found:
        if not _said_elsewhere(one, told):
            yield f"{one.type}: {one.message}"


def _said_elsewhere(condition: Condition, told: Told) -> bool:
    """Whether a condition's words are those of another line or table, or say only that all is well."""
    words = condition.message
    status = told.status
    if not words or condition.type == "MissingData" or words == status.message:
        return True
    if condition.type in {"Ready", "Reconciling", "Stalled"}:
        last = status.history[0].message if status.history else ""
        return (
            status.run is not None or (condition.status == "True" and condition.type == "Ready") or last in words != ""
        )
    return condition.status == "True" and condition.type == "RevertReady"


def _further(message: str, told: Told) -> str:
    """A message, where it is not what the first line says already."""
    return f": {message}" if message and message not in told.status.message else ""
