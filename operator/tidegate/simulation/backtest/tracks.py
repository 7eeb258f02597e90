"""Every line judged at every point of history, by the core's own `judge`: what the tables, the picture and the runs share.

A run need not tick where no judgement differs from the one before; `Track.change_after` says where the next one does.
"""

from __future__ import annotations

import asyncio
import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.judging.limits import judge
from tidegate.core.metrics import sample
from tidegate.core.metrics.series_coverage import unless_incomplete
from tidegate.core.model.answers import Answer, Query, Vector
from tidegate.core.model.finding import Context, Finding, SeriesFinding, State
from tidegate.core.model.samples import Asked, NotAsked, Sample, TooFew, Value
from tidegate.simulation.backtest.history import History, Stretch

STATES: tuple[State, ...] = tuple(State)
BREATH = 2000
"""Points from one breath to the next: some hundredths of a second."""


@dataclass(frozen=True)
class Samples:
    """One metric's samples of one arm at every point."""

    metric: Metric
    queries: tuple[Query, ...]
    at: Sequence[Sample]
    empty: bytearray
    """1 where the source had no series: of a ratio, none of the total."""

    @property
    def nothing(self) -> bool:
        """Whether there never was a series."""
        return 0 not in self.empty

    def counted_since(self, index: int, first: int = 0) -> bool:
        """Whether there was a series from the point `first` up to `index`."""
        return 0 in self.empty[first : index + 1]

    @classmethod
    async def of(cls, history: History, metric: Metric, queries: tuple[Query, ...]) -> Samples:
        """From the recordings of its queries, which must have been loaded."""
        recordings = [history.recording(query.promql) for query in queries]
        found: list[Sample] = []
        empty = bytearray(history.stretch.points)
        for index in range(history.stretch.points):
            await _breath(index)
            answers: dict[Query, Answer | None] = {
                query: recording.vector(index)
                for query, recording in zip(queries, recordings, strict=True)
                if recording is not None
            }
            found.append(sample(metric, Asked(answers), queries))
            last = answers[queries[-1]]
            empty[index] = not isinstance(last, Vector) or not last.series
        return cls(metric, queries, found, empty)


@dataclass
class Track:
    """One line at every point."""

    line: Threshold
    stretch: Stretch
    states: bytearray = field(default_factory=bytearray)
    """Places in `STATES`: what a judgement would have come to, without its `for`."""
    values: array[float] = field(default_factory=lambda: array("d"))
    """The worst series' value, NaN without one."""
    bases: array[float] = field(default_factory=lambda: array("d"))
    """The baseline's value beside it, NaN without one."""
    severities: dict[str, array[float]] = field(default_factory=dict)
    """For each series how far it went in the direction of the limit (see `severity`); NaN where there was nothing to judge."""
    changes: array[int] = field(default_factory=lambda: array("l"))
    """Points at which the judgement of a series differs from that at the point before."""

    @classmethod
    async def of(cls, line: Threshold, candidate: Samples, baseline: Samples | None, stretch: Stretch) -> Track:
        """Judges `line` at every point, as when the run has been under way for longer than any window and warm-up."""
        made, metric = cls(line, stretch), candidate.metric
        context = Context()
        missing: Sample = NotAsked()
        before: object = None
        for index in range(stretch.points):
            await _breath(index)
            own, other = candidate.at[index], baseline.at[index] if baseline is not None else missing
            finding = unless_incomplete(metric, own, judge(line, metric, own, other, context))
            made._take(index, metric, finding)
            now = _posture(finding, own, index, candidate)
            if now != before and index:
                made.changes.append(index)
            before = now
        return made

    def _take(self, index: int, metric: Metric, finding: Finding) -> None:
        worst = finding.worst
        self.states.append(STATES.index(finding.state))
        self.values.append(_number(worst.value if worst else None))
        self.bases.append(_number(worst.baseline if worst else None))
        for one in finding.series:
            if one.series not in self.severities:
                self.severities[one.series] = array("d", [math.nan]) * self.stretch.points
            self.severities[one.series][index] = severity(self.line, metric, one)

    def state(self, index: int) -> State:
        """The judgement at a point."""
        return STATES[self.states[index]]

    def change_after(self, index: int) -> int:
        """The next point at which the judgement differs; one past the last when it stays."""
        place = bisect_right(self.changes, index)
        return self.changes[place] if place < len(self.changes) else self.stretch.points


async def _breath(index: int) -> None:
    """Lets a cancellation in now and then: months of history take long, and nobody should have to wait for the end of it."""
    if index % BREATH == 0:
        await asyncio.sleep(0)


def _posture(finding: Finding, sample: Sample, index: int, samples: Samples) -> tuple[object, ...]:
    """What must be the same at two points so that a tick at the second changes nothing."""
    whose_fault = finding.state is State.BREACHED and finding.line.kind in {LimitKind.MAX, LimitKind.MIN}
    away = isinstance(sample, TooFew) and sample.silent and samples.counted_since(index)
    if whose_fault or away:  # more is asked then, and the answer may be another one at every point
        return (index,)
    groups = ((one.series, one.value is None) for one in sample.series) if isinstance(sample, Value) else ()
    return (finding.state, *((one.series, one.state) for one in finding.series), *groups)


def severity(line: Threshold, metric: Metric, one: SeriesFinding) -> float:
    """How far a series goes in the direction of the limit: larger is worse, and more than `severity_of_limit` is a breach.

    The value for `max`, its negative for `min`, the spread for `maxSpread`, the relative change (0.2 for 20 %) for `maxIncrease`, its negative for
    `maxDecrease`. NaN where there is nothing to judge; minus infinity below the floor, which is never a breach.
    """
    if one.value is None or math.isnan(one.value):
        return math.nan
    match line.kind:
        case LimitKind.MAX | LimitKind.MAX_SPREAD:
            return one.value
        case LimitKind.MIN:
            return -one.value
        case _:
            pass
    if line.floor is not None and one.value < line.floor.in_unit(metric.effective_unit):
        return -math.inf
    if one.baseline is None or math.isnan(one.baseline):
        return math.nan
    change = _change(one.value, one.baseline)
    return change if line.kind is LimitKind.MAX_INCREASE else -change


def _change(value: float, base: float) -> float:
    """How far a value moved from the baseline's, as a ratio of it: infinitely from 0, and to or from infinity."""
    if value == base:
        return 0.0
    if base == 0 or math.isinf(base) or math.isinf(value):
        return math.inf if value > base else -math.inf
    return (value - base) / abs(base)


def severity_of_limit(line: Threshold, metric: Metric) -> float:
    """The line's limit on the scale of `severity`."""
    match line.kind:
        case LimitKind.MAX if line.max is not None:
            return line.max.in_unit(metric.effective_unit)
        case LimitKind.MIN if line.min is not None:
            return -line.min.in_unit(metric.effective_unit)
        case LimitKind.MAX_INCREASE if line.max_increase is not None:
            return line.max_increase.ratio
        case LimitKind.MAX_DECREASE if line.max_decrease is not None:
            return line.max_decrease.ratio
        case LimitKind.MAX_SPREAD if line.max_spread is not None:
            return line.max_spread.ratio
    raise ValueError(f"{line.identity} has no limit")


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def whole_of(line: Threshold, metric: Metric) -> float | None:
    """The whole that a `min` of a share is close to (1, or 100 in percent): then what counts is how far it stays below it.

    `None` for every other line: there what counts is the limit itself.
    """
    whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}.get(metric.effective_unit)
    limit = -severity_of_limit(line, metric)
    return whole if line.kind is LimitKind.MIN and whole is not None and whole / 2 < limit < whole else None
