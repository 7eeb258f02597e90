"""Every limit judged at every point of a stretch of history, by the core's own `judge`: what the tables, the picture and the runs share.

A sample is dropped once the limits have looked at it: what is kept of a point are a few numbers. A run need not tick where no
judgement differs from the one before; `Track.change_after` says where the next one does.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.judging.limits import judge
from tidegate.core.metrics import sample
from tidegate.core.metrics.series_coverage import unless_incomplete
from tidegate.core.model.answers import Query
from tidegate.core.model.finding import Context, Finding, SeriesFinding, State
from tidegate.core.model.samples import Asked, NotAsked, Sample, TooFew, Value
from tidegate.simulation.backtest.history import Recording, Stretch

STATES: tuple[State, ...] = tuple(State)
BREATH = 500
"""Points from one breath to the next: some hundredths of a second."""


@dataclass
class Seen:
    """What is kept of one metric of one arm at every point."""

    worst: array[float] = field(default_factory=lambda: array("d"))
    """The worst series' value, NaN without one."""
    empty: bytearray = field(default_factory=bytearray)
    """1 where the source had no series: of a ratio, none of the total."""

    def counted_since(self, index: int, first: int = 0) -> bool:
        """Whether there was a series from the point `first` up to `index`."""
        return 0 in self.empty[first : index + 1]

    def cut(self, points: int) -> Seen:
        """Of the first points alone."""
        return Seen(self.worst[:points], self.empty[:points])

    def extend(self, later: Seen) -> None:
        """With the points that follow."""
        self.worst.extend(later.worst)
        self.empty.extend(later.empty)


@dataclass
class Samples:
    """One metric's samples of one arm, point after point."""

    metric: Metric
    recordings: Mapping[Query, Recording]
    """By its queries; the last one is of what must be there: of a ratio, all requests."""
    low: bool = False
    """The lower a value the worse."""
    now: Sample = field(default_factory=NotAsked)
    """The sample at the point that was taken last."""
    seen: Seen = field(default_factory=Seen)

    def take(self, index: int) -> None:
        """The sample at a point; all before it must have been taken."""
        answers = {query: recording.vector(index) for query, recording in self.recordings.items()}
        queries = tuple(answers)
        self.now = sample(self.metric, Asked(dict(answers)), queries)
        last = answers[queries[-1]]
        self.seen.empty.append(not last.series)
        values = self.now.series if isinstance(self.now, Value) else ()
        known = (one.value for one in values if one.value is not None and not math.isnan(one.value))
        self.seen.worst.append((min if self.low else max)(known, default=math.nan))


@dataclass
class Track:
    """One limit at every point."""

    limit: Threshold
    stretch: Stretch
    candidate: Samples
    baseline: Samples | None = None
    """For a limit that compares."""
    beside: Samples | None = None
    """The baseline's of a metric by segments: whether one without requests counts depends on it."""
    states: bytearray = field(default_factory=bytearray)
    """Places in `STATES`: what a judgement would have come to, without its `for`."""
    values: array[float] = field(default_factory=lambda: array("d"))
    """The worst series' value, NaN without one."""
    bases: array[float] = field(default_factory=lambda: array("d"))
    """The baseline's value beside it, NaN without one."""
    severities: dict[str, array[float]] = field(default_factory=dict)
    """For each series how far it went in the direction of the limit (see `severity`); NaN where there was nothing to judge."""
    apart: dict[str, bytearray] = field(default_factory=dict)
    """1 where a series could not be compared because the baseline had none of its labels; only of series that had that."""
    changes: array[int] = field(default_factory=lambda: array("l"))
    """Points at which the judgement of a series differs from that at the point before."""
    _before: object = None

    def take(self, index: int) -> None:
        """Judges the samples at hand, as when the run has been under way for longer than any window and warm-up."""
        metric, own = self.candidate.metric, self.candidate.now
        other = self.baseline.now if self.baseline is not None else NotAsked()
        finding = unless_incomplete(metric, own, judge(self.limit, metric, own, other, Context()))
        self._keep(index, metric, finding)
        now = (*_posture(finding, own, index, self.candidate.seen), *self._served())
        if now != self._before and index:
            self.changes.append(index)
        self._before = now

    def _keep(self, index: int, metric: Metric, finding: Finding) -> None:
        worst = finding.worst
        self.states.append(STATES.index(finding.state))
        self.values.append(_number(worst.value if worst else None))
        self.bases.append(_number(worst.baseline if worst else None))
        for one in finding.series:
            if one.series not in self.severities:
                self.severities[one.series] = array("d", [math.nan]) * self.stretch.points
            self.severities[one.series][index] = severity(self.limit, metric, one)
            if one.state is State.NOT_COMPARABLE:
                self.apart.setdefault(one.series, bytearray(self.stretch.points))[index] = 1

    def _served(self) -> tuple[object, ...]:
        """The baseline's segments with requests."""
        if self.beside is None or not self.candidate.metric.by:
            return ()
        other = self.beside.now
        return (
            tuple(one.series for one in other.series if one.value is not None) if isinstance(other, Value) else (other,)
        )

    def state(self, index: int) -> State:
        """The judgement at a point."""
        return STATES[self.states[index]]

    def change_after(self, index: int) -> int:
        """The next point at which the judgement differs; one past the last when it stays."""
        place = bisect_right(self.changes, index)
        return self.changes[place] if place < len(self.changes) else self.stretch.points


