"""A checkpoint's verdict: judged when it is due, recorded with its evidence, acted on at once."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.status import CheckpointStatus, FindingStatus
from tidegate.api.rollout.steps import Step
from tidegate.core.judging.judge import acting, metric_of
from tidegate.core.judging.limits import unit_of
from tidegate.core.judging.shared_incident import shared
from tidegate.core.model.finding import MISSING, Evidence, Finding, SeriesFinding, State
from tidegate.core.model.plan import Why
from tidegate.core.model.time_format import in_words, instant
from tidegate.core.model.value_format import digits, shown
from tidegate.core.responses import respond
from tidegate.core.run.checkpoints import offsets, reached
from tidegate.core.statistics.confidence import rate_interval
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

KEPT_CHECKPOINTS = 20

ALPHA = 0.05
"""1 minus the confidence of the interval that is shown with a ratio."""


def verdict(draft: Draft, spec: Step) -> bool:
    """Judges a checkpoint that is due; whether the step has passed."""
    offset = reached(spec, draft.step.watched, draft.step.judged)
    if offset is None:
        return draft.step.passed
    step, final = draft.step, offset >= spec.duration.seconds
    if _unanswered(draft):
        waiting = draft.run.waiting
        if waiting is not None:
            draft.wait(Why(Reason(waiting.reason), waiting.message))
        return False
    undecided = _undecided(draft, final=final)
    if undecided is not None:
        draft.wait(Why(Reason.CHECKPOINT_UNDECIDED, f"checkpoint {_at(offset)} of step {spec.name!r}: {undecided}"))
        return False
    if draft.run.waiting is not None and draft.run.waiting.reason == Reason.CHECKPOINT_UNDECIDED:
        draft.go_on()
    breached = [f for f in acting(draft.judgement.thresholds) if f.state is State.BREACHED]
    _record(draft, spec, offset, "Breach" if breached else "Pass")
    if breached:
        stops = any(not one.limit.on_breach.goes_on for one in breached)
        if stops:
            draft.update_step(judged=step.judged)  # where the run goes on, it is evaluated again
        respond(draft, breached, Reason.CHECKPOINT_BREACHED, f"checkpoint {_at(offset)} of step {spec.name!r}: ")
        if stops:
            return False
    if final:
        draft.update_step(passed=True, expected_end=None)
        draft.say(Reason.STEP_PASSED, f"step {draft.step.summary} passed at weight {draft.weights}")
    return final


def _unanswered(draft: TickContext) -> bool:
    """Whether answers that would decide, or belong to the record, are still out; a breach among those that came decides already."""
    if not draft.weights.exposed:
        return False
    findings = acting(draft.judgement.thresholds)
    breached = any(finding.state is State.BREACHED and not shared(finding) for finding in findings)
    recorded = any(finding.state is State.OPEN for finding in draft.judgement.guards)
    return not breached and (recorded or any(not finding.answered for finding in findings))


def _undecided(draft: Draft, *, final: bool) -> str | None:
    """Why a checkpoint cannot be decided now; `None` when it can. A breach decides whatever else is unknown."""
    findings = acting(draft.judgement.thresholds) if draft.weights.exposed else []
    if any(finding.state is State.BREACHED for finding in findings):
        return None
    for finding in findings:
        if finding.state in {State.TOO_FEW_REQUESTS, *MISSING}:
            return finding.message
    if final and draft.memory.present is not None and draft.weights.exposed:
        longest = max((m.window.seconds for f in findings if (m := metric_of(draft, f.limit))), default=0.0)
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
    judged = [(one, False) for one in draft.judgement.thresholds]
    judged += [(one, True) for one in draft.judgement.guards if one.answered]
    findings = tuple(_evidence(draft, one, guard=guard) for one, guard in judged) if draft.weights.exposed else ()
    entries.append(
        CheckpointStatus(step=spec.name, at=_at(offset), time=instant(draft.now), verdict=verdict, findings=findings)
    )
    draft.update(checkpoints=(*reversed(entries), *draft.status.checkpoints)[:KEPT_CHECKPOINTS])
    draft.update_step(judged=offset)


def _evidence(draft: TickContext, finding: Finding, *, guard: bool) -> FindingStatus:
    metric, worst = metric_of(draft, finding.limit), finding.worst
    value = base = ""
    if metric is not None and worst is not None:
        unit = unit_of(finding.limit, metric)
        value = shown(worst.value, unit) if worst.value is not None else ""
        base = shown(worst.baseline, unit) if worst.baseline is not None else ""
    return FindingStatus(
        threshold=finding.limit.identity,
        guard=guard,
        metric=finding.limit.metric,
        window="" if metric is None or finding.limit.counted else str(metric.window),
        state=str(finding.state),
        value=value,
        baseline=base,
        limit=f"{finding.limit.kind} {finding.limit.limit}",
        series=worst.series if worst else "",
        **(_tested(finding.evidence) if finding.evidence is not None else _counted(metric, worst)),
        message=finding.message,
    )


def _tested(evidence: Evidence) -> dict[str, str]:
    return {"counts": evidence.counts, "possible": evidence.possible, "conclusion": evidence.conclusion}


def _counted(metric: Metric | None, worst: SeriesFinding | None) -> dict[str, str]:
    """The counts behind a ratio, and what they leave possible: few requests can show little, and that is said."""
    if (
        metric is None
        or metric.ratio is None
        or worst is None
        or worst.value is None
        or not worst.requests
        or not 0 <= worst.value <= 1
    ):
        return {}
    bad = worst.value * worst.requests
    low, high = rate_interval(worst.requests, bad, ALPHA)
    return {
        "counts": f"{bad:.0f} of {worst.requests:.0f}",
        "possible": f"{_percent(low)} to {_percent(high)}",
    }


def _percent(share: float) -> str:
    """Two digits of a share; what is less than one in a million is 0."""
    return f"{digits(share * 100, 2)}%" if share >= 1e-6 else "0%"


def _at(offset: float) -> str:
    return in_words(offset) or "0s"
