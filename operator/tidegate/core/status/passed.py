"""What has come to pass since it was last noted: starts, steps, checkpoints, promotions and ends of runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Final

from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import CheckpointStatus, FindingStatus, HistoryEntry, MessagesStatus, RolloutStatus
from tidegate.core.model.finding import State
from tidegate.core.model.time_format import instant
from tidegate.core.status.happenings import LONGEST, LONGEST_SUBJECT, So

ENDS: Final[Mapping[str, NotificationEvent]] = {
    RunEnd.SUCCEEDED: NotificationEvent.SUCCEEDED,
    RunEnd.REVERTED: NotificationEvent.REVERTED,
    RunEnd.ABORTED: NotificationEvent.ABORTED,
    RunEnd.SUPERSEDED: NotificationEvent.SUPERSEDED,
    RunEnd.DELETED: NotificationEvent.DELETED,
}
"""The event of each end."""


def passed(before: MessagesStatus, status: RolloutStatus, now: float) -> Iterator[So]:
    """What has come to pass since `before` was noted, oldest first.

    Args:
        before: what was noted.
        status: after the plan.
        now: epoch seconds.
    """
    for entry in reversed(_ended(before, status)):
        event = ENDS.get(entry.outcome)
        if event is not None:
            yield So(event, entry.reason, entry.message, entry.end_time)
    run = status.run
    if run is None:
        return
    same = run.id == before.run
    if not same:
        yield So(NotificationEvent.STARTED, "", f"a run of {', '.join(run.version.images)} began", run.start_time)
    evaluated = [
        So(NotificationEvent.CHECKPOINT, _named(one), evidence(one), one.time)
        for one in reversed(_evaluated(before.checkpoint if same else "", status))
    ]
    reached = [
        So(NotificationEvent.STEP_REACHED, step.name, f"step {step.name} began", step.time)
        for step in run.begun[before.steps if same else 0 :]
    ]
    yield from sorted((*evaluated, *reached), key=lambda one: one.since)
    if run.promotion is not None and not (same and before.promoting):
        words = "every step has passed, and the version becomes the baseline"
        yield So(NotificationEvent.PROMOTING, "", words, instant(now))


def _evaluated(noted: str | None, status: RolloutStatus) -> list[CheckpointStatus]:
    """The checkpoints that were evaluated since the one that was noted last, newest first; not those that passed in an absence."""
    new = itertools.takewhile(lambda one: _mark(one) != noted, status.checkpoints)
    return [one for one in new if one.verdict != "Undecided"] if noted is not None else []


def newest(status: RolloutStatus) -> str:
    """The mark of the newest checkpoint of the run; empty without one."""
    return _mark(status.checkpoints[0]) if status.run is not None and status.checkpoints else ""


def _named(checkpoint: CheckpointStatus) -> str:
    """Such as `canary 1h`: of a long name of a step the end is left out, never the time."""
    return f"{checkpoint.step[: LONGEST_SUBJECT - len(checkpoint.at) - 1]} {checkpoint.at}"


def _mark(checkpoint: CheckpointStatus) -> str:
    return f"{checkpoint.step} {checkpoint.at} {checkpoint.time.timestamp():.3f}"


def evidence(checkpoint: CheckpointStatus) -> str:
    """The verdict with each limit: what is not met first, thresholds before guards."""
    findings = sorted(checkpoint.findings, key=lambda one: (one.state == State.OK, one.guard))
    words = [_in_words(one) for one in findings]
    for left in range(len(words), 0, -1):
        more = f", and {len(words) - left} more" if left < len(words) else ""
        text = f"{checkpoint.verdict}: {', '.join(words[:left])}{more}"
        if len(text) <= LONGEST:
            return text
    return checkpoint.verdict if words else f"{checkpoint.verdict}: nothing was evaluated"


def _in_words(finding: FindingStatus) -> str:
    """A limit with what was found, and for counts what they leave possible."""
    counts = f"; {finding.counts}" if finding.counts else ""
    possible = f" leaves {finding.possible} possible" if finding.counts and finding.possible else ""
    state = f" {finding.state}" if finding.state != State.OK else ""
    value = f" {finding.value}" if finding.value else ""
    return f"{finding.metric}{value}{state} ({finding.limit}{counts}{possible})"


def _ended(before: MessagesStatus, status: RolloutStatus) -> list[HistoryEntry]:
    """The runs that ended since, newest first."""
    found = []
    for entry in status.history:
        if entry.id == before.ended:
            break
        found.append(entry)
    return found if before.ended else found[:1]
