"""`StepBack`: the candidate goes down to a weight it had, and the run pauses there for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from tidegate.api.reasons import Reason
from tidegate.api.rollout.responses import StepBack as Goal
from tidegate.api.rollout.responses import StepBackGates
from tidegate.api.rollout.run_status import Paused, RunEnd
from tidegate.api.rollout.status import StepStatus
from tidegate.api.rollout.target_weights import TargetWeights
from tidegate.api.rollout.thresholds import Threshold
from tidegate.core.jobs import record
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import instant
from tidegate.core.responses.kind import Breach
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.open import new_step
from tidegate.core.traffic import cohorts
from tidegate.core.traffic.lowering import STEPPED_BACK


@dataclass(frozen=True)
class StepBack:
    """See the module."""

    def apply(self, draft: Draft, breach: Breach) -> None:
        """Lowers the weight decided and pauses; a promotion that is under way has no step to go back to, so it reverts."""
        goal = breach.limit.step_back if breach.limit is not None else None
        if draft.run.promotion is not None or goal is None:
            draft.end(RunEnd.REVERTED, breach.reason, breach.message)
            return
        step = _step_of(draft, goal)
        if step is draft.step:
            where = f"the candidate already has no more than {goal.step or goal.weight}"
            if draft.run.paused is None:
                _pause(draft, f"{breach.message}; {where}: paused until Resume")
            elif breach.new:
                draft.say(Reason.LIMIT_BREACHED, f"{breach.message}; {where}, and the run is paused", warning=True)
            return
        weights = _weights(draft, goal, step)
        words = f"{breach.message}; back at step {step.name!r} with weight {weights}, paused until Resume"
        _reopen(draft, goal, step)
        draft.update(step=step.model_copy(update={"weight": float(weights.weight)}))
        served = draft.run.traffic_since is not None and weights.some
        traffic_since = instant(draft.now) if served else None
        draft.update_run(**cohorts.decided(draft, weights), traffic_since=traffic_since)
        if not weights.mirror:
            draft.update_run(mirrored_since=None)
        draft.update_run(hold=None, waiting=None, promote=False)
        _pause(draft, words)
        draft.urgent = draft.intent = True

    def describe(self, limit: Threshold) -> str:
        """What it does, for a person."""
        goal = limit.step_back
        to = f"to step {goal.step}" if goal and goal.step else f"to weight {goal.weight}%" if goal else ""
        return f"step back {to} and pause"


def left(draft: Draft, limit: Threshold) -> tuple[Decimal, Decimal, int]:
    """What the candidate has after a breach of the limit, to be compared: weight, all cohorts' weights, mirror; that of now where it does not step back."""
    goal = limit.step_back
    weights = draft.weights if goal is None else _weights(draft, goal, _step_of(draft, goal))
    return weights.weight, sum(weights.cohorts.values(), Decimal(0)), weights.mirror


def _weights(draft: Draft, goal: Goal, step: StepStatus) -> TargetWeights:
    """The weights afterwards, on no target more than now: those of the step, or the weight given, cohorts as they are and no mirror."""
    if goal.weight is not None:
        return replace(draft.weights, weight=min(goal.weight.percent, draft.weight), mirror=0)
    places = [one.name for one in draft.spec.steps]
    return draft.weights.at_most(cohorts.asked(draft, draft.spec.steps[places.index(step.name)]))


def _step_of(draft: Draft, goal: Goal) -> StepStatus:
    """The step the run is in afterwards, as it begins; the current one as it is where that is not later than the goal."""
    places = {one.name: place for place, one in enumerate(draft.spec.steps)}
    current = places.get(draft.step.name, len(places))
    if goal.weight is not None:
        lower = (goal.weight.percent < draft.weight or draft.weights.mirror > 0) and current < len(places)
        return new_step(draft.spec.steps, current) if lower else draft.step
    place = places.get(goal.step or "", current)
    return new_step(draft.spec.steps, place) if place < current else draft.step


def _reopen(draft: Draft, goal: Goal, step: StepStatus) -> None:
    """The gates that must open again: what was given for them is void, and for the later ones it was given on what has not lasted."""
    names = [one.name for one in draft.spec.steps]
    after = step.name if goal.gates is StepBackGates.ASK else draft.step.name
    later = names[names.index(after) + 1 :] if after in names else []
    again = {draft.step.name, *later}
    draft.update(approvals=tuple(one for one in draft.status.approvals if one.step not in again))
    record.void_gates(draft, again)
    draft.update_run(begun=tuple(one for one in draft.run.begun if one.name not in again))


def _pause(draft: Draft, words: str) -> None:
    """Pauses, also where the run is paused for another reason: a person must know of this one."""
    before = draft.run.paused
    since = before.since if before is not None else instant(draft.now)
    draft.update_run(paused=Paused(reason=STEPPED_BACK, message=words, since=since))
    draft.say(Reason.STEPPED_BACK, words, warning=True)
    draft.attention = Why(Reason.PAUSED, words)
