"""What `spec.notifications` tells: what stands now and what has come to pass, held against what has been told.

It is part of the status that records the decision, so a crash loses neither: a message stays under way until its delivery is
recorded. Everything is read from the status after the plan, never from the plan's own words: what was decided in another tick, or
by another process, is told all the same, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from tidegate.api.model import ApiModel
from tidegate.api.reading_back import read_back
from tidegate.api.reasons import Reason
from tidegate.api.rollout.notifications import MAX_NOTIFICATIONS, STANDING, Notification, NotificationEvent
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import (
    MessagesStatus,
    MessageStatus,
    RolloutStatus,
)
from tidegate.core.model.memory import Memory
from tidegate.core.model.message import Notifying
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan, Why
from tidegate.core.model.time_format import instant
from tidegate.core.status.conditions import condition
from tidegate.core.status.happenings import LONGEST, LONGEST_SUBJECT, So
from tidegate.core.status.passed import ENDS, newest, passed
from tidegate.core.status.standing import standing
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.kept_spec import NO_SPEC, spec_in_force

KEPT: Final = 16
"""Messages that are remembered; those in progress and what lasts are dropped last."""

QUIET: Final = 600.0
"""Seconds between two messages that the same thing is so again: one that comes and goes is not told each time."""

LOOK_AGAIN: Final = 60.0
"""Seconds until something is looked at again that could be told again, and cannot be now."""

LONGEST_TOLD: Final = 120
"""Characters of a message's reason once it was sent."""

FAILING: Final = "NotificationsFailing"
"""The condition that says so. `Ready` is about the release, and is not touched."""

SENT: Final = "Sent"
FAILED: Final = "Failed"


class _Receivers(ApiModel):
    """The part of a spec that says who is told."""

    notifications: Annotated[tuple[Notification, ...], Field(max_length=MAX_NOTIFICATIONS)] = ()


def identity(message: MessageStatus) -> str:
    """What tells a message from all others of its Rollout."""
    state = "resolved" if message.resolved is not None else "firing"
    return f"{message.run}/{message.event}/{message.subject}/{message.since.timestamp():.3f}/{state}"


def under_way(status: RolloutStatus) -> tuple[MessageStatus, ...]:
    """The messages that are still to be sent, oldest first."""
    told = status.notifications
    return tuple(one for one in told.messages if not one.outcome) if told is not None else ()


def due_again(status: RolloutStatus, now: float) -> float:
    """Epoch seconds from which something may be told again that was told too lately; infinite when there is none.

    What is due and was not told, or was told by a clock that has been set back since, is looked at again in a minute.
    """
    told = status.notifications.messages if status.notifications is not None else ()
    times = (_told_at(one) + QUIET for one in told if one.again is not None)
    return min((at if now < at <= now + QUIET else now + LOOK_AGAIN for at in times), default=float("inf"))


def with_messages(before: RolloutStatus, status: RolloutStatus, draft: TickContext, plan: Plan) -> RolloutStatus:
    """The status with what is told, and with a condition where that fails.

    Args:
        before: the status as last recorded.
        status: after the plan, with its conditions.
        draft: the tick.
        plan: what was decided.
    """
    seen = draft.seen
    spec = spec_told(before, seen)
    if not spec.notifications:
        gone = status.notifications is not None and receivers_of(before, seen) is not None
        return status.model_copy(update={"notifications": None}) if gone else status
    told = messages(status, spec, plan, seen.notifying, seen.now)
    failing = _failing(told, seen.notifying)
    found = (condition(before.conditions, FAILING, "True", failing, seen),) if failing is not None else ()
    return status.model_copy(update={"notifications": told, "conditions": (*status.conditions, *found)})


def spec_told(before: RolloutStatus, seen: Observation) -> RolloutSpec:
    """The spec whose `notifications` count: the valid one, else that of the run, else the invalid one's, read by themselves."""
    stored = seen.rollout.spec.get("notifications")
    if seen.spec is not None or before.run is not None or not stored:
        return spec_in_force(Memory(before), seen)
    found = read_back(_Receivers, {"notifications": stored}).value
    return NO_SPEC.model_copy(update={"notifications": found.notifications if found is not None else ()})


def receivers_of(before: RolloutStatus, seen: Observation) -> tuple[Notification, ...] | None:
    """Who is told; `None` when the spec names receivers, none of which can be read: what is to be told waits."""
    found = spec_told(before, seen).notifications
    unread = not found and seen.spec is None and seen.rollout.spec.get("notifications")
    return None if unread else found


def _failing(told: MessagesStatus | None, notifying: Notifying) -> Why | None:
    """What keeps messages from being sent, now or the last time that it was tried."""
    if notifying.off:
        return Why(Reason.NOTIFICATIONS_OFF, notifying.off)
    if notifying.trouble:
        return Why(Reason.NOTIFICATION_FAILED, notifying.trouble)
    tried = [one for one in told.messages if one.outcome] if told is not None else []
    if tried and tried[-1].outcome == FAILED:
        return Why(Reason.NOTIFICATION_FAILED, f"{tried[-1].event} was not sent: {tried[-1].failure}")
    return None


