"""Missing data: how long a metric with an acting limit has had none, and when that becomes a reason to act.

`NoData`: the source answers, this metric does not. `SourceDown`: the source cannot be queried. Both count watched time
and need at least three answers; too few requests and incomparable values are no missing data. Each kind has a time of its
own, which only an answer resets: a source that comes and goes with nothing to say must not begin anew each time.
"""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.api.rollout.metrics import MissingDataPolicy
from tidegate.api.rollout.status import MissingDataStatus
from tidegate.core.judging.judge import acting, most_between
from tidegate.core.model import cadence
from tidegate.core.model.finding import MISSING, Finding, State
from tidegate.core.model.time_format import instant
from tidegate.core.tick.context import TickContext

LEAST_ANSWERS = 3
"""One missed scrape or one slow answer is no reason to act."""


def after(draft: TickContext, *, judging: bool) -> tuple[MissingDataStatus, ...]:
    """What data is missing after this tick's findings.

    Args:
        draft: with its findings judged.
        judging: this is the tick's first look at its answers (a second look must not count them again).
    """
    findings = acting([*draft.judgement.guards, *draft.judgement.thresholds])
    kept: list[MissingDataStatus] = []
    for metric in dict.fromkeys(finding.limit.metric for finding in findings):
        mine = [finding for finding in findings if finding.limit.metric == metric]
        kept += _after(draft, metric, mine, judging=judging)
    return tuple(kept)


def _after(draft: TickContext, metric: str, findings: Iterable[Finding], *, judging: bool) -> list[MissingDataStatus]:
    """What is missing of the metric after this tick's findings, the kind of the newest answer first."""
    before = [one for one in draft.status.missing_data if one.metric == metric]
    answered = [finding for finding in findings if finding.answered and finding.sampled]
    found = next((finding for finding in answered if finding.state in MISSING), None)
    if found is None:
        return [] if answered else before
    if not judging or _counted(draft, before):
        return before
    kind = str(found.state)
    others = [one for one in before if one.kind != kind]
    mine = next((one for one in before if one.kind == kind), None)
    mine = mine or MissingDataStatus(metric=metric, kind=kind, since=instant(draft.now))
    last = max((one.mark for one in before), default=draft.run.watched)
    more = min(max(draft.run.watched - last, 0.0), most_between(draft))
    asked = draft.seen.pace.evaluations(draft.elapsed, draft.interval) if before else 1
    after = mine.model_copy(
        update={
            "watched": round(mine.watched + more, 3),
            "mark": round(draft.run.watched, 3),
            "answers": mine.answers + asked,
            "message": found.message,
        }
    )
    return [after, *others]


def _counted(draft: TickContext, before: Iterable[MissingDataStatus]) -> bool:
    """Whether this evaluation's answer is counted: something was carried out since, while other queries are open."""
    again = draft.memory.last_tick == draft.now
    return again and any(one.mark == round(draft.run.watched, 3) for one in before)


def policy(draft: TickContext, missing: MissingDataStatus) -> MissingDataPolicy:
    """What the metric, or else the Rollout, says about this kind of missing data."""
    metric = next((metric for metric in draft.spec.metrics if metric.name == missing.metric), None)
    override = metric.missing_data if metric else None
    if missing.kind == State.SOURCE_DOWN:
        return (override.source_down if override else None) or draft.spec.missing_data.source_down
    return (override.no_data if override else None) or draft.spec.missing_data.no_data


def lasted(draft: TickContext, missing: MissingDataStatus) -> bool:
    """Whether it has lasted long enough to act."""
    return missing.answers >= LEAST_ANSWERS and missing.watched >= policy(draft, missing).after.seconds - 1e-6


def lasted_before(draft: TickContext, missing: MissingDataStatus) -> bool:
    """Whether it had lasted long enough at the tick before already."""
    before = draft.memory.status.missing_data
    return any((one.metric, one.kind) == (missing.metric, missing.kind) and lasted(draft, one) for one in before)


def acts_at(draft: TickContext, missing: MissingDataStatus) -> float:
    """Epoch seconds of the evaluation at which it will have lasted long enough, if no data comes."""
    left = max(policy(draft, missing).after.seconds - missing.watched, draft.interval)
    return cadence.at_or_after(draft.seen.rollout.uid, draft.interval, draft.now + left)
