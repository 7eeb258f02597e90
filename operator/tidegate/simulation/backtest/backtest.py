"""A backtest whole: fetch, judge every point, run from every start, count."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Templates
from tidegate.core.metrics import counters
from tidegate.core.model import cadence
from tidegate.core.model.answers import Query
from tidegate.core.model.observation import Problem
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed, as_of_then, asking, lines, pods, steady
from tidegate.simulation.backtest.gaps import Gap, anything, gaps, maybe_counted, raw_gaps
from tidegate.simulation.backtest.history import AskRange, History, Progress, Stretch, together
from tidegate.simulation.backtest.lines import CountedSummary, LineSummary, Placed, placed, places, summary, tested
from tidegate.simulation.backtest.raw import AskRaw
from tidegate.simulation.backtest.run import PastRun, PastRunner, Span
from tidegate.simulation.backtest.suggest import Rate, Suggestion, suggestion, tightest
from tidegate.simulation.backtest.tracks import Samples, Track
from tidegate.simulation.backtest.world import Course, uid_of

RUNS_AT_ONCE = 8
"""Runs under way at the same time: while one waits for an answer another goes on."""
COUNTING_AT_ONCE = 2
"""The same where requests are counted: each run has raw samples of its own hours."""


class NoHistoryError(Exception):
    """There is nothing to run on; the message says which metric had no data, about which arm, and what was asked."""


@dataclass(frozen=True)
class Order:
    """What is to be run."""

    name: str
    namespace: str
    spec: RolloutSpec
    """As written."""
    start: float
    """Epoch seconds: from when on history is asked for, and the first run begins."""
    end: float
    planned: tuple[Span, ...]
    """The steps of a clean run, in seconds from its start."""
    length: float
    """Seconds that a clean run takes, its promotion included."""
    every: float = math.inf
    """Seconds from the start of one run to that of the next."""
    assumed: Assumed | None = None
    """Whose history; `None`: the candidate's when it has one."""


@dataclass
class Backtest:
    """What came of it."""

    order: Order
    assumed: Assumed
    spec: RolloutSpec
    """As of then: what was run."""
    stretch: Stretch
    samples: Mapping[tuple[str, ArmName], Samples]
    tracks: Mapping[tuple[Placed, str], Track]
    """By line, and step where the query names it."""
    runs: Sequence[PastRun] = ()
    gaps: Sequence[Gap] = ()

    @property
    def rate(self) -> Rate:
        """How many runs were stopped."""
        return Rate(sum(run.stopped for run in self.runs), len(self.runs))

    def metric(self, name: str) -> Metric:
        """The metric of a name."""
        return next(metric for metric in self.spec.metrics if metric.name == name)

    def track(self, one: Placed) -> Track | None:
        """A line's track; `None` for one whose query changes at every judgement."""
        return self.tracks.get((one, one.step)) or self.tracks.get((one, self.spec.steps[0].name))

    def untested(self, one: Placed) -> bool:
        """Whether a line compared a history with itself, so that nothing follows from its silence."""
        if not one.line.relative:
            return False
        candidate, baseline = (
            self.samples.get((one.line.metric, arm)) for arm in (ArmName.CANDIDATE, ArmName.BASELINE)
        )
        return candidate is baseline

    def lines(self) -> Iterator[LineSummary]:
        """Every line over all runs."""
        most = 2 * self.stretch.step
        spans = [run.spans for run in self.runs]
        for one in placed(self.spec):
            track = self.track(one)
            if track is not None:
                yield summary(one, self.spec, self.metric(one.line.metric), track, spans, most)

    def tests(self) -> Iterator[CountedSummary]:
        """Every test on counts over all runs."""
        return (tested(one, self.runs) for one in placed(self.spec) if one.line.counted)

    def suggestions(self) -> Iterator[tuple[Placed, Suggestion]]:
        """Other limits for every line, over clean runs from every start."""
        most = 2 * self.stretch.step
        for one in placed(self.spec):
            track = self.track(one)
            if track is None or self.untested(one):
                continue
            clean = [[_moved(span, run.start, self.stretch.end) for span in self.order.planned] for run in self.runs]
            kept = [tightest(track, places(one, self.spec, spans, track), most) for spans in clean]
            yield one, suggestion(one.line, self.metric(one.line.metric), kept)


