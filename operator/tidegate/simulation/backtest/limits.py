"""What became of each limit over the runs: how often beyond the limit, for how long, how much room was left."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import Guard, LimitKind, Threshold
from tidegate.core.judging.limits import ROUNDING
from tidegate.core.model.finding import State
from tidegate.core.run.checkpoints import offsets
from tidegate.core.statistics.accumulators import Conclusion
from tidegate.simulation.backtest.counts import Tested
from tidegate.simulation.backtest.run import PastRun, Span
from tidegate.simulation.backtest.suggest import tightest, tightest_of
from tidegate.simulation.backtest.tracks import Track, severity_of_limit, whole_of


@dataclass(frozen=True)
class Placed:
    """A limit with where it stands: the step's name, or nothing for the Rollout's own."""

    limit: Threshold
    step: str

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.step}: {self.limit.identity}" if self.step else self.limit.identity


@dataclass(frozen=True)
class SeriesOfRun:
    """One series of a limit in one run, or in all of them."""

    judged: int
    """Judgements that rest on a value."""
    beyond: int
    longest: float
    """Seconds for which it was beyond the limit without a good sample between."""
    worst: float
    """On the scale of `severity`."""
    needed: float
    """The tightest limit that it would have kept, on the same scale."""
    not_comparable: int = 0
    """Judgements in which the baseline had no series of its labels."""


@dataclass(frozen=True)
class LimitOfRun:
    """One limit in one run."""

    states: Mapping[State, int]
    """How many judgements came to what; one in which a series could not be compared is `NotComparable`, unless it is a breach."""
    needed: float
    """The tightest limit that the run would have kept, on the scale of `severity`."""
    kept: float
    """The same of a clean run from the same start."""
    series: Mapping[str, SeriesOfRun]
    worst: float | None = None
    """The worst value, in the metric's unit; `None` without any."""
    base: float | None = None
    """The baseline's value beside it."""
    worst_at: float | None = None
    """Epoch seconds."""
    badness: float = -math.inf
    """Of the worst value, on the scale of `severity`."""


@dataclass(frozen=True)
class LimitSummary:
    """One limit over all runs."""

    placed: Placed
    judged: int
    beyond: int
    """Judgements beyond the limit, whether or not it lasted."""
    longest: float
    """Seconds for which one series was beyond the limit without a good sample between."""
    too_few: int
    missing: int
    """Judgements without data."""
    not_comparable: int
    """Judgements within the limit in which a series had no counterpart in the baseline."""
    worst: float | None
    """The worst value, in the metric's unit; `None` without any."""
    base: float | None
    """The baseline's value beside it, for a relative limit."""
    worst_at: float | None
    """Epoch seconds."""
    needed: float | None
    """The tightest limit that all runs would have kept, on the scale of `severity`."""
    room: float | None
    """Share of the limit that was left: 1 all of it, 0 none, negative when it stopped a run. `None` when that says nothing.

    Of a `min` of 99.9 % it is a share of the 0.1 % that it leaves.
    """
    series: Mapping[str, SeriesOfRun]
    """By labels."""


@dataclass(frozen=True)
class CountedSummary:
    """One test on counts over all runs that it had anything to count in."""

    placed: Placed
    runs: int
    worse: int
    """Runs in which the candidate was shown to be worse."""
    shown_ok: int
    """Runs in which it was shown not to be."""
    inconclusive: int
    """Runs whose requests could show neither."""
    start: float | None = None
    """Start of the run that is told: the first that found something, else the last (epoch seconds)."""
    told: Tested | None = None
    """What was shown in it."""


def tested(one: Placed, runs: Sequence[PastRun]) -> CountedSummary:
    """One test on counts over these runs."""
    found = [(run.start, test) for run in runs for test in run.tests if test.limit == one.limit.identity]
    counts = Counter(test.conclusion for _, test in found)
    worse = [pair for pair in found if pair[1].conclusion == Conclusion.REGRESSED]
    start, told = next(iter([*worse[:1], *found[-1:]]), (None, None))
    return CountedSummary(
        one,
        len(found),
        counts[Conclusion.REGRESSED],
        counts[Conclusion.SHOWN_OK],
        counts[Conclusion.INCONCLUSIVE],
        start,
        told,
    )


def placed(spec: RolloutSpec) -> Iterator[Placed]:
    """Every limit with its place."""
    for limit in (*spec.guards, *spec.thresholds):
        yield Placed(limit, "")
    for step in spec.steps:
        for limit in (*step.guards, *step.thresholds):
            yield Placed(limit, step.name)


def looks_down(spec: RolloutSpec, metric: str) -> bool:
    """Whether the lower a metric's value the worse: all its limits say what it must not fall below, or from."""
    kinds = {one.limit.kind for one in placed(spec) if one.limit.metric == metric}
    return bool(kinds) and kinds <= {LimitKind.MIN, LimitKind.MAX_DECREASE}


