"""Whether a status says something new: what changes in every tick is no news."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from tidegate.api.rollout.status import Condition, EvidenceStatus, Hold, RolloutStatus, StepStatus, WeightStatus

SOON: Final = 60.0
"""Seconds in which an end is concluded, in a crowd too, unless something that is not known stands in its way."""

_SOME_TIME: Final = datetime.fromtimestamp(0, UTC)
_NUMBERS = re.compile(r"[0-9][0-9.,:]*")


def quieted(status: RolloutStatus) -> RolloutStatus:
    """The status without what changes in every tick: two that are equal so need no write between them.

    Expected instants that move are not news either: after a start those of every run do, and are recorded with its next
    heartbeat, or once the recorded one has passed (`overdue`).

    While a run ends its weights are left out: those that the end has just written are recorded with its conclusion, seconds
    later, or with the reason why it cannot be concluded. A crowd that reverts at once saves a third of its status writes so.
    An end that is stalled, or that lasts (`lasting`), may do so for hours, in which people change weights by hand.
    """
    run = status.run
    if run is not None:
        promotion = run.promotion.model_copy(update={"settled": 0.0}) if run.promotion is not None else None
        waiting = run.waiting.model_copy(update={"message": _worded(run.waiting.message)}) if run.waiting else None
        hold = _standing(run.hold) if run.hold is not None else None
        passing = {
            "watched": 0.0,
            "unavailable": float(run.unavailable > 0),
            "evidence": tuple(
                EvidenceStatus(name=e.name, asked=e.asked, start=e.start, step=e.step) for e in run.evidence
            ),
        }
        run = run.model_copy(update={**passing, "promotion": promotion, "waiting": waiting, "hold": hold})
    return status.model_copy(
        update={
            "run": run,
            "step": _expected(status.step) if status.step is not None else None,
            "guards": tuple(one.model_copy(update={"value": "", "message": "", "clocks": ()}) for one in status.guards),
            "missing_data": tuple(
                one.model_copy(update={"watched": 0.0, "mark": 0.0, "answers": min(one.answers, 3), "message": ""})
                for one in status.missing_data
            ),
            "conditions": tuple(_without_measures(one) for one in status.conditions),
            "message": "",
            "next_check_time": _SOME_TIME if status.next_check_time is not None else None,
        }
        | ({"weight": None, "cohorts": None, "mirror": None} if _ends_soon(status) else {})
    )


def overdue(recorded: datetime | None, status: RolloutStatus, now: float) -> bool:
    """Whether the next check that people see, as `recorded`, has passed and is not due any more."""
    due = status.next_check_time
    return recorded is not None and due is not None and recorded.timestamp() < now < due.timestamp()


def lasting(recorded: WeightStatus | None, status: RolloutStatus, now: float) -> bool:
    """Whether a run's end has lasted for so long that weights other than `recorded` are news."""
    ending = status.run.ending if status.run is not None else None
    return ending is not None and status.weight != recorded and abs(now - ending.since.timestamp()) >= SOON


def _ends_soon(status: RolloutStatus) -> bool:
    """Whether a run ends, and nothing is known to stand in its way."""
    stalled = any(one.type == "Stalled" and one.status == "True" for one in status.conditions)
    return status.run is not None and status.run.ending is not None and not stalled


def _expected(step: StepStatus) -> StepStatus:
    """The step without its measures: whether its end is expected, but not when."""
    end = _SOME_TIME if step.expected_end is not None else None
    return step.model_copy(update={"watched": 0.0, "expected_end": end})


def _without_measures(condition: Condition) -> Condition:
    """What a person must mend is news when its words change; what goes on is told by its reason."""
    message = _worded(condition.message) if condition.type == "Stalled" else ""
    return condition.model_copy(update={"message": message})


def _standing(hold: Hold) -> Hold:
    shared = tuple(one.model_copy(update={"last": hold.since}) for one in hold.shared)
    return hold.model_copy(update={"message": _worded(hold.message), "shared": shared})


def _worded(message: str) -> str:
    """A message without its numbers, which may change in every tick; other words are news."""
    return _NUMBERS.sub("#", message)
