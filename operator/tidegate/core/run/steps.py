"""From step to step: gate, raise, watch, checkpoints, verdict, on."""

from __future__ import annotations

from dataclasses import replace

from tidegate.api.reasons import Reason
from tidegate.api.rollout.status import StepBegin
from tidegate.api.rollout.steps import Step
from tidegate.core import gates
from tidegate.core.gates import raise_rule
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import in_words, instant
from tidegate.core.model.world import Acceptance
from tidegate.core.run import hooks, promotion, scaling
from tidegate.core.run.checkpoints import following
from tidegate.core.run.preconditions import LOSSES
from tidegate.core.run.verdicts import verdict
from tidegate.core.scaling import to_zero
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.open import new_step
from tidegate.core.traffic import acceptance, cohorts, correcting, raising, raising_pods, shares, targets
from tidegate.core.traffic.shares import Standing


def take_step(draft: Draft) -> None:
    """Plans the current step's next move."""
    spec = draft.step_spec
    if spec is None:
        draft.hold(
            Reason.STEP_GONE, f"step {draft.step.name!r} is no longer in the spec: restore it, or Abort", restart=False
        )
        draft.attention = Why(Reason.STEP_GONE, "an edit removed the current step")
    elif asks_for_less(draft):
        _follow_down(draft, spec)
    elif not begun(draft):
        _begin(draft, spec)
    elif not draft.step.reached:
        _reach(draft, spec)
    else:
        _watch(draft, spec)


def begun(draft: TickContext) -> bool:
    """Whether the current step's weight was ever decided."""
    return any(one.name == draft.step.name for one in draft.run.begun)


def asks_for_less(draft: TickContext) -> bool:
    """Whether an edit asks for less in the current step than was decided."""
    spec = draft.step_spec if draft.run.promotion is None else None
    return spec is not None and draft.weights.exceeds(cohorts.asked(draft, spec))


def more_wanted(draft: Draft, spec: Step) -> bool:
    """Whether an edit asks for more in the current step: a higher weight, one more target, or other pods for the same weight."""
    more = cohorts.asked(draft, spec).exceeds(draft.weights) or shares.unknown(draft) or shares.resized(draft)
    return begun(draft) and more


def following_step(draft: TickContext) -> Step | None:
    """The step to be raised to next: the current one until it has passed; `None` after the last, and where an edit removed it."""
    current, steps = draft.step_spec, draft.spec.steps
    if current is None or not draft.step.passed:
        return current
    index = steps.index(current) + 1
    if draft.run.promote and index < len(steps):
        return steps[-1]
    return steps[index] if index < len(steps) else None


def awaited_step(draft: TickContext) -> Step | None:
    """The step that a run would begin next, and can as far as the step before it is concerned; `None` where there is none."""
    if draft.status.run is None or draft.status.step is None or draft.ending() or draft.run.promotion is not None:
        return None
    return following_step(draft) if draft.step.passed or not begun(draft) else None


def waits_without_traffic(draft: TickContext) -> bool:
    """Whether the run waits at a closed gate, and the candidate has no traffic: nothing can be evaluated or raised."""
    to = awaited_step(draft)
    if to is None or draft.weights.exposed or draft.run.hold is not None:
        return False
    closed = gates.closed(draft, to) is not None and not gates.queries(draft, to)
    return closed and shares.requests(draft) is shares.Traffic.NONE


def _begin(draft: Draft, spec: Step) -> None:
    """The step's weight is not decided yet; what a step back within the step has left on the route is looked after meanwhile."""
    if draft.run.raised is not None:
        standing = shares.standing(draft, draft.weights)
        if standing is Standing.LESS and draft.step.seen:
            _lowered(draft)
            return
        if standing is Standing.SAME:
            draft.update_step(seen=True)
    _try_raise(draft, spec)


def _follow_down(draft: Draft, spec: Step) -> None:
    """The step's weight was edited to a lower one: that acts now."""
    lower = draft.weights.at_most(cohorts.asked(draft, spec))
    correcting.remember_lowered(draft, but=correcting.raised_by_others(draft))
    draft.update_run(**cohorts.decided(draft, lower))
    if not lower.some:  # its traffic begins anew with the next weight
        draft.update_run(traffic_since=None)
    draft.update_step(weight=float(lower.weight), seen=False, reached=False)
    correcting.lower_to(draft, lower)
    draft.say(Reason.STEP_EDITED, f"step {spec.name!r} was edited: weight {lower}")
    draft.urgent = draft.intent = True  # lowering waits for no record


