"""Whose fault is it? A limit that both arms break alike is a shared incident: reverting the candidate would not mend it.

The baseline is asked only once the candidate is beyond a limit that would revert, and not waited for long: without an answer
the breach is the candidate's.
"""

from __future__ import annotations

import math
from dataclasses import replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Guard, LimitKind, SharedIncident, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.judging.limits import beyond
from tidegate.core.metrics import of_one_arm, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.model import cadence
from tidegate.core.model.finding import Finding, SeriesFinding, State
from tidegate.core.model.samples import NotAsked, Open, SeriesSample, Value
from tidegate.core.model.value_format import shown
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.accumulators import Compared, Conclusion
from tidegate.core.statistics.windows import Window
from tidegate.core.tick.arms import comparable
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

PATIENCE = 2.0
"""Seconds a revert waits for the baseline's answer, at most; never longer than the interval."""

ALIKE = 0.2
"""The candidate may fail this much more than the baseline, as a ratio of counts, and still be called alike."""

COARSE = 2.0
COARSE_SECONDS = 2.5
"""The candidate's value may be this many times the baseline's, and still be called alike, where there are no counts to test: a
quantile is no finer than the bucket it lies in, and of Prometheus' default buckets the widest are 2.5 times their lower bound."""

ALPHA = 0.05
"""Level at which counts must show that the candidate is worse than that."""


def attributed(draft: Draft, finding: Finding, metric: Metric, asks: Asking) -> Finding:
    """The finding, marked when the baseline breaks the limit alike; still open while the baseline is being asked."""
    if finding.state is not State.BREACHED or not _asks_whose_fault(draft, finding.line, metric):
        return finding
    life = min(PATIENCE, draft.interval)
    asked = tuple(replace(one, life=life) for one in queries(metric, ArmName.BASELINE, asks))
    for query in asked:
        draft.want(query)
    baseline = sample(metric, draft.seen.asked, asked)
    if isinstance(baseline, Open | NotAsked):
        return replace(finding, state=State.OPEN)
    if not isinstance(baseline, Value):
        return finding
    beyond_it = [one for one in finding.series if one.state is State.BREACHED]
    others = [_counterpart(one, finding, baseline) for one in beyond_it]
    pairs = list(zip(beyond_it, others, strict=True))
    window = asks.window(metric)
    lasting = finding.line.for_.seconds if isinstance(finding.line, Guard) else 0.0
    ending = _just_ending(draft, finding.line, window + lasting)
    alike = bool(pairs) and all(_alike(finding.line, metric, one, other) for one, other in pairs)
    both = alike and all(_beyond_too(finding.line, metric, other) for other in others)
    # A window after both arms were beyond the limit the values still hold that moment: without counts no difference is shown.
    unclear = (
        bool(pairs)
        and _just_ending(draft, finding.line, window)
        and all(_unclear(metric, one, other) for one, other in pairs)
    )
    if not (both or (alike and ending) or unclear):
        return finding
    worst = next((other for one, other in zip(beyond_it, others, strict=True) if one is finding.worst), others[0])
    value = worst.value if worst is not None and worst.value is not None else math.nan
    words = f"; the baseline's is {shown(value, metric.effective_unit)}: a shared incident, not this version"
    return replace(finding, shared=True, both=both, message=finding.message + words)


def shared(finding: Finding) -> bool:
    """Whether a breach that would revert holds instead."""
    return finding.shared and finding.line.on_shared_incident is SharedIncident.HOLD


def _asks_whose_fault(draft: TickContext, line: Threshold, metric: Metric) -> bool:
    return (
        line.kind in {LimitKind.MAX, LimitKind.MIN}
        and line.on_breach.ends_traffic
        and line.on_shared_incident is SharedIncident.HOLD
        and comparable(draft)
        and draft.run.promotion is None
        and of_one_arm(metric)
    )


def _counterpart(one: SeriesFinding, finding: Finding, baseline: Value) -> SeriesSample | None:
    same = next((other for other in baseline.series if other.series == one.series), None)
    return same or (baseline.series[0] if len(finding.series) == len(baseline.series) == 1 else None)


def _just_ending(draft: Draft, line: Threshold, seconds: float) -> bool:
    """Whether both arms were beyond this very limit a moment ago: when a shared incident ends, one is within it first, by chance.

    Args:
        draft: the tick's draft.
        line: the limit.
        seconds: how long a moment is: a window, which still holds what was, and the duration after which a guard is asked again.
    """
    hold = draft.run.hold
    last = next((one.last for one in hold.shared if one.name == line.identity), None) if hold is not None else None
    if last is None:
        return False
    until = last.timestamp() + seconds + 2 * draft.interval
    draft.wakes.append(cadence.at_or_after(draft.seen.rollout.uid, draft.interval, until))
    return draft.now < until


def _beyond_too(line: Threshold, metric: Metric, other: SeriesSample | None) -> bool:
    """Whether the baseline is beyond the limit."""
    return other is not None and other.value is not None and beyond(line, metric, other.value)


def _counted(metric: Metric, one: SeriesFinding, other: SeriesSample | None) -> bool:
    """Whether both are shares of requests that were counted."""
    return bool(metric.share and one.requests and other is not None and other.requests)


def _unclear(metric: Metric, one: SeriesFinding, other: SeriesSample | None) -> bool:
    """Whether the two have values and no counts that could tell them apart."""
    valued = other is not None and other.value is not None and one.value is not None
    return valued and not _counted(metric, one, other)


def _alike(line: Threshold, metric: Metric, one: SeriesFinding, other: SeriesSample | None) -> bool:
    """Whether the candidate is not clearly worse than the baseline."""
    if other is None or other.value is None or one.value is None or math.isnan(other.value):
        return False
    if _counted(metric, one, other) and one.requests and other.requests:
        if not (0 <= one.value <= 1 and 0 <= other.value <= 1):
            return False
        counts = Window(other.requests, other.value * other.requests, one.requests, one.value * one.requests)
        return Compared(ALIKE).after([counts]).conclusion(ALPHA) is not Conclusion.REGRESSED
    if math.isinf(one.value) or math.isinf(other.value):
        return one.value == other.value
    coarse = COARSE_SECONDS if metric.effective_unit is Unit.SECONDS else COARSE
    more, less = _towards_worse(line, metric, one.value, other.value)
    return more <= less or (less > 0 and more <= coarse * less) or (more < 0 and more * coarse <= less)


def _towards_worse(line: Threshold, metric: Metric, mine: float, others: float) -> tuple[float, float]:
    """Two values so that more is worse; of a share that must not fall what is missing to the whole."""
    if line.kind is LimitKind.MAX:
        return mine, others
    whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}.get(metric.effective_unit)
    if whole is not None and max(mine, others) <= whole:
        return whole - mine, whole - others
    return others, mine
