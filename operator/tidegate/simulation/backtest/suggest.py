"""Which limits history would have kept: for each limit and each run the tightest one, and what any other would have stopped.

A guard with a `for` is breached when every sample of a stretch of that length is beyond the limit. So the tightest limit
that a run would have kept is the largest, over all such stretches, of the smallest value in the stretch; a run is stopped
by any tighter limit and by no other. That is the limit alone: what another limit does to the same run is left out.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.api.values.scalars import Unit
from tidegate.core.statistics.confidence import rate_interval
from tidegate.simulation.backtest.arms import lasting
from tidegate.simulation.backtest.tracks import Track, severity_of_limit, whole_of

ALPHA = 0.05
FACTORS = (0.5, 1.0, 1.5, 2.0)
NOW = "the limit now"
TIGHTEST = ("the tightest that stops none", "the tightest that stops at most one in ten")
DIGITS = 2
"""Significant digits of a suggestion: as a person would write it."""


@dataclass(frozen=True)
class Rate:
    """How many runs would have been stopped."""

    stopped: int
    runs: int

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.stopped / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """What the share may be in the long run (95 %), if the runs say nothing about each other."""
        return rate_interval(self.runs, self.stopped, ALPHA)


@dataclass(frozen=True)
class Choice:
    """One bound a limit could have."""

    bound: str
    """As it would be written."""
    what: str
    rate: Rate


@dataclass(frozen=True)
class Suggestion:
    """The choices for one limit, from the tightest bound on."""

    limit: Threshold
    tightest: float | None
    """On the scale of `severity`, over all runs; `None` without a single sample."""
    choices: tuple[Choice, ...]


def tightest(track: Track, places: Sequence[int], most: float) -> float:
    """The tightest bound at which the limit would have been met at these points of history.

    Args:
        track: the limit's.
        places: the points at which it is judged, ascending.
        most: seconds that count as watched between two samples of a series, at most.

    Returns: on the scale of `severity`; minus infinity when no limit is too tight, infinity when none is wide enough.
    """
    return max((tightest_of(track, one, places, most) for one in track.severities), default=-math.inf)


def tightest_of(track: Track, series: str, places: Sequence[int], most: float) -> float:
    """The same for one of its series."""
    lasts = lasting(track.limit)
    severities = track.severities[series]
    watched, before, found = 0.0, None, -math.inf
    entering: deque[tuple[float, float]] = deque()  # samples too young to begin a stretch that is complete
    smallest: deque[tuple[float, float]] = deque()  # of all from the beginning on, severity ascending
    for place in places:
        value = severities[place]
        if math.isnan(value):
            continue
        time = track.stretch.time(place)
        watched += min(time - before, most) if before is not None else 0.0
        before = time
        entering.append((watched, value))
        while smallest and smallest[-1][1] >= value:
            smallest.pop()
        smallest.append((watched, value))
        begin = None
        while entering and watched - entering[0][0] >= lasts - 1e-6:
            begin = entering.popleft()[0]
        if begin is None:
            continue
        while smallest[0][0] < begin:
            smallest.popleft()
        found = max(found, smallest[0][1])
    return found


def suggestion(limit: Threshold, metric: Metric, kept: Sequence[float]) -> Suggestion:
    """The choices for a limit.

    Args:
        limit: as it is.
        metric: its metric.
        kept: for each run the tightest limit it would have kept.
    """
    found = [*_others(limit, metric)]
    finite = [one for one in kept if math.isfinite(one)]
    if finite and len(finite) + sum(one == -math.inf for one in kept) == len(kept):
        found.append((max(finite), TIGHTEST[0], True))
    if len(kept) >= 10:
        ninth = sorted(kept)[math.ceil(0.9 * len(kept)) - 1]
        if math.isfinite(ninth) and ninth < max(kept):
            found.append((ninth, TIGHTEST[1], True))
    choices: dict[str, tuple[float, Choice]] = {}
    for one in found:  # the same limit twice is one row: what it comes of says more than how many times the limit it is
        value, choice = _choice(limit, metric, one, kept)
        before = choices.get(choice.bound)
        if before is None or (before[1].what != NOW and before[1].what not in TIGHTEST):
            choices[choice.bound] = (value, choice)
        elif before[1].what == NOW:
            choices[choice.bound] = (before[0], replace(before[1], what=f"{NOW}, {choice.what}"))
    ordered = sorted(choices.values(), key=lambda one: one[0])
    worst = max(kept, default=-math.inf)
    return Suggestion(limit, worst if math.isfinite(worst) else None, tuple(choice for _, choice in ordered))


def _others(limit: Threshold, metric: Metric) -> Iterator[tuple[float, str, bool]]:
    """The limit now, and some around it that can be reached."""
    now, whole = severity_of_limit(limit, metric), whole_of(limit, metric)
    most = 1.0 if limit.kind is LimitKind.MAX and metric.effective_unit is Unit.RATIO else math.inf
    for factor in FACTORS:
        value = now * factor if whole is None else (now + whole) * factor - whole
        what = f"{factor:g} times the limit" if whole is None else f"{factor:g} times as far from 100%"
        if value < most or factor == 1:
            yield value, what if factor != 1 else NOW, False


def _choice(
    limit: Threshold, metric: Metric, one: tuple[float, str, bool], kept: Sequence[float]
) -> tuple[float, Choice]:
    value, what, rounding = one
    if rounding:
        value = rounded(value, whole_of(limit, metric))
        value = max(value, 0.0) if limit.relative else value
    return value, Choice(
        written(limit, metric, value), what, Rate(sum(need > value + 1e-12 for need in kept), len(kept))
    )


def rounded(severity: float, whole: float | None = None) -> float:
    """The next wider limit with two significant digits; of a share close to the `whole`, in what it leaves: 99.87 %."""
    base = Decimal(0 if whole is None else repr(whole))
    number = Decimal(f"{severity:.12g}") + base  # without what binary fractions add to 300 %
    if number == 0:
        return severity
    place = Decimal(1).scaleb(number.adjusted() - DIGITS + 1)
    return float(number.quantize(place, rounding=ROUND_CEILING) - base)


def written(limit: Threshold, metric: Metric, severity: float) -> str:
    """A limit as it is written in a Rollout: `1.3%`, `240ms`, `0.2`."""
    if limit.relative or limit.kind is LimitKind.MAX_SPREAD:
        return f"{_plain(severity * 100)}%"
    value = -severity if limit.kind is LimitKind.MIN else severity
    match metric.effective_unit:
        case Unit.RATIO:
            return f"{_plain(value * 100)}%"
        case Unit.PERCENT:
            return f"{_plain(value)}%"
        case Unit.SECONDS:
            return f"{_plain(value * 1000)}ms" if abs(value) < 1 else f"{_plain(value)}s"
        case Unit.NONE:
            return _plain(value)


def _plain(number: float) -> str:
    """Without exponent, and without what binary fractions add to a decimal one."""
    found = Decimal(f"{number:.9g}").quantize(
        Decimal("0.000001"), rounding=ROUND_FLOOR if number < 0 else ROUND_CEILING
    )
    return f"{found.normalize():f}"


def overlapping(starts: Iterable[float], length: float) -> bool:
    """Whether runs of that length share history: then they do not count as so many."""
    return any(after - before < length for before, after in pairwise(sorted(starts)))
