"""What a picture of a backtest shows, before it is drawn: for each metric the two arms over time, and the limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Guard
from tidegate.cli.charts.limits import Limit, on_the_panel, scale
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.limits import looks_down, placed
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.tracks import Seen

IMPORTANT = frozenset(
    {"Holding", "HoldEnded", "Reverted", "Succeeded", "PromotionBreached", "LimitBreached", "Promoting"}
)
"""Decisions that are marked, beside the steps."""


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
    """A panel for each metric that a limit looks at, in the spec's order."""
    for metric in found.spec.metrics:
        candidate = found.seen.get((metric.name, ArmName.CANDIDATE))
        if candidate is None:
            continue
        baseline = found.seen.get((metric.name, ArmName.BASELINE))
        low = looks_down(found.spec, metric.name)
        one = _columns(candidate, columns, low=low)
        other = _columns(baseline, columns, low=low) if baseline is not None and baseline is not candidate else ()
        limits = tuple(_limits(found, metric))
        yield Panel(metric, one, other, limits, *scale([*one, *other], limits))


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
        limit = one.limit
        if limit.metric != metric.name or found.untested(one):
            continue
        lasting = f" for {limit.for_}" if isinstance(limit, Guard) and limit.for_.seconds else ""
        label = f"{one.step + ': ' if one.step else ''}{limit.kind} {limit.limit}{lasting}"
        value, change = on_the_panel(limit, metric)
        if not one.step:
            yield Limit(label, value, change, 0.0, 1.0)
            continue
        for span in run.spans:
            if span.step == one.step and span.weight > 0:
                yield Limit(label, value, change, share(found, span.begin), share(found, span.end))


def share(found: Backtest, instant: float) -> float:
    """Where in the picture's width an instant is, 0 to 1."""
    whole = max(found.stretch.end - found.stretch.start, 1.0)
    return min(max((instant - found.stretch.start) / whole, 0.0), 1.0)
