"""The decision: one pure function from what is remembered and what is seen to a plan.

The order of its lines is the order of what matters: an end under way, a breach, a loss, a new version, somebody's hand,
and only then the way forward.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

from tidegate.api.rollout import RolloutSpec
from tidegate.core import promotion, recovery, targets
from tidegate.core.baselines import adopt_first_release, notice_baseline
from tidegate.core.commands import take_commands
from tidegate.core.draft import ABSENCE_GRACE, Draft
from tidegate.core.endings import carry_out
from tidegate.core.judging import judge_guards, judge_thresholds
from tidegate.core.keeping import kept_problem, kept_spec, kept_text
from tidegate.core.missing_data import notice_missing_data
from tidegate.core.model import cadence
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan, Why
from tidegate.core.model.time_format import instant
from tidegate.core.notices import (
    let_go_of_hold,
    notice_breaches,
    notice_losses,
    notice_new_version,
    notice_our_revert,
)
from tidegate.core.preconditions import (
    contest,
    contested,
    keep_finalizer,
    notice_contested_route,
    notice_lost_services,
    notice_refused_route,
)
from tidegate.core.starting import at_rest
from tidegate.core.stepping import take_step

HEARTBEAT = 300.0
"""Seconds between two records of a quiet run: what a restart may lose of its watched time."""

NO_SPEC: Final = RolloutSpec.model_validate(
    {
        "baseline": {"deployment": "none", "service": "none"},
        "candidate": {"deployment": "none-candidate", "service": "none-candidate"},
        "traffic": [{"kind": "HTTPRoute", "name": "none"}],
        "steps": [{"name": "none", "weight": 0}],
        "promotion": {"strategy": "AwaitBaseline"},
    }
)
"""Stands in where no valid spec was ever seen; at rest nothing is read from it."""


def decide(memory: Memory, seen: Observation) -> Plan:
    """What to do now.

    Args:
        memory: what the last tick remembered.
        seen: what this tick has seen so far; asked again with more answers it gives another plan.

    Returns:
        The plan, with the memory that goes with it.
    """
    draft = open_draft(memory, seen)
    adopt_first_release(draft)
    if recovery.lost(draft):
        recovery.recover(draft)
    take_commands(draft)
    if draft.status.run is None:
        at_rest(draft)
    elif not _under_way(draft):
        _rest_after_the_end(draft)
    if contested(draft):
        draft.stalled = contest(draft)
    plan = draft.plan()
    judged = memory.last_judged
    if seen.asked.questions and not seen.asked.open:
        judged = seen.now
    return replace(plan, memory=replace(plan.memory, last_tick=seen.now, last_judged=judged))


def open_draft(memory: Memory, seen: Observation) -> Draft:
    """A draft with the spec in force and the time that was watched since the tick before."""
    draft = Draft(seen, memory, spec_in_force(memory, seen), memory.status)
    if memory.status.run is None:
        return draft
    _keep_spec(draft)
    recovery.find_step(draft)
    gap = seen.now - memory.last_tick if memory.last_tick is not None else None
    most = math.inf if seen.attended else 2 * draft.interval
    draft.elapsed = min(max(gap, 0.0), most) if gap is not None else 0.0
    draft.memory = replace(memory, present=_present(draft, gap))
    if memory.status.run.ending is None and draft.elapsed > 0:
        _watch(draft)
    beat = draft.run.heartbeat
    if beat is None or seen.now - beat.timestamp() >= HEARTBEAT or seen.now < beat.timestamp():
        draft.update_run(heartbeat=instant(seen.now))
    beats = (draft.run.heartbeat or instant(seen.now)).timestamp() + HEARTBEAT
    draft.upkeep = min(beats, cadence.following(seen.rollout.uid, draft.interval, seen.now))
    return draft


def _watch(draft: Draft) -> None:
    """Adds the time since the tick before to what was watched of the run and, where its clock runs, of the step."""
    run, step = draft.run, draft.status.step
    if draft.memory.watching and step is not None:
        step = step.model_copy(update={"watched": round(step.watched + draft.elapsed, 3)})
    run = run.model_copy(update={"watched": round(run.watched + draft.elapsed, 3)})
    draft.update(run=run, step=step)


def arms_in_force(memory: Memory, seen: Observation) -> RolloutSpec:
    """The spec that names the arms: of a run under way the one it began with, whatever an edit says."""
    run = memory.status.run
    kept = kept_spec(run.spec) if run is not None else None
    return kept if kept is not None else spec_in_force(memory, seen)


def spec_in_force(memory: Memory, seen: Observation) -> RolloutSpec:
    """The spec as it stands when it is valid, else the run's last valid one."""
    if seen.spec is not None:
        return seen.spec
    run = memory.status.run
    kept = kept_spec(run.spec) if run is not None else None
    return kept if kept is not None else NO_SPEC


