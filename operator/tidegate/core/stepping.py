"""From step to step: gate, raise, watch, checkpoints, verdict, on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from tidegate.api.rollout import Step
from tidegate.api.status import CheckpointStatus, FindingStatus, StepBegin, StepStatus
from tidegate.api.threshold import AfterHold, OnBreach
from tidegate.core import gates, promotion, raising, targets
from tidegate.core.checkpoints import following, offsets, reached
from tidegate.core.draft import Draft
from tidegate.core.findings import Finding, State, shown
from tidegate.core.instants import in_words, instant
from tidegate.core.judging import acting, metric_of
from tidegate.core.memory import Memory
from tidegate.core.observed import Acceptance
from tidegate.core.plan import Why
from tidegate.core.targets import Standing

KEPT_CHECKPOINTS = 20


def new_step(spec_steps: tuple[Step, ...], index: int) -> StepStatus:
    """The status of a step that has not begun. `index` counts from 0."""
    step = spec_steps[index]
    return StepStatus(
        name=step.name,
        index=index + 1,
        of=len(spec_steps),
        summary=f"{index + 1}/{len(spec_steps)} {step.name}",
        weight=float(step.weight.percent),
    )


def take_step(draft: Draft) -> None:
    """Plans the current step's next move."""
    spec = draft.step_spec
    if spec is None:
        draft.hold(
            "StepGone", f"step {draft.step.name!r} is no longer in the spec: put it back, or Abort", restart=False
        )
        draft.attention = Why("StepGone", "an edit removed the current step")
        return
    if targets.standing(draft, draft.weight) is Standing.MORE:
        targets.lower_to(draft, draft.weight)
        draft.say("PutBack", f"the route gave the candidate more than {draft.weight}%: put back", warning=True)
        return
    if not _begun(draft):
        _try_raise(draft, spec)
    elif Decimal(str(draft.step.weight)) != spec.weight.percent:
        _follow_edit(draft, spec)
    elif not draft.step.reached:
        _reach(draft, spec)
    else:
        _watch(draft, spec)


def _begun(draft: Draft) -> bool:
    return any(one.name == draft.step.name for one in draft.run.begun)


def _follow_edit(draft: Draft, spec: Step) -> None:
    """The step's weight was edited: a lower one acts now, a higher one is a raise."""
    if spec.weight.percent > draft.weight:
        draft.update_step(reached=False)
        _try_raise(draft, spec)
        return
    draft.update_run(weight=float(spec.weight.percent))
    draft.update_step(weight=float(spec.weight.percent), reached=False)
    targets.lower_to(draft, draft.weight)
    draft.say("StepEdited", f"step {spec.name!r} was edited: weight {spec.weight}%")
    draft.intent = True


def _reach(draft: Draft, spec: Step) -> None:
    """The weight was decided; it must be seen on the route, and the gateway must have taken it."""
    standing = targets.standing(draft, draft.weight)
    if standing is Standing.UNSEEN:
        draft.wait(raising.unfit_route(draft) or Why("NotSeen", "a route could not be read"))
        return
    if standing is Standing.LESS:
        _try_raise(draft, spec)
        return
    slow = next((route for route in targets.routes(draft) if not _accepted(route.acceptance)), None)
    if slow is not None:
        detail = f": {slow.acceptance_message}" if slow.acceptance_message else ""
        draft.wait(Why("RouteNotAccepted", f"{slow.ref.key} is not accepted by its gateway yet{detail}"))
        return
    draft.update_step(reached=True)
    if draft.weight > 0 and draft.run.traffic_since is None:
        draft.update_run(traffic_since=instant(draft.now))
    draft.go_on()
    draft.needs_fresh = True
    _watch(draft, spec)


def _accepted(acceptance: Acceptance) -> bool:
    return acceptance in {Acceptance.ACCEPTED, Acceptance.UNREPORTED}


