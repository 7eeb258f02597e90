"""A world in which all is well: every metric inside its limits, with requests enough, whatever the Rollout is.

What `tidegate simulate` runs without `--world`, and what a baseline says of which a world says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import Threshold
from tidegate.api.validation.placed_limits import check_limits, limits_of
from tidegate.api.values.scalars import Duration, Quantity, Unit
from tidegate.core import gates
from tidegate.core.gates.kind import GateContext
from tidegate.core.model.time_format import instant
from tidegate.core.run.timeline import timeline
from tidegate.simulation.script import LATEST_START, Level, MetricScript, World

REQUESTS: Final = 10_000.0
"""Requests of the candidate in each window, where no more are needed."""
ENOUGH: Final = 20.0
"""How many times `minimumRequests` there are."""
APPROVED_AFTER: Final = Duration("1m")
"""How long people take to give an approval that is awaited."""
DELIVERED_AFTER: Final = Duration("1m")
"""How long Git takes to bring the version to a baseline that is awaited."""
BEFORE_A_DATE: Final = timedelta(days=1)
"""The world begins so long before the first instant that a gate names."""
A_DAY: Final = 86_400.0

_UNLIMITED: Final = {Unit.RATIO: 0.001, Unit.PERCENT: 50.0, Unit.SECONDS: 0.1, Unit.NONE: 1.0}
_MOST: Final = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}
_FACTORS: Final = {Unit.RATIO: 100.0}
_SUFFIXES: Final = {Unit.RATIO: "%", Unit.PERCENT: "%", Unit.SECONDS: "s", Unit.NONE: ""}


def clean_world(spec: RolloutSpec) -> World:
    """The world in which a run of `spec` succeeds; `spec` has its presets and templates resolved."""
    return World(
        start=_start(spec),
        lasts=Duration(f"{_longest_days(spec)}d"),
        baseline_follows=DELIVERED_AFTER,
        approved_after=APPROVED_AFTER,
        metrics={metric.name: clean_script(spec, metric) for metric in spec.metrics},
    )


def _start(spec: RolloutSpec) -> datetime:
    """Before the first instant that a gate names and that is yet to come; a Monday morning where there is none."""
    usual = World().start
    coming = [date for date in _dates(spec) if date.year < LATEST_START and date > usual + BEFORE_A_DATE]
    return min(coming) - BEFORE_A_DATE if coming else usual


def _dates(spec: RolloutSpec) -> list[datetime]:
    """When gates open that depend on the date."""
    usual = World().start.timestamp()
    opening = (gates.calendar_opens(gates.in_force(spec, step), GateContext(usual, {}, step)) for step in spec.steps)
    return [instant(at) for at in opening if at is not None and math.isfinite(at)]


def clean_script(spec: RolloutSpec, metric: Metric) -> MetricScript:
    """What a metric says when all is well, about either arm."""
    level = clean_level(spec, metric)
    if not metric.counts:
        return MetricScript(candidate=(level,), baseline=(level,))
    weights = [float(step.weight.percent) for step in spec.steps if step.weight.percent]
    asked = max(REQUESTS, ENOUGH * (metric.minimum_requests or 1))
    return MetricScript(candidate=(level,), baseline=(level,), traffic=asked * 100 / min(weights, default=100.0))


def clean_level(spec: RolloutSpec, metric: Metric) -> Level:
    """An answer inside every limit on the metric: one series, or as many as it must have."""
    value = _written(_well(spec, metric), metric.effective_unit)
    labels = metric.by
    number = metric.min_series or 1
    if not labels and number == 1:
        return Level(value=value)
    names = labels or ("series",)
    return Level(series={",".join(f'{name}="{one}"' for name in names): value for one in range(1, number + 1)})


def is_clean(spec: RolloutSpec, metric: Metric, level: Level) -> bool:
    """Whether an answer is inside every limit that looks at one arm alone.

    Raises: ValueError: a value does not fit the metric's unit.
    """
    if level.empty or level.nan:
        return False
    given = level.series.values() if level.series is not None else (level.value,)
    values = [one.in_unit(metric.effective_unit) for one in given if one is not None]
    lowest, highest = _bounds(spec, metric)
    return all((lowest is None or lowest <= value) and (highest is None or value <= highest) for value in values)


def _well(spec: RolloutSpec, metric: Metric) -> float:
    """A number inside the limits, in the metric's unit."""
    unit = metric.effective_unit
    match _bounds(spec, metric):
        case None, None:
            return _UNLIMITED[unit]
        case None, float(highest):
            return highest / 10 if highest >= 0 else highest * 2
        case float(lowest), None:
            most = _MOST.get(unit)
            if most is not None and lowest < most:
                return (lowest + most) / 2
            return lowest * 2 if lowest > 0 else lowest / 2 + 1
        case float(lowest), float(highest):
            return (lowest + highest) / 2
        case _:
            return 0.0


def _bounds(spec: RolloutSpec, metric: Metric) -> tuple[float | None, float | None]:
    limits = [
        limit.threshold for limit in (*limits_of(spec), *check_limits(spec)) if limit.threshold.metric == metric.name
    ]
    unit = metric.effective_unit
    lowest = [limit.min.in_unit(unit) for limit in limits if limit.min is not None]
    highest = [one.in_unit(unit) for limit in limits for one in _highest(limit)]
    return max(lowest, default=None), min(highest, default=None)


def _highest(limit: Threshold) -> Iterator[Quantity]:
    if limit.max is not None:
        yield limit.max
    if limit.regression is not None and limit.regression.limit is not None:
        yield limit.regression.limit


def _written(value: float, unit: Unit) -> Quantity:
    digits = f"{value * _FACTORS.get(unit, 1.0):.9f}".rstrip("0").rstrip(".")
    return Quantity.parse(("0" if digits == "-0" else digits) + _SUFFIXES[unit])


def _longest_days(spec: RolloutSpec) -> int:
    """More than a clean run takes: its steps with their gates, and a month."""
    far = any(date.year >= LATEST_START for date in _dates(spec))  # nobody lives to see it
    ends = [planned.end for planned in timeline(spec, None if far else _start(spec)) if math.isfinite(planned.end)]
    return min(int((max(ends, default=0.0) + spec.promotion.settle.seconds) / A_DAY) + 31, 999_999)
