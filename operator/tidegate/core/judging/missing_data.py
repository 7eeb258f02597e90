"""Missing data: how long a metric with an acting limit has had none, and when that becomes a reason to act.

`NoData`: the source answers, this metric does not. `SourceDown`: the source cannot be queried. Both count watched time
and need at least three answers; too few requests and incomparable values are no missing data. Each kind has a time of its
own, which only an answer resets: a source that comes and goes with nothing to say must not begin anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.api.metric import MissingDataAction, MissingDataPolicy
from tidegate.api.status import MissingDataStatus
from tidegate.core.judging.judge import acting, most_between, serving
from tidegate.core.model import cadence
from tidegate.core.model.finding import MISSING, Finding
from tidegate.core.model.time_format import in_words, instant
from tidegate.core.model.world import ArmName
from tidegate.core.tick.draft import Draft

LEAST_ANSWERS = 3
"""One missed scrape or one slow answer is no reason to act."""


def notice_missing_data(draft: Draft, *, judging: bool) -> None:
    """Counts the queries of this tick that brought no data; reverts, holds or warns where one has lasted.

    Args:
        draft: with its findings judged.
        judging: this is the tick's first look at its answers (a second look must not count them again).
    """
    findings = acting([*draft.guard_findings, *draft.threshold_findings])
    kept: list[MissingDataStatus] = []
    for metric in dict.fromkeys(finding.line.metric for finding in findings):
        mine = [finding for finding in findings if finding.line.metric == metric]
        kept += _after(draft, metric, mine, judging=judging)
    for missing in kept:
        if not draft.ending():
            _act(draft, missing)
    draft.update(missing_data=tuple(kept))


def _after(draft: Draft, metric: str, findings: Iterable[Finding], *, judging: bool) -> list[MissingDataStatus]:
    """What is missing of the metric after this tick's findings, the kind of the newest answer first."""
    before = [one for one in draft.status.missing_data if one.metric == metric]
    answered = [finding for finding in findings if finding.answered and finding.sampled]
    found = next((finding for finding in answered if finding.state in MISSING), None)
    if found is None:
        return [] if answered else before
    if not judging:
        return before
    kind = str(found.state)
    others = [one for one in before if one.kind != kind]
    mine = next((one for one in before if one.kind == kind), None)
    mine = mine or MissingDataStatus(metric=metric, kind=kind, since=instant(draft.now))
    last = max((one.mark for one in before), default=draft.run.watched)
    more = min(max(draft.run.watched - last, 0.0), most_between(draft))
    asked = max(int(draft.elapsed / draft.interval), 1) if draft.seen.attended and before else 1
    after = mine.model_copy(
        update={
            "watched": round(mine.watched + more, 3),
            "mark": round(draft.run.watched, 3),
            "answers": mine.answers + asked,
            "message": found.message,
        }
    )
    return [after, *others]


def policy(draft: Draft, missing: MissingDataStatus) -> MissingDataPolicy:
    """What the metric, or else the Rollout, says about this kind of missing data."""
    metric = next((metric for metric in draft.spec.metrics if metric.name == missing.metric), None)
    override = metric.missing_data if metric else None
    if missing.kind == "SourceDown":
        return (override.source_down if override else None) or draft.spec.missing_data.source_down
    return (override.no_data if override else None) or draft.spec.missing_data.no_data


def lasted(draft: Draft, missing: MissingDataStatus) -> bool:
    """Whether it has lasted long enough to act."""
    return missing.answers >= LEAST_ANSWERS and missing.watched >= policy(draft, missing).after.seconds - 1e-6


def _act(draft: Draft, missing: MissingDataStatus) -> None:
    if not lasted(draft, missing):
        left = max(policy(draft, missing).after.seconds - missing.watched, draft.interval)
        draft.wakes.append(cadence.at_or_after(draft.seen.rollout.uid, draft.interval, draft.now + left))
        return
    rule = policy(draft, missing)
    message = f"{missing.message}; no data for {in_words(missing.watched)} (limit {rule.after})"
    reason = missing.kind
    match rule.then:
        case MissingDataAction.REVERT if (
            serving(draft) is ArmName.BASELINE
        ):  # promoted: every step was passed with eyes open
            draft.hold(reason, message, restart=False)
        case MissingDataAction.REVERT:
            draft.end("Reverted", reason, message)
        case MissingDataAction.HOLD:
            draft.hold(reason, message, restart=False)
        case MissingDataAction.WARN:
            key = (missing.metric, missing.kind)
            if not any(
                (one.metric, one.kind) == key and lasted(draft, one) for one in draft.memory.status.missing_data
            ):
                draft.say(reason, message, warning=True)
