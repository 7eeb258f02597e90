"""From a plan to the status that is written: what people read is added to what is remembered, within 64 KiB."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from tidegate.api.rollout.status import CohortStatus, CohortWeight, MirrorStatus, RolloutStatus, WeightStatus
from tidegate.api.rollout.target_weights import cohorts_of
from tidegate.core import gates
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan
from tidegate.core.model.time_format import instant
from tidegate.core.run.checkpoints import following
from tidegate.core.run.steps import awaited_step
from tidegate.core.status.awaited_gate import gate_status
from tidegate.core.status.conditions import conditions, phase_of
from tidegate.core.status.messages import with_messages
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.open import open_draft
from tidegate.core.traffic import mirrors, shares, targets

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
    observed = shares.largest_share(draft)
    weight = WeightStatus(
        desired=status.run.weight if status.run is not None else 0.0,
        observed=float(round(observed, 3)) if observed is not None else None,
    )
    status = status.model_copy(
        update={
            "observed_generation": seen.rollout.generation,
            "phase": phase_of(plan, status),
            "message": (why.message if why is not None else fallback)[:1024],
            "conditions": conditions(before.conditions, plan, seen),
            "weight": weight,
            "cohorts": _cohorts(draft),
            "mirror": _mirror(draft),
            "gate": gate_status(before.gate, draft),
            "next_check_time": _near(before.next_check_time, _whole_second(_next_check(draft))),
        }
    )
    return with_messages(before, status, draft, plan)


def _cohorts(draft: TickContext) -> tuple[CohortStatus, ...] | None:
    """Each cohort's share; `None` for a Rollout without cohorts."""
    names = cohorts_of(draft.spec)
    known = {one.name: one for one in (draft.status.run.cohorts if draft.status.run is not None else None) or ()}
    found = [_cohort(name, known.get(name), shares.largest_share(draft, name)) for name in names]
    return tuple(found) or None


def _mirror(draft: TickContext) -> MirrorStatus | None:
    """What is mirrored; `None` for a Rollout without steps that mirror."""
    if all(step.mirror is None for step in draft.spec.steps):
        return None
    desired = (draft.status.run.mirror if draft.status.run is not None else None) or 0
    routes = list(targets.routes(draft))
    return MirrorStatus(desired=desired, observed=mirrors.largest(draft, routes) if routes else None)


def _cohort(name: str, decided: CohortWeight | None, observed: Decimal | None) -> CohortStatus:
    revert = decided.reverted if decided is not None else None
    return CohortStatus(
        name=name,
        desired=decided.weight if decided is not None else 0.0,
        observed=float(round(observed, 3)) if observed is not None else None,
        message=f"reverted for the rest of the run: {revert.message}" if revert is not None else "",
    )


def _next_check(draft: TickContext) -> datetime | None:
    """The next checkpoint or gate; `None` when nothing is expected at a known time."""
    if draft.status.run is None or draft.run.ending is not None or draft.status.step is None:
        return None
    step, spec = draft.step, draft.step_spec
    if draft.run.promotion is not None or spec is None or draft.run.paused is not None or draft.run.hold is not None:
        return None
    if step.reached and not step.passed:
        offset = following(spec, step.watched)
        return instant(draft.now + offset - step.watched) if offset is not None else None
    awaited = awaited_step(draft)
    opens = gates.opens(gates.before(draft, awaited), people=False) if awaited is not None else 0.0
    return instant(opens) if draft.now < opens < float("inf") else None


def _whole_second(found: datetime | None) -> datetime | None:
    """For people a fraction of a second is noise."""
    return found.replace(microsecond=0) if found is not None else None


def _near(before: datetime | None, now: datetime | None) -> datetime | None:
    """The instant to write: the one written before when the new one is about the same."""
    if before is not None and now is not None and abs(now - before) <= timedelta(seconds=TOLERANCE):
        return before
    return now
