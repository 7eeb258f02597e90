"""What a picture of a backtest shows, before it is drawn: for each metric the two arms over time, and the limits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Guard, LimitKind, Threshold
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.lines import looks_down, placed
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.tracks import Seen

ROOM_ABOVE = 1.25
"""The scale goes so far beyond the widest limit."""
SPIKES = 4.0
"""Values beyond so many times the widest limit are cut off: they are breaches whatever they are."""
IMPORTANT = frozenset(
    {"Holding", "HoldEnded", "Reverted", "Succeeded", "PromotionBreached", "LimitBreached", "Promoting"}
)
"""Decisions that are marked, beside the steps."""


@dataclass(frozen=True)
class Limit:
    """One limit in a panel."""

    label: str
    value: float | None
    """In the metric's unit; `None` for one that is no value."""
    change: float | None
    """Of one relative to the baseline: 0.2 is 20 % above it. `None` with `value` for what has no place on the scale: a spread, a
    comparison of counts."""
    begin: float
    """Share of the picture's width, 0 to 1."""
    end: float

    @property
    def placed(self) -> bool:
        """Whether it has a place on the scale."""
        return self.value is not None or self.change is not None


@dataclass(frozen=True)
class Panel:
    """One metric over the whole history."""

    metric: Metric
    candidate: tuple[float, ...]
    """The worst value in each column, NaN without any."""
    baseline: tuple[float, ...]
    """Empty when it is the candidate's own."""
    limits: tuple[Limit, ...]
    bottom: float
    top: float
    """The scale's ends, in the metric's unit."""

    def height(self, value: float) -> float:
        """Where on the scale a value is, 0 to 1; beyond its ends, at the end."""
        return min(max((value - self.bottom) / (self.top - self.bottom), 0.0), 1.0)


def pictured(found: Backtest) -> PastRun:
    """The run whose steps and decisions are shown: the first that was stopped, else the first that was held, else the first."""
    stopped = [run for run in found.runs if run.stopped]
    held = [run for run in found.runs if run.held]
    return [*stopped, *held, *found.runs][0]


def panels(found: Backtest, columns: int) -> Iterator[Panel]:
    """A panel for each metric that a line looks at, in the spec's order."""
    for metric in found.spec.metrics:
        candidate = found.seen.get((metric.name, ArmName.CANDIDATE))
        if candidate is None:
            continue
        baseline = found.seen.get((metric.name, ArmName.BASELINE))
        low = looks_down(found.spec, metric.name)
        one = _columns(candidate, columns, low=low)
        other = _columns(baseline, columns, low=low) if baseline is not None and baseline is not candidate else ()
        limits = tuple(_limits(found, metric))
        yield Panel(metric, one, other, limits, *_scale([*one, *other], limits))


def _columns(seen: Seen, columns: int, *, low: bool) -> tuple[float, ...]:
    """The worst value in each column."""
    points = len(seen.worst)
    worst = min if low else max
    found = []
    for column in range(columns):
        first = column * points // columns
        column_of = seen.worst[first : max((column + 1) * points // columns, first + 1)]
        values = [value for value in column_of if not math.isnan(value)]
        found.append(worst(values, default=math.nan))
    return tuple(found)


def _limits(found: Backtest, metric: Metric) -> Iterator[Limit]:
    run = pictured(found)
    for one in placed(found.spec):
        line = one.line
        if line.metric != metric.name or found.untested(one):
            continue
        lasting = f" for {line.for_}" if isinstance(line, Guard) and line.for_.seconds else ""
        label = f"{one.step + ': ' if one.step else ''}{line.kind} {line.limit}{lasting}"
        value, change = _on_the_panel(line, metric)
        if not one.step:
            yield Limit(label, value, change, 0.0, 1.0)
            continue
        for span in run.spans:
            if span.step == one.step and span.weight > 0:
                yield Limit(label, value, change, share(found, span.begin), share(found, span.end))


def _on_the_panel(line: Threshold, metric: Metric) -> tuple[float | None, float | None]:
    """A limit as a value, or as a change of the baseline's; neither for a spread, or a comparison of counts."""
    match line.kind:
        case LimitKind.MAX if line.max is not None:
            return line.max.in_unit(metric.effective_unit), None
        case LimitKind.MIN if line.min is not None:
            return line.min.in_unit(metric.effective_unit), None
        case LimitKind.MAX_INCREASE if line.max_increase is not None:
            return None, line.max_increase.ratio
        case LimitKind.MAX_DECREASE if line.max_decrease is not None:
            return None, -line.max_decrease.ratio
        case LimitKind.REGRESSION if line.regression is not None and line.regression.limit is not None:
            return line.regression.limit.in_unit(metric.effective_unit), None
        case _:
            return None, None


def share(found: Backtest, instant: float) -> float:
    """Where in the picture's width an instant is, 0 to 1."""
    whole = max(found.stretch.end - found.stretch.start, 1.0)
    return min(max((instant - found.stretch.start) / whole, 0.0), 1.0)


def _scale(values: Sequence[float], limits: Sequence[Limit]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    fixed = [limit.value for limit in limits if limit.value is not None]
    bottom = min([0.0, *finite, *fixed])
    highest = max(finite, default=0.0) * 1.1
    if fixed and max(fixed) > 0:
        highest = max(min(highest, max(fixed) * SPIKES), max(fixed) * ROOM_ABOVE)
    return bottom, highest if highest > bottom else bottom + 1.0