async def judged(stretch: Stretch, samples: Iterable[Samples], tracks: Sequence[Track]) -> None:
    """Takes every point: first all samples, then every limit that looks at them."""
    each = list({id(one): one for one in samples}.values())
    for index in range(stretch.points):
        if (
            index % BREATH == 0
        ):  # a cancellation comes in: months of history take long, and nobody should wait for the end of it
            await asyncio.sleep(0)
        for one in each:
            one.take(index)
        for track in tracks:
            track.take(index)


def _posture(finding: Finding, sample: Sample, index: int, seen: Seen) -> tuple[object, ...]:
    """What must be the same at two points so that a tick at the second changes nothing."""
    whose_fault = finding.state is State.BREACHED and finding.limit.kind in {LimitKind.MAX, LimitKind.MIN}
    away = isinstance(sample, TooFew) and sample.silent and seen.counted_since(index)
    if whose_fault or away:  # more is asked then, and the answer may be another one at every point
        return (index,)
    groups = ((one.series, one.value is None) for one in sample.series) if isinstance(sample, Value) else ()
    return (finding.state, *((one.series, one.state) for one in finding.series), *groups)


def severity(limit: Threshold, metric: Metric, one: SeriesFinding) -> float:
    """How far a series goes in the direction of the limit: larger is worse, and more than `severity_of_limit` is a breach.

    The value for `max`, its negative for `min`, the spread for `maxSpread`, the relative change (0.2 for 20 %) for `maxIncrease`, its negative for
    `maxDecrease`. NaN where there is nothing to judge; minus infinity below the floor, which is never a breach.
    """
    if one.value is None or math.isnan(one.value):
        return math.nan
    match limit.kind:
        case LimitKind.MAX | LimitKind.MAX_SPREAD:
            return one.value
        case LimitKind.MIN:
            return -one.value
        case _:
            pass
    if limit.floor is not None and one.value < limit.floor.in_unit(metric.effective_unit):
        return -math.inf
    if one.baseline is None or math.isnan(one.baseline):
        return math.nan
    change = _change(one.value, one.baseline)
    return change if limit.kind is LimitKind.MAX_INCREASE else -change


def _change(value: float, base: float) -> float:
    """How far a value moved from the baseline's, as a ratio of it: infinitely from 0, and to or from infinity."""
    if value == base:
        return 0.0
    if base == 0 or math.isinf(base) or math.isinf(value):
        return math.inf if value > base else -math.inf
    return (value - base) / abs(base)


def severity_of_limit(limit: Threshold, metric: Metric) -> float:
    """The limit on the scale of `severity`."""
    match limit.kind:
        case LimitKind.MAX if limit.max is not None:
            return limit.max.in_unit(metric.effective_unit)
        case LimitKind.MIN if limit.min is not None:
            return -limit.min.in_unit(metric.effective_unit)
        case LimitKind.MAX_INCREASE if limit.max_increase is not None:
            return limit.max_increase.ratio
        case LimitKind.MAX_DECREASE if limit.max_decrease is not None:
            return limit.max_decrease.ratio
        case LimitKind.MAX_SPREAD if limit.max_spread is not None:
            return limit.max_spread.ratio
    raise ValueError(f"{limit.identity} has no limit")


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def whole_of(limit: Threshold, metric: Metric) -> float | None:
    """The whole that a `min` of a share is close to (1, or 100 in percent): then what counts is how far it stays below it.

    `None` for every other limit: there what counts is the limit itself.
    """
    whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}.get(metric.effective_unit)
    bound = -severity_of_limit(limit, metric)
    return whole if limit.kind is LimitKind.MIN and whole is not None and whole / 2 < bound < whole else None
