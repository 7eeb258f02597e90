"""Counters and native histograms as scraped: what a raw answer of the source holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]

Samples: TypeAlias = tuple[tuple[float, float], ...]
"""(epoch seconds, value), oldest first."""

Bucket: TypeAlias = tuple[float, float, float]
"""Lower bound, upper bound, observations in it."""


@dataclass(frozen=True)
class RawSeries:
    """One series of a counter: samples as scraped, oldest first."""

    labels: Labels
    samples: Samples
    since: tuple[tuple[int, float], ...] = ()
    """Places of samples that another value than that of the sample before is to be taken from, and which."""


@dataclass(frozen=True)
class Distribution:
    """One sample of a native histogram: all its numbers are counters."""

    count: float
    """Observations in all."""
    buckets: tuple[Bucket, ...]
    """Ascending; empty ones are missing."""
    sum: float = field(default=math.nan, compare=False)
    """Of all observations; NaN where it is not known."""


@dataclass(frozen=True)
class RawHistogram:
    """One native histogram: samples as scraped, oldest first."""

    labels: Labels
    samples: tuple[tuple[float, Distribution], ...]
    """(epoch seconds, distribution)."""
