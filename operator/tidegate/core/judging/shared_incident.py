"""Whose fault is it? A limit that both arms break alike is a shared incident: reverting the candidate would not mend it.

The baseline is asked only once the candidate is beyond a limit that would revert, and not waited for long: without an answer
the breach is the candidate's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Guard, LimitKind, SharedIncident, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.judging.limits import about, beyond, worst_of
from tidegate.core.metrics import of_one_arm, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.model import cadence
from tidegate.core.model.finding import Context, Finding, SeriesFinding, State
from tidegate.core.model.samples import NotAsked, Open, SeriesSample, Value
from tidegate.core.model.value_format import shown
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.accumulators import Compared, Conclusion
from tidegate.core.statistics.dispersion import CAUTIOUS
from tidegate.core.statistics.windows import Window
from tidegate.core.tick.arms import comparable
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.evaluating import Evaluating

PATIENCE = 2.0
"""Seconds a revert waits for the baseline's answer, at most; never longer than the interval."""

ALIKE = 0.2
"""The candidate may fail this much more than the baseline, as a ratio of counts, and still be called alike."""

COARSE = 2.0
COARSE_SECONDS = 2.5
"""The candidate's value may be this many times the baseline's, and still be called alike, where there are no counts to test: a
quantile is no finer than the bucket it lies in, and of Prometheus' default buckets the widest are 2.5 times their lower bound."""

ALPHA = 0.05
"""Chance that in a whole incident, however long and of however many series, counts show a candidate worse than that which is not."""


def attributed(draft: Evaluating, finding: Finding, metric: Metric, asks: Asking, context: Context) -> Finding:
    """The finding, marked when the baseline breaks the limit alike; still open while the baseline is being asked.

    Of several series one that the candidate alone breaks is told of. A segment (`by`) in which the baseline has no requests, where
    it has some in others, is undecided: nobody can tell whose fault that is.
    """
    if finding.state is not State.BREACHED or not _asks_whose_fault(draft, finding.limit, metric):
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
    limit, window = finding.limit, asks.window(metric)
    lasting = limit.for_.seconds if isinstance(limit, Guard) else 0.0
    pairs = [_Pair(one, _counterpart(one, finding, baseline)) for one in finding.series if one.state is State.BREACHED]
    moment = _Moment(
        ending=_just_ending(draft, limit, window + lasting),
        over=_just_ending(draft, limit, window),
        alpha=ALPHA * share_of_look(_looks(draft, limit)) / max(len(pairs), 1),
    )
    alone = [pair for pair in pairs if not pair.shared(limit, metric, moment)]
    if not alone:
        return _shared(finding, metric, pairs, moment.alpha) if pairs else finding
    silent = [pair for pair in alone if metric.by and (pair.other is None or pair.other.value is None)]
    known = {other.series for other in baseline.series if other.value is not None}
    in_both = any(one.series in known for one in finding.series)
    decided = [pair.mine for pair in alone if pair not in silent or not in_both]
    if decided:
        return about(finding, metric, worst_of(limit, decided), context)
    told = about(finding, metric, worst_of(limit, [pair.mine for pair in alone]), context)
    words = f"{told.message}; the baseline has no value there to compare with"
    return replace(told, state=State.TOO_FEW_REQUESTS, message=words)


def _shared(finding: Finding, metric: Metric, pairs: Sequence[_Pair], alpha: float) -> Finding:
    """Marked as broken by both arms."""
    worst = next((pair.other for pair in pairs if pair.mine is finding.worst), pairs[0].other)
    value = worst.value if worst is not None and worst.value is not None else math.nan
    words = f"; the baseline's is {shown(value, metric.effective_unit)}: a shared incident, not this version"
    both = all(pair.both(finding.limit, metric, alpha) for pair in pairs)
    return replace(finding, shared=True, both=both, message=finding.message + words)


@dataclass(frozen=True)
class _Moment:
    """How long ago both arms were beyond the limit."""

    ending: bool
    """Within a window and the duration that a breach must last."""
    over: bool
    """Within a window."""
    alpha: float
    """Level at which counts must show now that the candidate is worse."""


@dataclass(frozen=True)
class _Pair:
    """A series beyond the limit, and the baseline's."""

    mine: SeriesFinding
    other: SeriesSample | None

    def shared(self, limit: Threshold, metric: Metric, moment: _Moment) -> bool:
        """Whether the baseline breaks the limit alike; or did a moment ago, whose values this one may still hold."""
        alike = _alike(limit, metric, self.mine, self.other, moment.alpha)
        # A window after both arms were beyond the limit the values still hold that moment: without counts no difference is shown.
        unclear = moment.over and _unclear(metric, self.mine, self.other)
        return self.both(limit, metric, moment.alpha) or (alike and moment.ending) or unclear

    def both(self, limit: Threshold, metric: Metric, alpha: float) -> bool:
        """Whether the baseline breaks the limit alike now; `alpha`: level at which counts must show a difference."""
        return _alike(limit, metric, self.mine, self.other, alpha) and _beyond_too(limit, metric, self.other)