def _watch(draft: Draft, spec: Step) -> None:
    standing = targets.standing(draft, draft.weight)
    if standing is Standing.LESS:
        draft.pause(
            "LoweredByOther", f"the route gives the candidate less than {draft.weight}%: lowered by somebody else"
        )
        draft.needs_fresh = True
        return
    if standing is Standing.UNSEEN:
        draft.wait(raising.unfit_route(draft) or Why("NotSeen", "a route could not be read"))
        return
    if _standing_still(draft):
        return
    draft.watching = not draft.step.passed
    if draft.step.passed or _verdict(draft, spec):
        _go_on(draft, spec)
    else:
        _expect(draft, spec)


def _standing_still(draft: Draft) -> bool:
    run = draft.run
    if draft.spec.paused or run.paused is not None:
        message = run.paused.message if run.paused else "spec.paused is true"
        draft.attention = Why("Paused", message)
        return True
    if run.hold is not None:
        draft.doing = Why("Holding", run.hold.message)
        return True
    return False


def _expect(draft: Draft, spec: Step) -> None:
    """Wakes for the next checkpoint, and says when the step ends if nothing comes between."""
    watched = draft.step.watched
    following_offset = following(spec, watched)
    if following_offset is not None:
        draft.wakes.append(draft.now + following_offset - watched)
    end = instant(draft.now + max(spec.duration.seconds - watched, 0.0))
    before = draft.step.expected_end
    if before is None or abs((end - before).total_seconds()) > draft.interval:
        draft.update_step(expected_end=end)
    if draft.doing is None:
        total = in_words(spec.duration.seconds) if spec.duration.seconds else "0s"
        draft.doing = Why("Watching", f"step {draft.step.summary}: weight {spec.weight}% for {total}")


def _verdict(draft: Draft, spec: Step) -> bool:
    """Judges a checkpoint that is due; whether the step has passed."""
    offset = reached(spec, draft.step.watched, draft.step.judged)
    if offset is None:
        return draft.step.passed
    final = offset >= spec.duration.seconds
    undecided = _undecided(draft, final=final)
    if undecided is not None:
        draft.wait(Why("CheckpointUndecided", f"checkpoint {_at(offset)} of step {spec.name!r}: {undecided}"))
        return False
    if draft.run.waiting is not None and draft.run.waiting.reason == "CheckpointUndecided":
        draft.go_on()
    breached = [f for f in acting(draft.threshold_findings) if f.state is State.BREACHED]
    _record(draft, spec, offset, "Breach" if breached else "Pass")
    if breached:
        act_on(draft, breached, "CheckpointBreached", f"checkpoint {_at(offset)} of step {spec.name!r}: ")
        return False
    if final:
        draft.update_step(passed=True, expected_end=None)
        draft.say("StepPassed", f"step {draft.step.summary} passed at weight {spec.weight}%")
    return final


def _undecided(draft: Draft, *, final: bool) -> str | None:
    """Why a checkpoint cannot be decided now; `None` when it can. A breach decides whatever else is unknown."""
    findings = acting(draft.threshold_findings) if draft.weight > 0 else []
    if any(finding.state is State.BREACHED for finding in findings):
        return None
    for finding in findings:
        if not finding.answered:
            return "being judged"
        if finding.state in {State.TOO_FEW, State.BLIND}:
            return finding.message
    if final and draft.memory.present is not None and draft.weight > 0:
        longest = max((m.window.seconds for f in findings if (m := metric_of(draft, f.line))), default=0.0)
        if draft.memory.present < longest:
            draft.wakes.append(draft.now + longest - draft.memory.present)
            return f"after an absence a full window of {in_words(longest)} must be watched again"
    return None


def _record(draft: Draft, spec: Step, offset: float, verdict: str) -> None:
    step = draft.step
    skipped = [one for one in offsets(spec) if step.judged < one < offset]
    entries = [
        CheckpointStatus(step=spec.name, at=_at(one), time=instant(draft.now), verdict="Undecided")
        for one in skipped[-KEPT_CHECKPOINTS:]
    ]
    findings = tuple(_evidence(draft, finding) for finding in draft.threshold_findings) if draft.weight > 0 else ()
    entries.append(
        CheckpointStatus(step=spec.name, at=_at(offset), time=instant(draft.now), verdict=verdict, findings=findings)
    )
    draft.update(checkpoints=(*reversed(entries), *draft.status.checkpoints)[:KEPT_CHECKPOINTS])
    draft.update_step(judged=offset)


