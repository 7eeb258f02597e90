"""A scripted counter: what a scrape of it gives at any instant, when its rate is a matter of the script."""

from __future__ import annotations

import bisect
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics import kind_of
from tidegate.core.model.answers import Matrix, SeriesValue, Vector
from tidegate.core.model.raw_samples import Distribution, Labels, RawHistogram, RawSeries
from tidegate.core.statistics.counter_increase import LOOKBACK
from tidegate.simulation.script import Level

_SELECTED = re.compile(r"\[(\d+)s\](?: offset (\d+)s)?")


def numbers(level: Level, metric: Metric) -> list[tuple[Labels, float]]:
    """The series of a level with their values in the metric's unit; none of an empty one, or of one that is no number."""
    if level.empty or level.nan:
        return []
    written = level.series if level.series is not None else {"": level.value}
    return [
        (_labels(labels), quantity.in_unit(metric.effective_unit) if quantity is not None else math.nan)
        for labels, quantity in written.items()
    ]


@dataclass(frozen=True)
class Stretch:
    """A rate that lasts from an instant to the next stretch's."""

    start: float
    """Seconds since the script's start."""
    rate: float | None
    """Counted a second; `None`: there is no such series."""
    count: float
    """Counted up to `start`."""


@dataclass(frozen=True)
class Counter:
    """One counter of a metric for one arm: a series for each set of labels."""

    series: dict[Labels, tuple[Stretch, ...]]
    scrape: float
    """Seconds between two scrapes."""

    @classmethod
    def of(
        cls,
        instants: Sequence[float],
        levels: Sequence[Level],
        metric: Metric,
        part: str,
        rates: Sequence[tuple[float, float]],
    ) -> Counter:
        """One counter of a metric.

        Args:
            instants: when the levels begin, seconds since the script's start.
            levels: one for each of `instants`.
            metric: of a kind that counts requests.
            part: of its counters, such as `bad` or `total`.
            rates: when (seconds since the script's start) which number of requests a second begins, ascending.
        """
        found: dict[Labels, list[Stretch]] = {}
        for start in sorted({*instants, *(when for when, _ in rates)}):
            place = bisect.bisect_right(instants, start) - 1
            rate = next((rate for when, rate in reversed(rates) if when <= start), 0.0)
            now = dict(numbers(levels[place], metric)) if place >= 0 else {}
            for labels in {*found, *now}:
                known = found.setdefault(labels, [])
                count = _at(known, start)
                share = now.get(labels)
                each = None if share is None else rate * kind_of(metric).per_request(part, share)
                known.append(Stretch(start, each, count))
        scrape = 15.0 if metric.window.seconds >= 60 else 5.0
        return cls({labels: tuple(stretches) for labels, stretches in found.items()}, scrape)

    def answer(self, promql: str, since: float, begin: float) -> Matrix:
        """The raw samples that a range selector selects.

        Args:
            promql: ends in `[Ns]`, maybe with an offset.
            since: seconds since the script's start.
            begin: the script's start, epoch seconds.
        """
        reach, offset = _selected(promql)
        end = since - offset
        first = math.ceil(max(end - reach, 0.0) / self.scrape + 1e-9)
        last = math.floor(end / self.scrape + 1e-9)
        scrapes = [place * self.scrape for place in range(first, last + 1)]
        found = []
        for labels, stretches in self.series.items():
            samples = tuple((begin + at, _at(stretches, at)) for at in scrapes if _there(stretches, at))
            if samples:
                found.append(RawSeries(labels, samples))
        return Matrix(tuple(found))

    def histogram(self, fast: Counter, sums: Counter, bound: float, promql: str, since: float, begin: float) -> Matrix:
        """The raw samples of a native histogram with two buckets, of which this counts all and `fast` the ones up to `bound`.

        Args:
            fast: the counter of those up to `bound`.
            sums: the counter of what they took together.
            bound: seconds.
            promql: as for `answer`.
            since: as for `answer`.
            begin: as for `answer`.
        """
        quick = {one.labels: dict(one.samples) for one in fast.answer(promql, since, begin).series}
        taken = {one.labels: dict(one.samples) for one in sums.answer(promql, since, begin).series}
        found = []
        for one in self.answer(promql, since, begin).series:
            samples = []
            for time, count in one.samples:
                below = quick.get(one.labels, {}).get(time, 0.0)
                buckets = ((0.0, bound, below), (bound, math.inf, count - below))
                samples.append((time, Distribution(count, buckets, taken.get(one.labels, {}).get(time, 0.0))))
            found.append(RawHistogram(one.labels, tuple(samples)))
        return Matrix(histograms=tuple(found))

    def last(self, promql: str, since: float) -> Vector:
        """What `last_over_time` says of a range selector."""
        reach, offset = _selected(promql)
        end = math.floor((since - offset) / self.scrape + 1e-9) * self.scrape
        found = []
        for labels, stretches in self.series.items():
            at = end
            while at > max(since - offset - reach, -1.0) and not _there(stretches, at):
                at -= self.scrape
            if at >= 0 and _there(stretches, at):
                found.append(SeriesValue(labels, _at(stretches, at)))
        return Vector(tuple(found))


def _selected(promql: str) -> tuple[float, float]:
    found = _SELECTED.search(promql)
    if found is None:
        return LOOKBACK, 0.0
    return float(found[1]), float(found[2] or 0)


def _place(stretches: Sequence[Stretch], at: float) -> int:
    return bisect.bisect_right(stretches, at + 1e-6, key=lambda one: one.start) - 1


def _there(stretches: Sequence[Stretch], at: float) -> bool:
    place = _place(stretches, at)
    return place >= 0 and stretches[place].rate is not None


def _at(stretches: Sequence[Stretch], at: float) -> float:
    place = _place(stretches, at)
    if place < 0:
        return 0.0
    one = stretches[place]
    return one.count + (one.rate or 0.0) * (at - one.start)


def _labels(text: str) -> Labels:
    pairs = (one.split("=", 1) for one in text.split(",") if "=" in one)
    return tuple(sorted((key.strip(), value.strip().strip('"')) for key, value in pairs))
