"""What is so now and lasts: holds, warnings, missing data, waits for a person, and conditions that are told of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tidegate.api.reasons import Reason
from tidegate.api.rollout.notifications import NotificationEvent
from tidegate.api.rollout.responses import Response
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import Condition, GateStatus, RolloutStatus
from tidegate.core.judging.missing_data import LEAST_ANSWERS
from tidegate.core.model.finding import State
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import instant
from tidegate.core.status.happenings import So


def standing(status: RolloutStatus, spec: RolloutSpec, attention: Why | None, now: float) -> Iterator[So]:
    """What is so now, and lasts.

    Args:
        status: after the plan, with its conditions.
        spec: in force.
        attention: why the run waits for a person, if it does.
        now: epoch seconds.
    """
    run = status.run
    if run is not None and run.ending is None:
        if run.hold is not None:
            yield So(NotificationEvent.HELD, run.hold.reason, run.hold.message, run.hold.since)
        yield from _warned(status, spec)
        for missing in status.missing_data:
            if missing.answers >= LEAST_ANSWERS:
                yield So(NotificationEvent.MISSING_DATA, missing.metric, missing.message, missing.since)
    if attention is not None:
        yield from _awaited(status, attention, now)
    for one in status.conditions:
        event = _of_condition(one)
        if event is not None:
            yield So(event, one.reason, one.message, one.last_transition_time)


def _awaited(status: RolloutStatus, attention: Why, now: float) -> Iterator[So]:
    """The person that is waited for: at a gate, until it opens, or by a run that is paused."""
    run = status.run
    waiting = run.waiting if run is not None else status.waiting
    since = waiting.since if waiting is not None and waiting.reason == attention.reason else instant(now)
    match attention.reason:
        case Reason.AWAITING_BASELINE:
            yield So(NotificationEvent.AWAITING, attention.reason, attention.message, since)
        case Reason.AWAITING_APPROVAL:
            yield from _at_gate(status.gate, attention, since)
        case reason:
            paused = run.paused if run is not None else None
            if paused is not None:
                yield So(NotificationEvent.PAUSED, paused.reason, paused.message or attention.message, paused.since)
            else:
                reason = Reason.PAUSED_BY_SPEC if reason is Reason.PAUSED else reason
                yield So(NotificationEvent.PAUSED, reason, attention.message, since)


def _at_gate(gate: GateStatus | None, attention: Why, since: datetime) -> Iterator[So]:
    if gate is None:  # it has opened, and the raise is about to be decided
        return
    who = "; ".join(dict.fromkeys(one.people for one in gate.closed if one.people))
    words = f"{attention.message} ({who})" if who else attention.message
    since = min((one.since for one in gate.closed if one.people), default=since)
    yield So(NotificationEvent.AWAITING, gate.step, words, since)


def _warned(status: RolloutStatus, spec: RolloutSpec) -> Iterator[So]:
    """The limits that only warn and are breached."""
    limits = [*spec.guards, *(guard for step in spec.steps for guard in step.guards)]
    warning = {limit.identity for limit in limits if limit.on_breach is Response.WARN}
    for guard in status.guards:
        if guard.state == State.BREACHED and guard.name in warning:
            yield So(NotificationEvent.WARNED, guard.name, guard.message, guard.since)


def _of_condition(condition: Condition) -> NotificationEvent | None:
    """What a condition is told as; a Rollout that is stalled because it was reverted has been told of."""
    match condition.type, condition.status, condition.reason:
        case "Stalled", "True", reason if reason != Reason.REVERTED:
            return NotificationEvent.STALLED
        case "RevertReady", "False", _:
            return NotificationEvent.REVERT_UNSAFE
    return None
