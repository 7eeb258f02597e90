"""The decision: one pure function from what is remembered and what is seen to a plan.

The order of its lines is the order of what matters: an end under way, a breach, a loss, a new version, somebody's hand,
and only then the way forward.
"""

from __future__ import annotations

from dataclasses import replace

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd
from tidegate.core import gates
from tidegate.core.jobs.asking import to_start
from tidegate.core.jobs.noticing import notice_jobs
from tidegate.core.judging.judge import evaluate
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Plan, Why
from tidegate.core.run import hooks, promotion, recovery, scaling, traffic_return
from tidegate.core.run.baseline_change import adopt_first_release, notice_baseline
from tidegate.core.run.commands import take_commands
from tidegate.core.run.ending import carry_out
from tidegate.core.run.idle import at_rest
from tidegate.core.run.interrupts import (
    let_go_of_hold,
    notice_breaches,
    notice_losses,
    notice_missing_data,
    notice_new_version,
    notice_our_revert,
)
from tidegate.core.run.preconditions import (
    PASSING,
    contest,
    contested,
    keep_finalizer,
    notice_contested_route,
    notice_lost_services,
    notice_refused_route,
)
from tidegate.core.run.steps import asks_for_less, awaited_step, take_step, waits_without_traffic
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.kept_spec import kept_problem
from tidegate.core.tick.open import HEARTBEAT, open_draft
from tidegate.core.traffic import acceptance, cohorts, correcting, raising, restoring
from tidegate.core.traffic.lowering import unfinished


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
    notice_jobs(draft)
    take_commands(draft)
    if draft.status.run is None:
        at_rest(draft)
    elif not _under_way(draft):
        _rest_after_the_end(draft)
    scaling.scale(draft)
    acceptance.look_again(draft)
    if contested(draft):
        draft.stalled = contest(draft)
    plan = draft.plan()
    judged = memory.last_judged
    if seen.asked.queries and not seen.asked.open:
        judged = seen.now
    unmet = gates.unmet(draft, awaited_step(draft))
    remembered = replace(plan.memory, last_tick=seen.now, last_judged=judged, unmet=unmet)
    return replace(plan, memory=remembered, jobs=to_start(draft))


def _rest_after_the_end(draft: Draft) -> None:
    """What follows the end that is concluded now; until it is at rest, or another run starts, the end still goes on."""
    ending = draft.doing
    at_rest(draft, start=False)
    if (draft.stalled or draft.attention or draft.ready) and draft.doing is ending:
        draft.doing = None


def _under_way(draft: Draft) -> bool:
    """Plans what a run under way does; whether it is still under way after that."""
    if draft.seen.rollout.deleting:
        draft.end(RunEnd.DELETED, Reason.ROLLOUT_DELETED, "the Rollout is being deleted")
    if not draft.ending():
        _look_around(draft)
    if draft.ending():
        carry_out(draft)
    else:
        _go_on(draft)
    if draft.status.run is not None:
        keep_finalizer(draft)
    lost = draft.lost if draft.lost is not None and draft.lost.reason != PASSING else None
    if lost is not None and (draft.stalled is None or (not draft.ending() and draft.stalled != _wrong(draft))):
        draft.stalled = lost
    _rest_at_a_gate(draft)
    return draft.status.run is not None


def _rest_at_a_gate(draft: Draft) -> None:
    """A run that waits at a gate without any traffic costs as much as a Rollout at rest; now and then the clock is looked at."""
    before = draft.memory.status.run
    if before is None or draft.status.run is None or draft.ending() or draft.actions or draft.intent:
        return
    if waits_without_traffic(draft):
        draft.idle = True
        draft.upkeep = draft.now + HEARTBEAT
        draft.update_run(heartbeat=before.heartbeat)


def _go_on(draft: Draft) -> None:
    """The run goes on: what is missing is said and put right, then comes the next move."""
    draft.stalled = _wrong(draft)
    hooks.start_due(draft)
    raising.note_twins(draft)
    restoring.restore_removed(draft)
    moving = traffic_return.returning(draft) or traffic_return.sending_back(draft)
    edited = asks_for_less(draft)
    refused = draft.memory.refused is not None
    lowers = edited and refused and correcting.outage_ahead(draft) is None  # on the routes that take it
    if not (moving or lowers or traffic_return.breaches(draft)) and correcting.correct_excess(draft):
        return
    cohorts.note_finished(draft)
    if draft.run.promotion is not None:
        promotion.promote(draft)
    else:
        take_step(draft)
    if draft.ending():
        draft.actions.clear()
        carry_out(draft)
    elif unfinished(draft.status) and not edited:  # a checkpoint has lowered a weight
        correcting.correct_excess(draft)


def _wrong(draft: Draft) -> Why | None:
    """What is wrong with the spec or with the stored memory; guards stay active all the same."""
    unreadable = draft.memory.unreadable
    if not unreadable and draft.seen.spec is None:
        unreadable = kept_problem(draft.run.spec)
    if unreadable:
        return Why(Reason.STATUS_UNREADABLE, f"{unreadable}: guards stay active, nothing is raised (Abort reverts)")
    if draft.arms_refused:
        return Why(
            Reason.ARMS_IMMUTABLE,
            "spec.baseline, spec.candidate and the backends of a route cannot change while a run is in progress: the run continues with those it began with (Abort it "
            "first)",
        )
    if draft.seen.spec is None and draft.seen.problems:
        first = draft.seen.problems[0]
        words = "guards stay active with the last valid spec; nothing is raised until it is valid"
        return Why(Reason.INVALID_SPEC, f"{first.path}: {first.message} ({words})")
    return None


def _look_around(draft: Draft) -> None:
    """Everything that can end the run or stop it, most decisive first."""
    draft.take(evaluate(draft))
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
        hooks.answer_failures,
    ):
        if not draft.ending():
            notice(draft)
    if not draft.ending():
        let_go_of_hold(draft)