def shared(finding: Finding) -> bool:
    """Whether a breach that would revert holds instead."""
    return finding.shared and finding.limit.on_shared_incident is SharedIncident.HOLD


def _asks_whose_fault(draft: TickContext, limit: Threshold, metric: Metric) -> bool:
    return (
        limit.kind in {LimitKind.MAX, LimitKind.MIN}
        and limit.on_breach.takes_traffic
        and limit.on_shared_incident is SharedIncident.HOLD
        and comparable(draft)
        and draft.run.promotion is None
        and of_one_arm(metric)
    )


def _counterpart(one: SeriesFinding, finding: Finding, baseline: Value) -> SeriesSample | None:
    same = next((other for other in baseline.series if other.series == one.series), None)
    return same or (baseline.series[0] if len(finding.series) == len(baseline.series) == 1 else None)


def _just_ending(draft: Evaluating, limit: Threshold, seconds: float) -> bool:
    """Whether both arms were beyond this very limit a moment ago: when a shared incident ends, one is within it first, by chance.

    Args:
        draft: the tick's draft.
        limit: the limit.
        seconds: how long a moment is: a window, which still holds what was, and the duration after which a guard is asked again.
    """
    hold = draft.run.hold
    last = next((one.last for one in hold.shared if one.name == limit.identity), None) if hold is not None else None
    if last is None:
        return False
    moment = seconds + 2 * draft.interval
    draft.wakes.append(cadence.at_or_after(draft.seen.rollout.uid, draft.interval, last.timestamp() + moment))
    return abs(draft.now - last.timestamp()) < moment


def _beyond_too(limit: Threshold, metric: Metric, other: SeriesSample | None) -> bool:
    """Whether the baseline is beyond the limit."""
    return other is not None and other.value is not None and beyond(limit, metric, other.value)


def _counted(metric: Metric, one: SeriesFinding, other: SeriesSample | None) -> bool:
    """Whether both are shares of requests that were counted."""
    return bool(metric.share and one.requests and other is not None and other.requests)


def _unclear(metric: Metric, one: SeriesFinding, other: SeriesSample | None) -> bool:
    """Whether the two have values and no counts that could tell them apart."""
    valued = other is not None and other.value is not None and one.value is not None
    return valued and not _counted(metric, one, other)


def _alike(limit: Threshold, metric: Metric, one: SeriesFinding, other: SeriesSample | None, alpha: float) -> bool:
    """Whether the candidate is not clearly worse than the baseline, at level `alpha` where there are counts."""
    if other is None or other.value is None or one.value is None or math.isnan(other.value):
        return False
    if _counted(metric, one, other) and one.requests and other.requests:
        if not (0 <= one.value <= 1 and 0 <= other.value <= 1):
            return False
        counts = Window(other.requests, other.value * other.requests, one.requests, one.value * one.requests)
        return not clearly_worse(counts, alpha)
    if math.isinf(one.value) or math.isinf(other.value):
        return one.value == other.value
    coarse = COARSE_SECONDS if metric.effective_unit is Unit.SECONDS else COARSE
    more, less = _towards_worse(limit, metric, one.value, other.value)
    return more <= less or (less > 0 and more <= coarse * less) or (more < 0 and more * coarse <= less)


def clearly_worse(counts: Window, alpha: float) -> bool:
    """Whether one window shows that the candidate is worse than `ALIKE`, at level `alpha`.

    Nobody knows how much the errors of an incident are clustered: they are taken for clustered, as those of a service without a past.
    """
    return Compared(ALIKE).after([counts], CAUTIOUS).conclusion(alpha) is Conclusion.REGRESSED


def share_of_look(number: int) -> float:
    """What the look of this number, 1 and up, may take of the chance of an error: 1/(k(k+1)), which sums to 1 over all of them.

    Each look is a test of its own on its own window, so the chances of all looks add up (Bonferroni's inequality).
    """
    return 1 / (number * (number + 1))


def _looks(draft: TickContext, limit: Threshold) -> int:
    """Which look this is since both arms were first beyond this limit: at most one each interval. A hold for something else counts for none.

    While a clock that was set back comes up again, its distance counts: no look is taken for the second one again and again.
    """
    hold = draft.run.hold
    seen = next((one for one in hold.shared if one.name == limit.identity), None) if hold is not None else None
    if hold is None or seen is None:
        return 1
    first = (seen.first or hold.since).timestamp()
    return 2 + math.floor(abs(draft.now - first) / draft.interval)


def _towards_worse(limit: Threshold, metric: Metric, mine: float, others: float) -> tuple[float, float]:
    """Two values so that more is worse; of a share that must not fall what is missing to the whole."""
    if limit.kind is LimitKind.MAX:
        return mine, others
    whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}.get(metric.effective_unit)
    if whole is not None and max(mine, others) <= whole:
        return whole - mine, whole - others
    return others, mine