def _reach(draft: Draft, spec: Step) -> None:
    """The weight was decided; it must be seen on the route, and the gateway must have taken it."""
    standing = shares.standing(draft, draft.weights)
    if standing is Standing.UNSEEN:
        draft.wait(raise_rule.unfit_route(draft) or Why(Reason.READ_FAILED, "a route could not be read"))
        return
    if standing is Standing.LESS:
        _go_up(draft, spec)
        return
    draft.update_step(seen=True)
    slow = next((route for route in targets.routes(draft) if not _accepted(route.acceptance)), None)
    if slow is not None:
        draft.wait(acceptance.not_yet(slow))
        return
    settling = acceptance.settling(draft)
    if settling is not None:
        route, until = settling
        draft.wakes.append(until)
        words = f"no controller reports that {route.ref.key} acts as written: its step counts from {route.settle:g}s after the write"
        draft.wait(Why(Reason.ROUTE_SETTLING, words))
        return
    draft.update_step(reached=True)
    _note_requests(draft)
    hooks.start_due(draft)
    draft.go_on()
    draft.need(Live.ROUTES)
    _watch(draft, spec)


def _go_up(draft: Draft, spec: Step) -> None:
    """The write, or with pods the rest of it, is still to come; unless somebody lowered what was seen already."""
    way = raising_pods.on_the_way(draft)
    if way is Standing.SAME:
        draft.update_step(seen=True)
    elif draft.step.seen and way is not Standing.MORE:
        _lowered(draft)
        return
    if raising_pods.completing(draft, draft.weights):
        _complete(draft, spec)
    else:
        _try_raise(draft, spec)


def _note_requests(draft: Draft) -> None:
    """Notes since when the candidate gets requests. What was seen of mirrored ones counts for nothing once it has traffic."""
    if draft.weights.some and draft.run.traffic_since is None:
        draft.update_run(traffic_since=instant(draft.now))
        if draft.run.mirrored_since is not None:
            draft.update_run(mirrored_since=None, groups=())
    elif draft.weights.mirror and draft.run.mirrored_since is None:
        draft.update_run(mirrored_since=instant(draft.now))


def _complete(draft: Draft, spec: Step) -> None:
    """The rest of a raise that was decided: the candidate has its pods, and takes over from those of the baseline.

    Its share rises by that, so it is judged like any raise; its gate was open.
    """
    if _standing_still(draft):
        return
    blocked = next(iter(raise_rule.blockers(draft, None)), None) or raise_rule.breached(draft)
    short = raising_pods.short_of_pods(draft, draft.weights) or raising_pods.baseline_lost(draft, draft.weights)
    if short and (blocked is None or blocked.reason == Reason.CANDIDATE_NOT_READY):
        blocked = Why(Reason.PODS_NOT_READY, short)
    judgement = raise_rule.unjudged(draft, spec) if blocked is None else None
    if blocked is not None or judgement is not None:
        _blocked(draft, [blocked] if blocked is not None else [], judgement)
        return
    draft.update_step(seen=False)
    raising.raise_to(draft, draft.weights)


def _accepted(acceptance: Acceptance) -> bool:
    return acceptance in {Acceptance.ACCEPTED, Acceptance.UNREPORTED}


def _lowered(draft: Draft) -> None:
    """Somebody gave the candidate less: it stays so until a person resumes."""
    if draft.run.paused is None:
        draft.need(Live.ROUTES)
    draft.pause(Reason.LOWERED_BY_OTHER, shares.lowered(draft, draft.weights))
    _standing_still(draft)


def _watch(draft: Draft, spec: Step) -> None:
    more = more_wanted(draft, spec)
    standing = shares.standing(draft, draft.weights)
    if standing is Standing.LESS and not shares.resized(draft):
        _lowered(draft)
        return
    if standing is Standing.UNSEEN:
        draft.wait(raise_rule.unfit_route(draft) or Why(Reason.READ_FAILED, "a route could not be read"))
        return
    if _standing_still(draft):
        return
    lost = draft.lost or _another_version(draft)
    if lost is not None:
        draft.wait(lost)
        return
    if draft.run.waiting is not None and draft.run.waiting.reason in {*LOSSES, Reason.ANOTHER_VERSION}:
        draft.go_on()
    if more:
        _try_raise(draft, spec)
        return
    if draft.run.promote and not draft.step.passed:
        draft.update_step(passed=True, expected_end=None)
    draft.watching = not draft.step.passed
    if draft.step.passed or verdict(draft, spec):
        _go_on(draft)
    else:
        _expect(draft, spec)


def _another_version(draft: TickContext) -> Why | None:
    """Why what is seen now says nothing of this run's version: by the watch streams alone, since a live look has ended the run."""
    return raise_rule.another_version(draft) if draft.run.version.fingerprint else None


def _standing_still(draft: Draft) -> bool:
    run = draft.run
    if draft.spec.paused or run.paused is not None:
        message = run.paused.message if run.paused else "spec.paused is true"
        draft.attention = Why(Reason.PAUSED, message)
        return True
    if run.hold is not None:
        draft.doing = Why(Reason.HOLDING, run.hold.message)
        return True
    return False


