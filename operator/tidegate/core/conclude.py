"""From a plan to the status that is written: what people read is added to what is remembered, within 64 KiB."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from tidegate.api.status import Condition, EvidenceStatus, Hold, RolloutStatus, WeightStatus
from tidegate.core.conditions import conditions, phase_of
from tidegate.core.gates import schedule
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan
from tidegate.core.model.time_format import instant
from tidegate.core.run.checkpoints import following
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.open import open_draft
from tidegate.core.traffic import targets

LARGEST = 60 * 1024
"""Bytes of status as JSON; the promise is 64 KiB."""

SHORTENED = 128
"""Characters that are left of each text for people when nothing else makes the status small enough."""

_FOR_PEOPLE = frozenset({"message", "evidence"})

_NUMBERS = re.compile(r"[0-9][0-9.,:]*")

TOLERANCE = 5.0
"""Seconds by which an expected instant may be off before it is written anew."""


def conclude(before: RolloutStatus, plan: Plan, seen: Observation) -> RolloutStatus:
    """The status after `plan`.

    Args:
        before: the status as last recorded: unchanged conditions keep their transition times.
        plan: what was decided.
        seen: what it was decided on.
    """
    draft = open_draft(plan.memory, seen)
    status = plan.memory.status
    if status.step is not None and draft.step_spec is not None:
        steps = draft.spec.steps
        index = steps.index(draft.step_spec) + 1
        summary = f"{index}/{len(steps)} {status.step.name}"
        step = status.step.model_copy(update={"index": index, "of": len(steps), "summary": summary})
        status = status.model_copy(update={"step": step})
    why = plan.stalled or plan.attention or plan.doing or plan.ready
    fallback = status.history[0].message if status.run is None and status.history else ""
    observed = targets.largest_share(draft)
    weight = WeightStatus(
        desired=status.run.weight if status.run is not None else 0.0,
        observed=float(round(observed, 3)) if observed is not None else None,
    )
    return status.model_copy(
        update={
            "observed_generation": seen.rollout.generation,
            "phase": phase_of(plan, status),
            "message": (why.message if why is not None else fallback)[:1024],
            "conditions": conditions(before.conditions, plan, seen),
            "weight": weight,
            "next_check_time": _near(before.next_check_time, _whole_second(_next_check(draft))),
        }
    )


def _next_check(draft: Draft) -> datetime | None:
    """The next checkpoint or gate; `None` when nothing is expected at a known time."""
    if draft.status.run is None or draft.run.ending is not None or draft.status.step is None:
        return None
    step, spec = draft.step, draft.step_spec
    if draft.run.promotion is not None or spec is None or draft.run.paused is not None or draft.run.hold is not None:
        return None
    if step.reached and not step.passed:
        offset = following(spec, step.watched)
        return instant(draft.now + offset - step.watched) if offset is not None else None
    index = draft.spec.steps.index(spec) + int(step.passed)
    opens = schedule.opens(draft.spec.steps[index], draft.run.begun) if index < len(draft.spec.steps) else 0.0
    return instant(opens) if draft.now < opens < float("inf") else None


def _whole_second(found: datetime | None) -> datetime | None:
    """For people a fraction of a second is noise."""
    return found.replace(microsecond=0) if found is not None else None


def _near(before: datetime | None, now: datetime | None) -> datetime | None:
    """The instant to write: the one written before when the new one is about the same."""
    if before is not None and now is not None and abs(now - before) <= timedelta(seconds=TOLERANCE):
        return before
    return now


def quieted(status: RolloutStatus) -> RolloutStatus:
    """The status without what changes in every tick: two that are equal so need no write between them."""
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
            "step": status.step.model_copy(update={"watched": 0.0}) if status.step is not None else None,
            "guards": tuple(one.model_copy(update={"message": "", "clocks": ()}) for one in status.guards),
            "missing_data": tuple(
                one.model_copy(update={"watched": 0.0, "mark": 0.0, "answers": min(one.answers, 3), "message": ""})
                for one in status.missing_data
            ),
            "conditions": tuple(_without_measures(one) for one in status.conditions),
            "message": "",
        }
    )


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


def on_the_wire(status: RolloutStatus, largest: int = LARGEST) -> dict[str, Any]:
    """The status as JSON-ready data, at most `largest` bytes: evidence goes first, then history; memory never."""
    halved = (len(status.checkpoints) // 2**times for times in range(len(status.checkpoints).bit_length() + 1))
    evidence = (_with_evidence(status, newest) for newest in halved)
    for fewer in chain([status], evidence, [status.model_copy(update={"checkpoints": ()}), memory_alone(status)]):
        if len(fewer.model_dump_json(by_alias=True, exclude_none=True).encode()) <= largest:
            return dump(fewer)
    return _shortened(dump(memory_alone(status)))


def _shortened(wire: Mapping[str, Any]) -> dict[str, Any]:
    """The same with every text that only people read cut short."""
    return {
        key: value[:SHORTENED] if key in _FOR_PEOPLE and isinstance(value, str) else _with_short_texts(value)
        for key, value in wire.items()
    }


def _with_short_texts(value: Any) -> Any:  # noqa: ANN401  (JSON)
    if isinstance(value, dict):
        return _shortened(value)
    return [_with_short_texts(one) for one in value] if isinstance(value, list) else value


def _with_evidence(status: RolloutStatus, newest: int) -> RolloutStatus:
    """The status with the evidence of the newest checkpoints only."""
    without = (one.model_copy(update={"findings": ()}) for one in status.checkpoints[newest:])
    return status.model_copy(update={"checkpoints": (*status.checkpoints[:newest], *without)})


def memory_alone(status: RolloutStatus) -> RolloutStatus:
    """The status without evidence, history and the words of single lines: what a refused write is tried with once more."""
    update = {
        "checkpoints": (),
        "history": status.history[:1],
        "guards": tuple(one.model_copy(update={"message": ""}) for one in status.guards),
        "missing_data": tuple(one.model_copy(update={"message": ""}) for one in status.missing_data),
    }
    return status.model_copy(update=update)


def dump(status: RolloutStatus) -> dict[str, Any]:
    """The status as JSON-ready data."""
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)