def _evidence(draft: Draft, finding: Finding) -> FindingStatus:
    metric, worst = metric_of(draft, finding.line), finding.worst
    value = base = ""
    if metric is not None and worst is not None:
        value = shown(worst.value, metric.effective_unit) if worst.value is not None else ""
        base = shown(worst.baseline, metric.effective_unit) if worst.baseline is not None else ""
    return FindingStatus(
        threshold=finding.line.identity,
        state=str(finding.state),
        value=value,
        baseline=base,
        limit=f"{finding.line.kind} {finding.line.limit}",
        series=worst.series if worst else "",
        message=finding.message,
    )


def _at(offset: float) -> str:
    return in_words(offset) or "0s"


def act_on(draft: Draft, breached: Iterable[Finding], reason: str, prefix: str = "") -> None:
    """Does what breached lines ask for: a revert before a hold."""
    breached = list(breached)
    for finding in breached:
        if finding.line.on_breach is OnBreach.REVERT:
            draft.end("Reverted", reason, prefix + finding.message)
            return
    for finding in breached:
        if finding.line.on_breach is OnBreach.HOLD:
            restart = finding.line.after_hold is AfterHold.RESTART
            draft.hold("Holding", prefix + finding.message, restart=restart)


def _go_on(draft: Draft, spec: Step) -> None:
    steps = draft.spec.steps
    index = steps.index(spec) + 1
    if index < len(steps):
        _try_raise(draft, steps[index])
        return
    blocked = [why for why in raising.blockers(draft, None) if why.reason != "CandidateNotReady"]
    judgement = raising.unjudged(draft)
    if blocked or judgement is not None:
        _blocked(draft, blocked, judgement)
        return
    promotion.begin(draft)


def _try_raise(draft: Draft, to: Step) -> None:
    """Raises to the step's weight if nothing stands before it."""
    blocked = raising.blockers(draft, to)
    judgement = raising.unjudged(draft)
    if blocked or judgement is not None:
        _blocked(draft, blocked, judgement)
        opens = gates.opens(to, draft.run.begun)
        if opens != float("inf"):
            draft.wakes.append(opens)
        return
    index = draft.spec.steps.index(to)
    weight = to.weight.percent
    fresh_step = to.name != draft.step.name or not _begun(draft)
    if fresh_step:
        begun = (*draft.run.begun, StepBegin(name=to.name, time=instant(draft.now)))
        draft.update_run(begun=begun)
        draft.update(step=new_step(draft.spec.steps, index))
        draft.memory = _without_absence(draft)
        draft.say("StepStarted", f"step {draft.step.summary}: weight {to.weight}%")
    else:
        draft.update_step(weight=float(weight), reached=False)
    draft.go_on()
    targets.raise_to(draft, weight)


def _without_absence(draft: Draft) -> Memory:
    return replace(draft.memory, present=None)


_PERSON = frozenset({"PausedBySpec", "PausedByCommand", "LoweredByOther", "InvalidSpec"})
_PATIENT = frozenset({"GateClosed", "Holding", "AwaitingJudgement", *_PERSON})
"""Waits that no deadline ends."""


def _blocked(draft: Draft, blocked: list[Why], judgement: Why | None) -> None:
    why = blocked[0] if blocked else judgement
    if why is None:
        return
    if not blocked and why.reason == "AwaitingJudgement" and draft.run.waiting is not None:
        draft.doing = Why(draft.run.waiting.reason, draft.run.waiting.message)
        return
    draft.wait(why, deadline=why.reason not in _PATIENT)
    if why.reason in _PERSON:
        draft.attention = why
