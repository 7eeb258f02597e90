"""Requests counted from raw samples of counters: nothing lost, nothing doubled, nothing extrapolated.

PromQL's `increase()` loses the first sample of a new series (the first 5xx of a new pod) and extrapolates to fractions. Here a
window's count is a pure function of the samples around it, so that a restarted operator counts the same window the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

LOOKBACK = 300.0
"""Seconds before a window in which a series' last sample is looked for: Prometheus' own staleness."""

Labels: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RawSeries:
    """One series of a counter: samples as scraped, oldest first."""

    labels: Labels
    samples: tuple[tuple[float, float], ...]
    """(epoch seconds, value)."""


@dataclass(frozen=True)
class Distribution:
    """One sample of a native histogram: all its numbers are counters."""

    count: float
    """Observations in all."""
    buckets: tuple[tuple[float, float, float], ...]
    """(lower bound, upper bound, observations in it), ascending; empty ones are missing."""


@dataclass(frozen=True)
class RawHistogram:
    """One native histogram: samples as scraped, oldest first."""

    labels: Labels
    samples: tuple[tuple[float, Distribution], ...]
    """(epoch seconds, distribution)."""


def counted(series: Iterable[RawSeries], start: float, end: float) -> dict[Labels, float]:
    """What each series counted in the window (start, end].

    Differences between samples are added up; a value below the one before is a reset and adds itself; a series without a
    sample before the window is new and counts from zero. But when no series at all has a sample before the window, the
    source was away, and what happened meanwhile cannot be told: then each counts from its first sample.

    Args:
        series: with their samples from `start - LOOKBACK` to `end`.
        start: of the window, epoch seconds.
        end: of the window, epoch seconds.
    """
    known = list(series)
    away = not any(_before(one.samples, start) is not None for one in known)
    return {one.labels: _increase(one.samples, start, end, away=away) for one in known}


def newest(series: Iterable[RawSeries]) -> float | None:
    """The instant of the newest sample, epoch seconds; `None` without any."""
    return max((one.samples[-1][0] for one in series if one.samples), default=None)


def _before(samples: Sequence[tuple[float, float]], start: float) -> float | None:
    """The last value at or before `start`."""
    found = None
    for time, value in samples:
        if time > start:
            break
        if time > start - LOOKBACK:
            found = value
    return found


def _increase(samples: Sequence[tuple[float, float]], start: float, end: float, *, away: bool) -> float:
    before = _before(samples, start)
    inside = [value for time, value in samples if start < time <= end]
    if before is None:
        before = inside[0] if away and inside else 0.0
    total = 0.0
    for value in inside:
        total += value - before if value >= before else value
        before = value
    return total