def places(one: Placed, spec: RolloutSpec, spans: Sequence[Span], track: Track) -> list[int]:
    """The points of history at which a run with these spans judges a limit: every point for a guard, else the checkpoints."""
    found: list[int] = []
    stretch = track.stretch
    for span in spans:
        if span.weight == 0 or (one.step and one.step != span.step) or (one.limit.relative and span.weight >= 100):
            continue
        if isinstance(one.limit, Guard):
            first = stretch.index(span.begin - 1e-3) + 1
            found += range(max(first, found[-1] + 1 if found else 0), stretch.index(span.end) + 1)
        else:
            step = next(step for step in spec.steps if step.name == span.step)
            inside = (span.begin + offset for offset in offsets(step))
            found += [stretch.index(instant) for instant in inside if instant <= span.end + 1.0]
    return [place for place in found if place >= 0]


def of_run(
    one: Placed, spec: RolloutSpec, track: Track, spans: tuple[Sequence[Span], Sequence[Span]], most: float
) -> LimitOfRun:
    """One limit in one run.

    Args:
        one: the limit.
        spec: of the run.
        track: the limit's.
        spans: of the run, and of a clean one from the same start.
        most: seconds that count as watched between two samples of a series, at most.
    """
    run, clean = (places(one, spec, each, track) for each in spans)
    found = LimitOfRun(
        Counter(_state(track, place) for place in run),
        tightest(track, run, most),
        tightest(track, clean, most),
        {labels: _of_series(track, labels, run, most) for labels in track.severities},
    )
    valued = [place for place in run if not math.isnan(track.values[place])]
    if not valued:
        return found
    worst = max(valued, key=lambda place: _badness(one.limit, track, place))
    return replace(
        found,
        worst=track.values[worst],
        base=None if math.isnan(track.bases[worst]) else track.bases[worst],
        worst_at=track.stretch.time(worst),
        badness=_badness(one.limit, track, worst),
    )


def _state(track: Track, place: int) -> State:
    found = track.state(place)
    apart = found is not State.BREACHED and any(each[place] for each in track.apart.values())
    return State.NOT_COMPARABLE if apart else found


def _of_series(track: Track, labels: str, run: Sequence[int], most: float) -> SeriesOfRun:
    limit = severity_of_limit(track.limit, track.candidate.metric)
    values = [value for place in run if not math.isnan(value := track.severities[labels][place])]
    return SeriesOfRun(
        judged=len(values),
        beyond=sum(value > limit + ROUNDING for value in values),
        longest=_stretch(track, labels, run, (limit, most)),
        worst=max(values, default=-math.inf),
        needed=tightest_of(track, labels, run, most),
        not_comparable=sum(track.apart[labels][place] for place in run) if labels in track.apart else 0,
    )


def summary(one: Placed, metric: Metric, runs: Sequence[LimitOfRun]) -> LimitSummary:
    """One limit over runs."""
    counts: Counter[State] = Counter()
    for run in runs:
        counts.update(run.states)
    worst = max((run for run in runs if run.worst is not None), key=lambda run: run.badness, default=None)
    needed = max((run.needed for run in runs), default=-math.inf)
    series = {labels: _together(runs, labels) for labels in dict.fromkeys(key for run in runs for key in run.series)}
    return LimitSummary(
        placed=one,
        judged=counts.total(),
        beyond=counts[State.BREACHED],
        longest=max((each.longest for each in series.values()), default=0.0),
        too_few=counts[State.TOO_FEW_REQUESTS],
        missing=counts[State.NO_DATA] + counts[State.SOURCE_DOWN],
        not_comparable=counts[State.NOT_COMPARABLE],
        worst=worst.worst if worst is not None else None,
        base=worst.base if worst is not None else None,
        worst_at=worst.worst_at if worst is not None else None,
        needed=needed if needed > -math.inf else None,
        room=_room(severity_of_limit(one.limit, metric), needed, whole_of(one.limit, metric)),
        series=series,
    )


def _together(runs: Sequence[LimitOfRun], labels: str) -> SeriesOfRun:
    mine = [run.series[labels] for run in runs if labels in run.series]
    return SeriesOfRun(
        sum(each.judged for each in mine),
        sum(each.beyond for each in mine),
        max(each.longest for each in mine),
        max(each.worst for each in mine),
        max(each.needed for each in mine),
        sum(each.not_comparable for each in mine),
    )


def _badness(limit: Threshold, track: Track, place: int) -> float:
    found = max((s[place] for s in track.severities.values() if not math.isnan(s[place])), default=-math.inf)
    return found if not limit.relative or found > -math.inf else -math.inf


def _room(limit: float, needed: float, whole: float | None) -> float | None:
    if needed == -math.inf or limit == 0:
        return None
    return (limit - needed) / (abs(limit) if whole is None else whole + limit)


def _stretch(track: Track, series: str, run: Sequence[int], bounds: tuple[float, float]) -> float:
    limit, most = bounds
    found = lasted = 0.0
    before: float | None = None
    for place in run:
        value = track.severities[series][place]
        if math.isnan(value):
            continue
        time = track.stretch.time(place)
        if value <= limit:
            lasted, before = 0.0, None
            continue
        lasted += min(time - before, most) if before is not None else 0.0
        before = time
        found = max(found, lasted)
    return found
