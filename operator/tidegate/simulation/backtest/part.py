"""One part of a backtest done: its history fetched, every limit judged at every point, its runs run. What remains of it is small."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeAlias

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation import Templates
from tidegate.core.metrics import counters
from tidegate.core.model.answers import Query
from tidegate.core.model.observation import Problem
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed, as_of_then, asking, limits_in, pods, steady
from tidegate.simulation.backtest.gaps import maybe_counted
from tidegate.simulation.backtest.history import AskRange, History, Progress, Stretch, together
from tidegate.simulation.backtest.limits import LimitOfRun, Placed, looks_down, of_run, placed
from tidegate.simulation.backtest.order import Order, Task
from tidegate.simulation.backtest.raw import AskRaw, Lack
from tidegate.simulation.backtest.run import PastRun, PastRunner, Span
from tidegate.simulation.backtest.tracks import Samples, Seen, Track, judged
from tidegate.simulation.backtest.world import Course

RUNS_AT_ONCE: Final = 8
"""Runs under way at the same time: while one waits for an answer another goes on."""
COUNTING_AT_ONCE: Final = 2
"""The same where requests are counted: each run has raw samples of its own hours."""

Place: TypeAlias = tuple[str, ArmName, str]
"""Metric, arm and step."""
Lacks: TypeAlias = Mapping[tuple[str, ArmName], Collection[tuple[float, float, Lack]]]
"""By metric and arm: begin and end (epoch seconds) of what the counter of all requests lacked."""


@dataclass(frozen=True)
class JudgedRun:
    """A run, and what became of each limit in it."""

    run: PastRun
    limits: tuple[LimitOfRun | None, ...]
    """In the order of `placed`; `None` for a test on counts, and for one whose query changes at every judgement."""


@dataclass(frozen=True)
class Part:
    """What came of a task."""

    seen: Mapping[tuple[str, ArmName], Seen]
    """Of its own points; one and the same object where both arms ask the same."""
    runs: tuple[JudgedRun, ...]
    lacks: Lacks


@dataclass(frozen=True)
class _Known:
    """What is known of a stretch of history."""

    history: History
    samples: dict[Place, Samples]
    tracks: dict[tuple[Placed, str], Track]

    @cached_property
    def by_arm(self) -> dict[tuple[str, ArmName], Samples]:
        """The samples of the first step that asks."""
        return {(metric, arm): one for (metric, arm, _), one in reversed(list(self.samples.items()))}

    def release(self) -> None:
        """Forgets it all: a run and its history refer to each other, and would be in memory until somebody looks for such rings."""
        for one in (self.samples, self.tracks, self.by_arm):
            one.clear()
        self.history.release()


async def part(ask: AskRange, task: Task, ask_raw: AskRaw | None = None, progress: Progress | None = None) -> Part:
    """Does a task.

    Args:
        ask: the source.
        task: what is to be done.
        ask_raw: the source's raw samples, for tests on counts.
        progress: told of every query.

    Raises: PortError: the source could not be asked.
    """
    progress = progress or Progress()
    spec = as_of_then(task.order.spec, task.assumed, task.order.pods)
    known = await _known(History(ask, task.stretch(), progress, ask_raw), spec, task)
    runs = [run async for run in _runs(known, spec, task, task.starts)]
    seen = _own(known, task.last - task.first + 1)
    lacks = dict(_lacks(known, spec, task))
    late = [run.run.start for run in runs if _cut_off(run.run, known.history.stretch, task.order)]
    known.release()
    for start in late:  # it took longer than a clean run
        again = await _longer(ask, replace(task, starts=(start,)), spec, (ask_raw, progress))
        runs = [again if run.run.start == start else run for run in runs]
    return Part(seen, tuple(runs), lacks)


async def _longer(ask: AskRange, task: Task, spec: RolloutSpec, rest: tuple[AskRaw | None, Progress]) -> JudgedRun:
    """The one run of a task over twice as much history, until it ends or the history does."""
    whole, (ask_raw, progress) = task.order.stretch, rest
    first, reach = whole.index(task.starts[0]), task.reach
    while True:
        reach = min(first + 2 * (reach - first), whole.points - 1)
        longer = replace(task, first=first, last=first, reach=reach)
        known = await _known(History(ask, longer.stretch(), progress, ask_raw), spec, longer)
        (run,) = [run async for run in _runs(known, spec, longer, task.starts)]
        known.release()
        if not _cut_off(run.run, known.history.stretch, task.order):
            return run


def _cut_off(run: PastRun, stretch: Stretch, order: Order) -> bool:
    """Whether a run did not end although the history goes on."""
    return run.outcome == "Running" and stretch.end < order.stretch.end - 1e-3


async def _known(history: History, spec: RolloutSpec, task: Task) -> _Known:
    """Fetches what the limits look at, and judges every limit at every point."""
    asked = dict(queries_of(spec, task.order, task.assumed))
    await history.load([query.promql for texts in asked.values() for query in texts])
    samples = _samples(history, spec, asked)
    tracks = _tracks(history.stretch, spec, samples) if task.starts else {}
    await judged(history.stretch, samples.values(), list({id(one): one for one in tracks.values()}.values()))
    return _Known(history, samples, tracks)


def queries_of(spec: RolloutSpec, order: Order, assumed: Assumed) -> Iterator[tuple[Place, tuple[Query, ...]]]:
    """The steady queries of every metric in use, by metric, arm and step."""
    used = {limit.metric for limit in limits_in(spec)}
    for step in spec.steps:
        asks = asking(spec, assumed, (order.name, order.namespace, step.name), order.pods)
        for metric in spec.metrics:
            if metric.name not in used:
                continue
            for arm in ArmName:
                texts = steady(metric, arm, asks)
                if texts:
                    yield (metric.name, arm, step.name), texts


def _samples(history: History, spec: RolloutSpec, asked: Mapping[Place, tuple[Query, ...]]) -> dict[Place, Samples]:
    """Each text sampled once, however many steps and arms ask it."""
    metrics = {metric.name: metric for metric in spec.metrics}
    made: dict[tuple[str, tuple[str, ...]], Samples] = {}
    found = {}
    for (name, arm, step), texts in asked.items():
        key = (name, tuple(query.promql for query in texts))
        if key not in made:
            made[key] = Samples(
                metrics[name],
                {query: recording for query in texts if (recording := history.recording(query.promql)) is not None},
                looks_down(spec, name),
            )
        found[name, arm, step] = made[key]
    return found


def _tracks(stretch: Stretch, spec: RolloutSpec, samples: Mapping[Place, Samples]) -> dict[tuple[Placed, str], Track]:
    """By limit and step, one and the same where the step makes no difference."""
    found: dict[tuple[Placed, str], Track] = {}
    made: dict[tuple[Placed, int, int], Track] = {}
    for one in placed(spec):
        for step in (step.name for step in spec.steps):
            if one.limit.counted or (one.step and one.step != step):
                continue  # a test on counts is judged by all that came before, not point by point
            candidate = samples.get((one.limit.metric, ArmName.CANDIDATE, step))
            beside = samples.get((one.limit.metric, ArmName.BASELINE, step))
            if candidate is None:
                continue
            baseline = beside if one.limit.relative else None
            key = (one, id(candidate), id(beside))
            if key not in made:
                made[key] = Track(one.limit, stretch, candidate, baseline, beside)
            found[one, step] = made[key]
    return found


async def _runs(known: _Known, spec: RolloutSpec, task: Task, starts: Sequence[float]) -> AsyncIterator[JudgedRun]:
    """The runs, in the order of their starts."""
    order = task.order
    course = Course(
        order.name,
        order.namespace,
        order.uid,
        spec,
        pods(spec, task.assumed, order.pods),
        _check,
        known.history,
        _changes(known, spec),
        leap=task.leap,
        there=lambda query, now: maybe_counted(known.by_arm, known.history.stretch, query, now),
    )
    results: dict[float, PastRun] = {}
    slots = asyncio.Semaphore(COUNTING_AT_ONCE if any(limit.counted for limit in limits_in(spec)) else RUNS_AT_ONCE)

    async def one(start: float) -> None:
        async with slots:
            results[start] = await PastRunner(course, start).run()

    await together(one(start) for start in starts)
    for start in starts:
        yield JudgedRun(results[start], tuple(_limits(known, spec, order, results[start])))


def _limits(known: _Known, spec: RolloutSpec, order: Order, run: PastRun) -> Iterator[LimitOfRun | None]:
    """What became of every limit in a run."""
    end = known.history.stretch.end
    clean = [_moved(span, run.start, end) for span in order.planned]
    for one in placed(spec):
        track = known.tracks.get((one, one.step)) or known.tracks.get((one, spec.steps[0].name))
        yield of_run(one, spec, track, (run.spans, clean), 2 * order.step) if track is not None else None


def _moved(span: Span, start: float, end: float) -> Span:
    return Span(span.step, span.weight, start + span.begin, min(start + span.end, end))


def _changes(known: _Known, spec: RolloutSpec) -> Callable[[str, float, int], int]:
    """The next point at which a judgement in force differs, by step, weight and point."""
    changing = {limit.metric for limit in limits_in(spec)} - {metric for metric, _, _ in known.samples}
    points = known.history.stretch.points

    def after(step: str, weight: float, index: int) -> int:
        if weight == 0:
            return points
        nearest = points
        for one in placed(spec):
            if (one.step and one.step != step) or (one.limit.relative and weight >= 100):
                continue
            track = known.tracks.get((one, step))
            nearest = min(nearest, track.change_after(index) if track is not None else index + 1)
        return nearest if not changing else min(nearest, index + 1)

    return after


def _own(known: _Known, points: int) -> dict[tuple[str, ArmName], Seen]:
    """Of a part's own points; those of both arms stay one object where they are one."""
    made: dict[int, Seen] = {}
    return {key: made.setdefault(id(one), one.seen.cut(points)) for key, one in known.by_arm.items()}


def _lacks(
    known: _Known, spec: RolloutSpec, task: Task
) -> Iterator[tuple[tuple[str, ArmName], list[tuple[float, float, Lack]]]]:
    """Where the tests on counts had nothing to count."""
    order, used = task.order, {limit.metric for limit in limits_in(spec) if limit.counted}
    steps = [(order.name, order.namespace, step.name) for step in spec.steps]
    asks = [asking(spec, task.assumed, place, order.pods) for place in steps]
    told: set[str] = set()
    for (name, arm), samples in known.by_arm.items():
        selectors = [text for one, text in counters(samples.metric).items() if one in {"total", "histogram"}]
        for selector in dict.fromkeys(one.filled(text, samples.metric, arm) for text in selectors for one in asks):
            if name in used and selector not in told:
                told.add(selector)
                yield (name, arm), known.history.raw.lacking(selector)


def _check(raw: Mapping[str, object], _templates: Templates) -> tuple[RolloutSpec | None, tuple[Problem, ...]]:
    """The spec was checked as it was written; filled in for one arm it would not pass again."""
    return RolloutSpec.model_validate(raw), ()