def _moved(span: Span, start: float, end: float) -> Span:
    return Span(span.step, span.weight, start + span.begin, min(start + span.end, end))


@dataclass
class Watcher:
    """Told how far it is."""

    fetched: Callable[[Progress], None] = lambda _progress: None
    ran: Callable[[int, int], None] = lambda _done, _all: None
    judging: Callable[[str], None] = lambda _name: None
    """Of the metric or the line whose points come next."""


async def backtest(
    ask: AskRange,
    order: Order,
    watcher: Watcher | None = None,
    *,
    ask_raw: AskRaw | None = None,
    leap: bool = True,
) -> Backtest:
    """Runs `order` on the history that `ask` gives.

    Args:
        ask: the source.
        order: what to run.
        watcher: told how far it is.
        ask_raw: the source's raw samples, for tests on counts.
        leap: leave out the ticks that would change nothing.

    Raises:
        PortError: the source could not be asked.
        NoHistoryError: it has nothing.
    """
    watcher = watcher or Watcher()
    step = max(order.spec.interval.seconds, 1.0)
    start = cadence.at_or_after(uid_of(order.name), step, order.start)
    stretch = Stretch(start, step, math.floor((order.end - start) / step + 1e-6) + 1)
    if stretch.points < 2:
        raise NoHistoryError(f"from {order.start:.0f} to {order.end:.0f} there are not two judgements {step:g} s apart")
    history = History(ask, stretch, Progress(watcher.fetched), ask_raw)
    found = await _judged(history, order, watcher)
    await _run(found, history, watcher, leap=leap)
    found.gaps = [*found.gaps, *_uncounted(found, history)]
    return found


def starts(order: Order, first: float, step: float) -> list[float]:
    """When the runs begin: the first in any case, others where a clean run still fits in."""
    found, number = [first], 1
    while math.isfinite(order.every):
        wanted = order.start + number * order.every
        if wanted + order.length > order.end:
            break
        found.append(cadence.at_or_after(uid_of(order.name), step, wanted))
        number += 1
    return found


async def _judged(history: History, order: Order, watcher: Watcher) -> Backtest:
    """Everything fetched and every line judged at every point; chooses whose history it is."""
    for assumed in [order.assumed] if order.assumed else [Assumed.CANDIDATE, Assumed.BASELINE]:
        spec = as_of_then(order.spec, assumed)
        asked = dict(_queries(spec, order, assumed))
        await history.load([query.promql for texts in asked.values() for query in texts])
        samples = await _samples(history, spec, asked, watcher)
        if anything(samples, ArmName.CANDIDATE):
            break
    else:
        raise NoHistoryError(_nothing(order, asked))
    by_arm = {(metric, arm): one for (metric, arm, _), one in reversed(samples.items())}
    return Backtest(
        order,
        assumed,
        spec,
        history.stretch,
        by_arm,
        await _tracks(history, spec, samples, watcher),
        gaps=gaps(by_arm, history.stretch),
    )


def _queries(
    spec: RolloutSpec, order: Order, assumed: Assumed
) -> Iterator[tuple[tuple[str, ArmName, str], tuple[Query, ...]]]:
    """The steady queries of every metric in use, by metric, arm and step."""
    used = {line.metric for line in lines(spec)}
    for step in spec.steps:
        asks = asking(spec, assumed, order.name, order.namespace, step.name)
        for metric in spec.metrics:
            if metric.name not in used:
                continue
            for arm in ArmName:
                texts = steady(metric, arm, asks)
                if texts:
                    yield (metric.name, arm, step.name), texts


async def _samples(
    history: History,
    spec: RolloutSpec,
    asked: Mapping[tuple[str, ArmName, str], tuple[Query, ...]],
    watcher: Watcher,
) -> dict[tuple[str, ArmName, str], Samples]:
    """Each text sampled once, however many steps ask it."""
    metrics = {metric.name: metric for metric in spec.metrics}
    made: dict[tuple[str, tuple[str, ...]], Samples] = {}
    found = {}
    for (name, arm, step), texts in asked.items():
        key = (name, tuple(query.promql for query in texts))
        if key not in made:
            watcher.judging(name)
            made[key] = await Samples.of(history, metrics[name], texts)
        found[name, arm, step] = made[key]
    return found


