"""Blindness: how long a metric with an acting limit has had no answer, and when that becomes a reason to act.

`NoData`: the source answers, this metric does not. `SourceDown`: the source cannot be asked. Both count watched time
and need at least three answers; too few requests and incomparable values are not blindness. Each kind has a time of its
own, which only an answer resets: a source that comes and goes with nothing to say must not begin anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.api.metric import BlindAction, BlindPolicy
from tidegate.api.status import BlindStatus
from tidegate.core import grid
from tidegate.core.draft import Draft
from tidegate.core.findings import Finding, State
from tidegate.core.instants import in_words, instant
from tidegate.core.judging import acting, most_between, serving
from tidegate.core.observed import ArmName

LEAST_ANSWERS = 3
"""One missed scrape or one slow answer is not blindness."""


def notice_blindness(draft: Draft, *, judging: bool) -> None:
    """Counts the blind answers of this tick; reverts, holds or warns where one has lasted.

    Args:
        draft: with its findings judged.
        judging: this is the tick's first look at its answers (a second look must not count them again).
    """
    findings = acting([*draft.guard_findings, *draft.threshold_findings])
    kept: list[BlindStatus] = []
    for metric in dict.fromkeys(finding.line.metric for finding in findings):
        mine = [finding for finding in findings if finding.line.metric == metric]
        kept += _after(draft, metric, mine, judging=judging)
    for blind in kept:
        if not draft.ending():
            _act(draft, blind)
    draft.update(blind=tuple(kept))


def _after(draft: Draft, metric: str, findings: Iterable[Finding], *, judging: bool) -> list[BlindStatus]:
    """The metric's blindness after this tick's findings, the kind of the newest answer first."""
    before = [blind for blind in draft.status.blind if blind.metric == metric]
    answered = [finding for finding in findings if finding.answered and finding.sampled]
    blind = next((finding for finding in answered if finding.state is State.BLIND), None)
    if blind is None:
        return [] if answered else before
    if not judging:
        return before
    kind = "SourceDown" if blind.source_down else "NoData"
    others = [one for one in before if one.kind != kind]
    mine = next((one for one in before if one.kind == kind), None)
    mine = mine or BlindStatus(metric=metric, kind=kind, since=instant(draft.now))
    last = max((one.mark for one in before), default=draft.run.watched)
    more = min(max(draft.run.watched - last, 0.0), most_between(draft))
    asked = max(int(draft.elapsed / draft.interval), 1) if draft.seen.attended and before else 1
    after = mine.model_copy(
        update={
            "watched": round(mine.watched + more, 3),
            "mark": round(draft.run.watched, 3),
            "answers": mine.answers + asked,
            "message": blind.message,
        }
    )
    return [after, *others]


def policy(draft: Draft, blind: BlindStatus) -> BlindPolicy:
    """What the metric, or else the Rollout, says about this kind of blindness."""
    metric = next((metric for metric in draft.spec.metrics if metric.name == blind.metric), None)
    override = metric.blindness if metric else None
    if blind.kind == "SourceDown":
        return (override.source_down if override else None) or draft.spec.blindness.source_down
    return (override.no_data if override else None) or draft.spec.blindness.no_data


def lasted(draft: Draft, blind: BlindStatus) -> bool:
    """Whether it has lasted long enough to act."""
    return blind.answers >= LEAST_ANSWERS and blind.watched >= policy(draft, blind).after.seconds - 1e-6


def _act(draft: Draft, blind: BlindStatus) -> None:
    if not lasted(draft, blind):
        left = max(policy(draft, blind).after.seconds - blind.watched, draft.interval)
        draft.wakes.append(grid.at_or_after(draft.seen.rollout.uid, draft.interval, draft.now + left))
        return
    rule = policy(draft, blind)
    message = f"{blind.message}; blind for {in_words(blind.watched)} (limit {rule.after})"
    reason = f"Blind{blind.kind}"
    match rule.then:
        case BlindAction.REVERT if serving(draft) is ArmName.BASELINE:  # promoted: every step was passed with eyes open
            draft.hold(reason, message, restart=False)
        case BlindAction.REVERT:
            draft.end("Reverted", reason, message)
        case BlindAction.HOLD:
            draft.hold(reason, message, restart=False)
        case BlindAction.WARN:
            key = (blind.metric, blind.kind)
            if not any((one.metric, one.kind) == key and lasted(draft, one) for one in draft.memory.status.blind):
                draft.say(reason, message, warning=True)