def _keep_spec(draft: Draft) -> None:
    """Keeps the last valid spec; the arms of a run under way are the ones it began with."""
    run = draft.run
    began = kept_spec(run.spec)
    if draft.seen.spec is None or began is None:
        return
    if (began.baseline.deployment, began.baseline.service) != (
        draft.spec.baseline.deployment,
        draft.spec.baseline.service,
    ) or (
        began.candidate.deployment,
        began.candidate.service,
    ) != (draft.spec.candidate.deployment, draft.spec.candidate.service):
        draft.spec = draft.spec.model_copy(update={"baseline": began.baseline, "candidate": began.candidate})
        draft.arms_refused = True
    if draft.seen.rollout.generation != draft.status.observed_generation:
        text = kept_text(draft.spec)
        if text != run.spec:
            draft.update_run(spec=text)


def _present(draft: Draft, gap: float | None) -> float | None:
    """Watched seconds since an absence, up to which a final verdict must wait; `None` when there was none."""
    step = draft.status.step
    if gap is None or (gap > 2 * draft.interval + ABSENCE_GRACE and not draft.seen.attended):
        return 0.0 if step is not None and step.reached else None
    return None if draft.memory.present is None else draft.memory.present + draft.elapsed


def _rest_after_the_end(draft: Draft) -> None:
    """What follows the end that is concluded now; until it is at rest, or another run starts, the end still goes on."""
    ending = draft.doing
    at_rest(draft, start=False)
    if (draft.stalled or draft.attention or draft.ready) and draft.doing is ending:
        draft.doing = None


def _under_way(draft: Draft) -> bool:
    """Plans what a run under way does; whether it is still under way after that."""
    if draft.seen.rollout.deleting:
        draft.end("Deleted", "RolloutDeleted", "the Rollout is being deleted")
    if not draft.ending():
        _look_around(draft)
    if draft.ending():
        carry_out(draft)
    else:
        _go_on(draft)
    if draft.lost is not None and draft.stalled is None:
        draft.stalled = draft.lost
    return draft.status.run is not None


def _go_on(draft: Draft) -> None:
    """The run goes on: what is missing is said and put right, then comes the next move."""
    keep_finalizer(draft)
    draft.stalled = _wrong(draft)
    targets.put_back_removed(draft)
    moving = promotion.returning(draft) or promotion.sending_back(draft)
    if not moving and targets.put_back_more(draft):
        return
    if draft.run.promotion is not None:
        promotion.promote(draft)
    else:
        take_step(draft)
    if draft.ending():
        draft.actions.clear()
        carry_out(draft)


def _wrong(draft: Draft) -> Why | None:
    """What is wrong with the spec or with the stored memory; guards stay in force all the same."""
    unreadable = draft.memory.unreadable
    if not unreadable and draft.seen.spec is None:
        unreadable = kept_problem(draft.run.spec)
    if unreadable:
        return Why("StatusUnreadable", f"{unreadable}: guards stay in force, nothing is raised (Abort reverts)")
    if draft.arms_refused:
        return Why(
            "ArmsImmutable",
            "spec.baseline and spec.candidate cannot change while a run is under way: the run goes on with the ones it began "
            "with (Abort it first)",
        )
    if draft.seen.spec is None and draft.seen.problems:
        first = draft.seen.problems[0]
        words = "guards stay in force by the last valid spec; nothing is raised until it is valid"
        return Why("InvalidSpec", f"{first.path}: {first.message} ({words})")
    return None


def _look_around(draft: Draft) -> None:
    """Everything that can end the run or stop it, most decisive first."""
    judge_guards(draft)
    judge_thresholds(draft)
    notice_breaches(draft)
    if not draft.ending():
        notice_missing_data(draft, judging=draft.memory.last_judged != draft.now)
    for notice in (
        notice_losses,
        notice_lost_services,
        notice_new_version,
        notice_our_revert,
        notice_baseline,
        notice_refused_route,
        notice_contested_route,
    ):
        if not draft.ending():
            notice(draft)
    if not draft.ending():
        let_go_of_hold(draft)