async def _tracks(
    history: History, spec: RolloutSpec, samples: Mapping[tuple[str, ArmName, str], Samples], watcher: Watcher
) -> dict[tuple[Placed, str], Track]:
    found: dict[tuple[Placed, str], Track] = {}
    made: dict[tuple[Placed, int, int], Track] = {}
    for one in placed(spec):
        for step in (step.name for step in spec.steps):
            if one.line.counted or (one.step and one.step != step):
                continue  # a test on counts is judged by all that came before, not point by point
            candidate = samples.get((one.line.metric, ArmName.CANDIDATE, step))
            baseline = samples.get((one.line.metric, ArmName.BASELINE, step)) if one.line.relative else None
            if candidate is None:
                continue
            key = (one, id(candidate), id(baseline))
            if key not in made:
                watcher.judging(one.name)
                made[key] = await Track.of(one.line, candidate, baseline, history.stretch)
            found[one, step] = made[key]
    return found


async def _run(found: Backtest, history: History, watcher: Watcher, *, leap: bool) -> None:
    order, spec = found.order, found.spec
    course = Course(
        order.name,
        order.namespace,
        spec,
        pods(spec, found.assumed),
        _check,
        history,
        _changes(found),
        leap=leap,
        there=lambda query, now: maybe_counted(found.samples, found.stretch, query, now),
    )
    instants = starts(order, history.stretch.start, history.stretch.step)
    watcher.ran(0, len(instants))
    results: dict[float, PastRun] = {}
    slots = asyncio.Semaphore(COUNTING_AT_ONCE if any(line.counted for line in lines(spec)) else RUNS_AT_ONCE)

    async def one(start: float) -> None:
        async with slots:
            results[start] = await PastRunner(course, start).run()
            watcher.ran(len(results), len(instants))

    await together(one(start) for start in instants)
    found.runs = [results[start] for start in instants]


def _changes(found: Backtest) -> Callable[[str, float, int], int]:
    """The next point at which a judgement in force differs, by step, weight and point."""
    changing = {line.metric for line in lines(found.spec)} - {metric for metric, _ in found.samples}

    def after(step: str, weight: float, index: int) -> int:
        if weight == 0:
            return found.stretch.points
        nearest = found.stretch.points
        for one in placed(found.spec):
            if (one.step and one.step != step) or (one.line.relative and weight >= 100):
                continue
            track = found.tracks.get((one, step))
            nearest = min(nearest, track.change_after(index) if track is not None else index + 1)
        return nearest if not changing else min(nearest, index + 1)

    return after


def _uncounted(found: Backtest, history: History) -> Iterator[Gap]:
    """Where the tests on counts had nothing to count."""
    spec, order = found.spec, found.order
    used = {line.metric for line in lines(spec) if line.counted}
    asks = [asking(spec, found.assumed, order.name, order.namespace, step.name) for step in spec.steps]
    seen: set[str] = set()
    for (name, arm), samples in found.samples.items():
        selectors = [text for part, text in counters(samples.metric).items() if part in {"total", "histogram"}]
        for selector in dict.fromkeys(one.filled(text, samples.metric, arm) for text in selectors for one in asks):
            if name in used and selector not in seen:
                seen.add(selector)
                yield from raw_gaps(samples, arm, history.stretch, history.raw.lacking(selector))


def _check(raw: Mapping[str, object], _templates: Templates) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
    """The spec was checked as it was written; filled in for one arm it would not pass again."""
    return RolloutSpec.model_validate(raw), ()


def _nothing(order: Order, asked: Mapping[tuple[str, ArmName, str], tuple[Query, ...]]) -> str:
    texts = {name: queries[-1].promql for (name, arm, _), queries in asked.items() if arm is ArmName.BASELINE}
    listed = "".join(f"\n  {name}: {text}" for name, text in texts.items())
    over = f"from {instant(order.start):%Y-%m-%d %H:%M:%S} to {instant(order.end):%Y-%m-%d %H:%M:%S} UTC"
    return f"no metric of Rollout {order.name} has any data {over}; asked last:{listed}"