def messages(
    status: RolloutStatus, spec: RolloutSpec, plan: Plan, notifying: Notifying, now: float
) -> MessagesStatus | None:
    """What has been told, and is to be told.

    Args:
        status: after the plan, with its conditions; its `notifications` are as recorded before.
        spec: in force.
        plan: what was decided. Before its actions are carried out nobody knows what will stand after them.
        notifying: what became of the messages under way.
        now: epoch seconds.

    Returns: `None` where nobody is to be told anything.
    """
    if not spec.notifications or notifying.off:
        return None
    before = status.notifications or _begun(status, now)
    wanted = {event for one in spec.notifications for event in one.events}
    told = [_dealt_with(one, notifying) for one in before.messages]
    settled = (plan.quiet and not plan.intent) or plan.stalled is not None
    found = standing(status, spec, plan.attention, now)
    lasting = {(one.event, one.subject[:LONGEST_SUBJECT]): one for one in found}
    told = [_still(one, lasting, status, now) if settled or one.run != _run(status) else one for one in told]
    known = {(one.event, one.subject) for one in told if one.run == _run(status)}
    fresh = [one for key, one in lasting.items() if settled and key not in known]
    new = [_message(one, status) for one in (*passed(before, status, now), *fresh) if one.event in wanted]
    return MessagesStatus(
        run=status.run.id if status.run is not None else before.run,
        steps=len(status.run.begun) if status.run is not None else 0,
        checkpoint=newest(status),
        promoting=status.run is not None and status.run.promotion is not None,
        ended=status.history[0].id if status.history else before.ended,
        messages=tuple(_kept([*told, *new])),
    )


def _begun(status: RolloutStatus, now: float) -> MessagesStatus:
    """Where telling begins: what has come to pass before is not told."""
    run = status.run
    new = run is None or run.start_time >= instant(now)
    return MessagesStatus(
        run="" if new or run is None else run.id,
        steps=0 if new or run is None else len(run.begun),
        checkpoint="" if new or run is None else newest(status),
        promoting=not new and run is not None and run.promotion is not None,
        ended=status.history[0].id if status.history else "",
    )


def _dealt_with(one: MessageStatus, notifying: Notifying) -> MessageStatus:
    """The message with what became of it."""
    if one.outcome or identity(one) not in notifying.outcomes:
        return one
    failure = notifying.outcomes[identity(one)]
    return one.model_copy(
        update={
            "outcome": FAILED if failure else SENT,
            "failure": failure[:LONGEST_TOLD],
            "message": one.message[:LONGEST_TOLD],
        }
    )


def _still(
    one: MessageStatus, lasting: Mapping[tuple[NotificationEvent, str], So], status: RolloutStatus, now: float
) -> MessageStatus:
    """The message as it is now: over when what it tells of is, again when that is so again."""
    if one.event not in STANDING:
        return one
    so = lasting.get((NotificationEvent(one.event), one.subject)) if one.run == _run(status) else None
    if so is None:
        over = {"again": None} if one.resolved is not None else {"resolved": instant(now), "outcome": "", "failure": ""}
        return one.model_copy(update=over)
    if one.resolved is None:
        return one
    if abs(now - _told_at(one)) < QUIET:
        return one if one.again is not None else one.model_copy(update={"again": instant(now)})
    if so.since <= one.resolved:  # the instant is that of the first time: each message has one of its own
        so = replace(so, since=one.again or instant(now))
    return _message(so, status)


def _told_at(one: MessageStatus) -> float:
    return one.since.timestamp()


def _run(status: RolloutStatus) -> str:
    """The run that what stands now belongs to; of a Rollout without one, nothing."""
    return status.run.id if status.run is not None else ""


def _message(so: So, status: RolloutStatus) -> MessageStatus:
    run = status.run
    ended = so.event in ENDS.values() and bool(status.history)
    return MessageStatus(
        event=so.event,
        subject=so.subject[:LONGEST_SUBJECT],
        run=status.history[0].id if ended else _run(status),
        since=so.since,
        message=so.message[:LONGEST],
        step=status.step.summary if status.step is not None and run is not None else "",
        weight=run.weight if run is not None else 0.0,
    )


def _kept(told: list[MessageStatus]) -> list[MessageStatus]:
    """At most `KEPT` of them, in order: what is dealt with and over is dropped first, an end that is under way last."""
    order = sorted(range(len(told)), key=lambda place: (_worth(told[place]), place))
    dropped = set(order[: max(len(told) - KEPT, 0)])
    return [one for place, one in enumerate(told) if place not in dropped]


def _worth(one: MessageStatus) -> int:
    """How late a message is dropped."""
    lasts = one.event in STANDING and (one.resolved is None or one.again is not None)
    if one.outcome:
        return 1 if lasts else 0
    return 3 if one.event in ENDS.values() else 2
