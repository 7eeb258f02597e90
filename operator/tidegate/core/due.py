"""Which queries must be asked now. Pure, and agreeing with `decide` because both open the same draft."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import Stage
from tidegate.core import gates
from tidegate.core.count_tests.counted_limit import CATCHING_UP, catching_up
from tidegate.core.gates import raise_rule
from tidegate.core.jobs.noticing import notice_jobs
from tidegate.core.judging.judge import counted_in_force, guards_in_force, queries_of, thresholds_in_force
from tidegate.core.metrics.asking import probe
from tidegate.core.model import cadence
from tidegate.core.model.answers import Query
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.run.checkpoints import reached
from tidegate.core.run.steps import awaited_step, following_step, more_wanted, waits_without_traffic
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.open import open_draft
from tidegate.core.traffic import shares


def due(memory: Memory, seen: Observation) -> tuple[Query, ...]:
    """The queries of this tick, without repetition; none when it is not time to judge."""
    run = memory.status.run
    if run is None or run.ending is not None or seen.rollout.deleting:
        return ()
    draft = open_draft(memory, seen)
    notice_jobs(draft)
    if waits_without_traffic(draft) or not _time_to_judge(draft):
        return ()
    return _once(_needed(draft))


def _needed(draft: Draft) -> list[Query]:
    found: list[Query] = []
    traffic = shares.requests(draft)
    if draft.spec.metrics and traffic is not shares.Traffic.SOME:
        found.append(probe(draft.spec.prometheus.source))
    if draft.weights.exposed or traffic is not shares.Traffic.NONE or draft.run.promotion is not None:
        found += queries_of(draft, guards_in_force(draft))
        found += queries_of(draft, counted_in_force(draft))
        if _thresholds_needed(draft):
            found += queries_of(draft, thresholds_in_force(draft))
    to = awaited_step(draft)
    if to is not None:
        found += gates.queries(draft, to)
    return found


def _once(queries: Iterable[Query]) -> tuple[Query, ...]:
    """Each query once, with the longest of its lives: one test can do without an arm that another one needs."""
    found: dict[Query, Query] = {}
    for one in queries:
        life = found.setdefault(one, one).life
        if life is not None and (one.life is None or one.life > life):
            found[one] = one
    return tuple(found.values())


def _thresholds_needed(draft: Draft) -> bool:
    """At a checkpoint, while holding, where a raise waits for them, and while the data of one of their metrics is missing."""
    if draft.run.promotion is not None:
        return draft.run.hold is not None
    if draft.run.hold is not None or draft.step.passed or not draft.step.reached or draft.status.missing_data:
        return True
    step = draft.step_spec
    if step is None:
        return False
    return more_wanted(draft, step) or reached(step, draft.step.watched, draft.step.judged) is not None


def _time_to_judge(draft: Draft) -> bool:
    last = draft.memory.last_judged
    if last is None or draft.now < last or cadence.passed(draft.seen.rollout.uid, draft.interval, last, draft.now):
        return True
    if draft.now - last >= CATCHING_UP and not draft.weights.full and catching_up(draft):
        return True
    return _checkpoint_came(draft) or _settle_came(draft) or _only_judgement_missing(draft, last)


def _checkpoint_came(draft: TickContext) -> bool:
    """A checkpoint was reached since the tick before, between two points of the grid."""
    step, before = draft.step_spec, draft.memory.status.step
    if step is None or before is None or not draft.step.reached:
        return False
    offset = reached(step, draft.step.watched, draft.step.judged)
    return offset is not None and offset != reached(step, before.watched, before.judged)


def _settle_came(draft: TickContext) -> bool:
    promotion = draft.run.promotion
    if promotion is None or promotion.stage != Stage.SETTLING:
        return False
    settle = draft.spec.promotion.settle.seconds
    return promotion.settled < settle <= promotion.settled + draft.elapsed + 1e-6


def _only_judgement_missing(draft: Draft, last: float) -> bool:
    """Everything but the judgement allows a raise: pods became available, or a gate opened."""
    to = following_step(draft)
    if to is None or draft.run.promotion is not None:
        return False
    if draft.step.reached and not draft.step.passed and not more_wanted(draft, to):
        return False
    if gates.opened_since(draft, to, last):
        return True
    if draft.now - last < min(raise_rule.AT_MOST_EVERY, draft.interval):
        return False
    blocked = [why.reason for why in raise_rule.blockers(draft, to)]
    return not blocked or (blocked == [Reason.GATE_CLOSED] and gates.checks_before_jobs(draft, to))
