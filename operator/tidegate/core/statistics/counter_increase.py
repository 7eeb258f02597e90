"""Requests counted from raw samples of counters: nothing lost, nothing doubled, nothing extrapolated.

PromQL's `increase()` loses the first sample of a new series (the first 5xx of a new pod) and extrapolates to fractions. Here a
window's count is a pure function of the samples around it, so that a restarted operator counts the same window the same.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter

from tidegate.core.model.raw_samples import Distribution, Labels, RawHistogram, RawSeries, Samples

LOOKBACK = 300.0
"""Seconds before a window in which a series' last sample is looked for: Prometheus' own staleness."""

LARGE = 10.0
SMALL_DROP = 0.9
FEW = 3.0
"""A counter of 10 and more that falls by a tenth or by 3 at most was not reset: no process is back there within one scrape."""


@dataclass(frozen=True)
class Edges:
    """Windows side by side: the k-th is (start + k * step, start + (k + 1) * step]."""

    start: float
    """Epoch seconds."""
    step: float
    """Seconds of one window."""
    windows: int
    """How many."""

    @property
    def end(self) -> float:
        """The end of the last one, epoch seconds."""
        return self.start + self.step * self.windows

    def place(self, time: float) -> int:
        """The window that holds `time`, epoch seconds; below 0 or from `windows` up when none does."""
        return math.ceil((time - self.start) / self.step) - 1


def counted(
    series: Iterable[RawSeries],
    edges: Edges,
    known: Mapping[Labels, float] | None = None,
    *,
    unknown: Container[int] = (),
    replicas: bool = True,
) -> tuple[float, ...]:
    """What all the series together counted in each of the windows.

    Differences between samples are added up; a value below the one before is a reset and adds itself; a series that was not
    there before the windows is new and counts from zero.

    Args:
        series: with their samples from `LOOKBACK` before the windows to their end.
        edges: the windows.
        known: the last value of series that had been there before, but have no sample in the look-back.
        unknown: places of windows before which the source had no data at all: what happened until then cannot be told, so a
            series that turns up in them counts from its first sample.
        replicas: a small drop is another replica's and no reset.
    """
    found = [0.0] * edges.windows
    for one in series:
        samples, since = one.samples, dict(one.since)
        mixed = replicas and _replicas(samples, since)
        for number in range(_first_after(one, edges.start), len(samples)):
            time, value = samples[number]
            place = edges.place(time)
            if place >= edges.windows:
                break
            before = _before(samples, since, number) if mixed else _just_before(samples, since, number)
            if before is None and known is not None:
                before = known.get(one.labels)
            if before is None:
                before = value if place in unknown else 0.0
            if not (replicas and _other_replica(before, value)):
                found[place] += value - before if value >= before else value
    return tuple(found)


def _just_before(samples: Samples, since: Mapping[int, float], number: int) -> float | None:
    """The sample before a sample; `None` for the first."""
    return since.get(number, samples[number - 1][1]) if number else None


def _before(samples: Samples, since: Mapping[int, float], number: int) -> float | None:
    """What a sample is compared with; `None` for the first.

    The sample before it; or the higher one that this was behind, as another replica's, within the look-back. Samples further
    back are of no account, so that every window finds the same whatever it is counted together with.
    """
    if number == 0:
        return None
    first = bisect.bisect_right(samples, samples[number][0] - LOOKBACK, hi=number, key=itemgetter(0))
    found = samples[min(first, number - 1)][1]
    for place in range(first + 1, number):
        found, value = since.get(place, found), samples[place][1]
        found = found if _other_replica(found, value) else value
    return since.get(number, found)


def _replicas(samples: Samples, since: Mapping[int, float]) -> bool:
    """Whether any sample may be another replica's."""
    values = [value for _, value in samples]
    if not since and values == sorted(values):  # as nearly always, and this is quick
        return False
    pairs = enumerate(pairwise(samples), 1)
    return any(_other_replica(since.get(place, before), value) for place, ((_, before), (_, value)) in pairs)