def _expect(draft: Draft, spec: Step) -> None:
    """Wakes for the next checkpoint, and says when the step ends if nothing comes between."""
    watched = draft.step.watched
    following_offset = following(spec, watched)
    if following_offset is not None:
        draft.wakes.append(draft.now + following_offset - watched)
    left = spec.duration.seconds - watched
    end, before = (instant(draft.now + left) if left > 0 else None), draft.step.expected_end
    if end is None or before is None or abs((end - before).total_seconds()) > draft.interval:
        draft.update_step(expected_end=end)
    if draft.doing is None:
        total = in_words(spec.duration.seconds) if spec.duration.seconds else "0s"
        draft.doing = Why(
            Reason.WATCHING, f"step {draft.step.summary}: weight {cohorts.asked(draft, spec)} for {total}"
        )


def _go_on(draft: Draft) -> None:
    hooks.start_due(draft)
    to = following_step(draft)
    if to is not None:
        _try_raise(draft, to)
        return
    left_out = _left_out(draft)
    if left_out is not None:
        draft.wait(left_out, deadline=False)
        draft.attention = left_out
        return
    blocked = [why for why in raise_rule.blockers(draft, None) if why.reason != Reason.CANDIDATE_NOT_READY]
    judgement = raise_rule.unjudged(draft, None)
    if blocked or judgement is not None:
        _blocked(draft, blocked, judgement)
        return
    promotion.begin(draft)


def _left_out(draft: TickContext) -> Why | None:
    """The cohorts that were taken back: the promotion would give them the version, so a person has to say that it shall."""
    back = cohorts.reverted(draft)
    if not back or draft.run.promote:
        return None
    names = ", ".join(one.name for one in back)
    words = f"every step has passed, but cohort {names} was reverted, and the promotion would give it this version too"
    return Why(Reason.COHORT_REVERTED, f"{words}: Promote does that, Abort reverts")


def _try_raise(draft: Draft, to: Step) -> None:
    """Raises to the step's weight if nothing stands before it."""
    blocked = raise_rule.blockers(draft, to)
    judgement = raise_rule.unjudged(draft, to)
    if blocked or judgement is not None:
        _get_ready(draft, to, {why.reason for why in blocked})
        _blocked(draft, blocked, judgement)
        draft.wakes.append(gates.opens_at(draft, to))
        return
    if to_zero.must_look(draft):
        draft.autoscaler = True
        return
    index = draft.spec.steps.index(to)
    weights = cohorts.asked(draft, to)
    fresh_step = to.name != draft.step.name or not begun(draft)
    if fresh_step:
        if all(one.name != to.name for one in draft.run.begun):
            begin = StepBegin(name=to.name, time=instant(draft.now))
            draft.update_run(begun=(*draft.run.begun, begin))
        draft.update(step=new_step(draft.spec.steps, index))
        draft.memory = _without_absence(draft)
        draft.say(Reason.STEP_STARTED, f"step {draft.step.summary}: weight {weights}")
    else:
        draft.update_step(weight=float(weights.weight), seen=False, reached=False)
    draft.go_on()
    if weights.some:
        to_zero.remember(draft)
    raising.raise_to(draft, weights)


def _get_ready(draft: Draft, to: Step, blocked: set[str]) -> None:
    """Sets going what a raise that nothing else blocks needs before it: the candidate's pods, and then the Jobs of its gate."""
    if gates.awaits_jobs_alone(draft, to):
        blocked = blocked - {Reason.GATE_CLOSED}
        if not blocked:
            hooks.start_gate_jobs(draft, to)
        if not blocked and gates.checks_before_jobs(draft, to):
            draft.wakes.append(draft.now + raise_rule.AT_MOST_EVERY)
    if blocked <= scaling.WAITS_FOR_PODS:
        scaling.prepare(draft, to)


def _without_absence(draft: TickContext) -> Memory:
    return replace(draft.memory, present=None)


_PERSON = frozenset(
    {
        Reason.AWAITING_APPROVAL,
        Reason.GATE_JOB_FAILED,
        Reason.HOOK_FAILED,
        Reason.REJECTED,
        Reason.PAUSED_BY_SPEC,
        Reason.PAUSED_BY_COMMAND,
        Reason.LOWERED_BY_OTHER,
        Reason.STEPPED_BACK,
        Reason.BASELINE_CHANGED,
        Reason.INVALID_SPEC,
        Reason.STATUS_UNREADABLE,
    }
)
_PATIENT = frozenset({Reason.GATE_CLOSED, Reason.HOLDING, Reason.AWAITING_RESULTS, *_PERSON})
"""Waits that no deadline ends."""


def _blocked(draft: Draft, blocked: list[Why], judgement: Why | None) -> None:
    why = blocked[0] if blocked else judgement
    if why is None:
        return
    if not blocked and why.reason == Reason.AWAITING_RESULTS:
        draft.wakes.append(draft.now + raise_rule.AT_MOST_EVERY)
    if not blocked and why.reason == Reason.AWAITING_RESULTS and draft.run.waiting is not None:
        why = Why(Reason(draft.run.waiting.reason), draft.run.waiting.message)
    draft.wait(why, deadline=why.reason not in _PATIENT)
    if why.reason in _PERSON:
        draft.attention = why