def _other_replica(before: float, value: float) -> bool:
    """A drop that is no reset: a deduplicating store went over to a replica of the source that was scraped a little earlier."""
    return before >= LARGE and min(SMALL_DROP * before, before - FEW) <= value < before


def last_before(one: RawSeries, start: float) -> float | None:
    """The series' last value at or before `start` (epoch seconds), if it is not older than the look-back."""
    place = _first_after(one, start) - 1
    if place < 0:
        return None
    time, value = one.samples[place]
    return value if time > start - LOOKBACK else None


def _first_after(one: RawSeries, start: float) -> int:
    """Place of the first sample after `start` (epoch seconds)."""
    return bisect.bisect_right(one.samples, start, key=itemgetter(0))


def strangers(series: Iterable[RawSeries], edges: Edges) -> bool:
    """Whether a series has samples in the windows and none before: it is new, or it was away for longer than the look-back."""
    return any(last_before(one, edges.start) is None and _turns_up(one, edges) for one in series)


def _turns_up(one: RawSeries, edges: Edges) -> bool:
    place = _first_after(one, edges.start)
    return place < len(one.samples) and edges.place(one.samples[place][0]) < edges.windows


def newest(series: Iterable[RawSeries]) -> float | None:
    """The instant of the newest sample, epoch seconds; `None` without any."""
    return max((one.samples[-1][0] for one in series if one.samples), default=None)


def observations(histogram: RawHistogram) -> RawSeries:
    """The counter of all observations of a native histogram."""
    return RawSeries(histogram.labels, tuple((time, one.count) for time, one in histogram.samples))


def fast(histogram: RawHistogram, bound: float) -> RawSeries:
    """The counter of the observations of a native histogram that are not above `bound`.

    The bucket that `bound` lies in is shared out linearly (of one without an end nothing is fast): it is one bucket, the same
    for both arms. Where it was made wider between two samples, both are shared out by the wider one.
    """
    read = [(time, one, *_below(one, bound)) for time, one in histogram.samples]
    since = []
    for place, ((_, earlier, before, was), (_, one, value, is_)) in enumerate(pairwise(read), 1):
        cut = _wider(was, is_)
        if was != is_ and cut is not None:
            taken = value - _cut(one, bound, cut) + _cut(earlier, bound, cut)
            since += [(place, taken)] if not math.isclose(taken, before, abs_tol=1e-9) else []
    return RawSeries(histogram.labels, tuple((time, value) for time, _, value, _ in read), tuple(since))


def _below(one: Distribution, bound: float) -> tuple[float, tuple[float, float] | None]:
    """The observations that are not above `bound`, and the ends of the bucket that it lies within."""
    found, within = 0.0, None
    for low, high, count in one.buckets:
        if high <= bound:
            found += count
        elif low < bound:
            found, within = found + count * _share(bound, low, high), (low, high)
    return found, within


def _cut(one: Distribution, bound: float, within: tuple[float, float]) -> float:
    """The observations that are not above `bound`, those between the two ends taken for one bucket."""
    low, high = within
    inside = sum(count for begin, end, count in one.buckets if low <= begin and end <= high)
    return sum(count for _, end, count in one.buckets if end <= low) + inside * _share(bound, low, high)


def _wider(one: tuple[float, float] | None, other: tuple[float, float] | None) -> tuple[float, float] | None:
    """That of two buckets which the other one lies in; `None` when there is none such."""
    if one is None or other is None:
        return one or other
    low, high = min(one[0], other[0]), max(one[1], other[1])
    return (low, high) if (low, high) in {one, other} else None


def _share(bound: float, low: float, high: float) -> float:
    """How much of a bucket is not above `bound`, which lies within it."""
    return (bound - low) / (high - low) if math.isfinite(high - low) else 0.0
