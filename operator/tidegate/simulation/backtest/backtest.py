"""A backtest whole: the history in parts, each fetched, judged and run by itself, and what came of all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Protocol

from tidegate.api.rollout.metrics import Metric, WhenEmpty
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed, as_of_then
from tidegate.simulation.backtest.gaps import Gap, gaps, raw_gaps
from tidegate.simulation.backtest.history import AskRange, Progress, Stretch, together
from tidegate.simulation.backtest.limits import CountedSummary, LimitSummary, Placed, placed, summary, tested
from tidegate.simulation.backtest.order import PART, Order, Task, tasks
from tidegate.simulation.backtest.part import JudgedRun, Part, part, queries_of
from tidegate.simulation.backtest.raw import AskRaw, Lack
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.suggest import Rate, Suggestion, suggestion
from tidegate.simulation.backtest.tracks import Seen


class NoHistoryError(Exception):
    """There is nothing to run on; the message says which metric had no data, about which arm, and what was asked."""


@dataclass
class Backtest:
    """What came of it."""

    order: Order
    assumed: Assumed
    spec: RolloutSpec
    """As of then: what was run."""
    stretch: Stretch
    seen: Mapping[tuple[str, ArmName], Seen]
    """By metric and arm; one and the same object where both arms ask the same."""
    judged: Sequence[JudgedRun] = ()
    gaps: Sequence[Gap] = ()

    @property
    def runs(self) -> Sequence[PastRun]:
        """Every run, in the order of their starts."""
        return [one.run for one in self.judged]

    @property
    def rate(self) -> Rate:
        """How many runs were stopped by a limit, of those that did not end for lack of data."""
        told = [run for run in self.runs if not run.lacking]
        return Rate(sum(run.stopped for run in told), len(told))

    def metric(self, name: str) -> Metric:
        """The metric of a name."""
        return next(metric for metric in self.spec.metrics if metric.name == name)

    def untested(self, one: Placed) -> bool:
        """Whether a limit compared a history with itself, so that nothing follows from its silence."""
        if not one.limit.relative:
            return False
        candidate, baseline = (self.seen.get((one.limit.metric, arm)) for arm in (ArmName.CANDIDATE, ArmName.BASELINE))
        return candidate is baseline

    def limits(self) -> Iterator[LimitSummary]:
        """Every limit over all runs."""
        for place, one in enumerate(placed(self.spec)):
            found = [limit for run in self.judged if (limit := run.limits[place]) is not None]
            if found:
                yield summary(one, self.metric(one.limit.metric), found)

    def tests(self) -> Iterator[CountedSummary]:
        """Every test on counts over all runs."""
        return (tested(one, self.runs) for one in placed(self.spec) if one.limit.counted)

    def suggestions(self) -> Iterator[tuple[Placed, Suggestion]]:
        """Other limits for every limit, over clean runs from every start."""
        for place, one in enumerate(placed(self.spec)):
            kept = [limit.kept for run in self.judged if (limit := run.limits[place]) is not None]
            if kept and not self.untested(one):
                yield one, suggestion(one.limit, self.metric(one.limit.metric), kept)


@dataclass
class Watcher:
    """Told how far it is."""

    fetched: Callable[[Progress], None] = lambda _progress: None
    ran: Callable[[int, int], None] = lambda _done, _all: None
    """So many runs of so many have ended."""


class Perform(Protocol):
    """Does parts of a backtest, here or in other processes."""

    @property
    def at_once(self) -> int:
        """How many may be under way at the same time."""
        ...

    def __call__(self, task: Task) -> Awaitable[Part]:
        """Does one. Raises PortError."""
        ...


@dataclass
class Here:
    """Does one part after another in this process, so that the history of one alone is in memory."""

    ask: AskRange
    ask_raw: AskRaw | None = None
    progress: Progress = field(default_factory=Progress)
    at_once: int = 1

    async def __call__(self, task: Task) -> Part:
        """Does one. Raises PortError."""
        return await part(self.ask, task, self.ask_raw, self.progress)


async def backtest(
    ask: AskRange,
    order: Order,
    watcher: Watcher | None = None,
    *,
    ask_raw: AskRaw | None = None,
    perform: Perform | None = None,
    leap: bool = True,
) -> Backtest:
    """Runs `order` on the history that `ask` gives.

    Args:
        ask: the source.
        order: what to run.
        watcher: told how far it is.
        ask_raw: the source's raw samples, for tests on counts.
        perform: does the parts; by default they are done here, one after another.
        leap: leave out the ticks that would change nothing.

    Raises:
        PortError: the source could not be asked.
        NoHistoryError: it has nothing.
    """
    watcher = watcher or Watcher()
    stretch = order.stretch
    if stretch.points < 2:
        message = f"from {order.start:.0f} to {order.end:.0f} there are not two judgements {order.step:g} s apart"
        raise NoHistoryError(message)
    progress = Progress(watcher.fetched)
    assumed = await assumed_of(ask, order, progress)
    given = list(tasks(order, assumed, leap=leap))
    parts = await _done(given, perform or Here(ask, ask_raw, progress), watcher)
    spec = as_of_then(order.spec, assumed, order.pods)
    found = Backtest(order, assumed, spec, stretch, _whole(parts), [run for one in parts for run in one.runs])
    found.gaps = [*gaps(spec.metrics, found.seen, stretch), *_uncounted(found, parts)]
    return found


async def assumed_of(ask: AskRange, order: Order, progress: Progress) -> Assumed:
    """Whose history it is: the one that is ordered, else the candidate's if it has any, else the baseline's.

    Raises:
        PortError: the source could not be asked.
        NoHistoryError: nobody has any; a metric that is empty when all is well proves nothing.
    """
    asked: list[tuple[str, str]] = []
    for assumed in [order.assumed] if order.assumed else [Assumed.CANDIDATE, Assumed.BASELINE]:
        spec = as_of_then(order.spec, assumed, order.pods)
        zero = {metric.name for metric in spec.metrics if metric.when_empty is WhenEmpty.ZERO}
        found = [(name, arm, texts[-1].promql) for (name, arm, _), texts in queries_of(spec, order, assumed)]
        mine = list(dict.fromkeys(text for name, arm, text in found if arm is ArmName.CANDIDATE and name not in zero))
        if not mine or await _anything(ask, mine, order.stretch, progress):
            return assumed
        asked = [(name, text) for name, arm, text in found if arm is ArmName.BASELINE]
    raise NoHistoryError(_nothing(order, asked))


async def _anything(ask: AskRange, texts: Sequence[str], stretch: Stretch, progress: Progress) -> bool:
    """Whether any of these queries has an answer at any point."""
    for begin, end in stretch.pieces(PART):
        for text in texts:
            progress.begin()
            found = await ask(text, begin, end, stretch.step)
            progress.finish()
            if any(points for _, points in found):
                return True
    return False


async def _done(given: Sequence[Task], perform: Perform, watcher: Watcher) -> list[Part]:
    """The parts, in the order of the tasks."""
    found: dict[int, Part] = {}
    slots = asyncio.Semaphore(perform.at_once)
    runs = sum(len(task.starts) for task in given)
    watcher.ran(0, runs)

    async def one(number: int, task: Task) -> None:
        async with slots:
            found[number] = await perform(task)
        watcher.ran(sum(len(part.runs) for part in found.values()), runs)

    await together(one(number, task) for number, task in enumerate(given))
    return [found[number] for number in range(len(given))]


def _whole(parts: Sequence[Part]) -> dict[tuple[str, ArmName], Seen]:
    """What was seen in all parts, one after the other."""
    made: dict[int, Seen] = {}
    found = {}
    for key, first in parts[0].seen.items():
        if id(first) not in made:
            made[id(first)] = Seen()
            for one in parts:
                made[id(first)].extend(one.seen[key])
        found[key] = made[id(first)]
    return found


def _uncounted(found: Backtest, parts: Sequence[Part]) -> Iterator[Gap]:
    """Where the tests on counts had nothing to count."""
    lacks: dict[tuple[str, ArmName], dict[tuple[float, float], Lack]] = {}
    for one in parts:
        for key, spans in one.lacks.items():
            lacks.setdefault(key, {}).update({(begin, end): lack for begin, end, lack in spans})
    for (name, arm), spans_of in lacks.items():
        ordered = sorted(((begin, end, lack) for (begin, end), lack in spans_of.items()), key=itemgetter(0))
        yield from raw_gaps(found.metric(name), arm, found.seen[name, arm], found.stretch, ordered)


def _nothing(order: Order, asked: Sequence[tuple[str, str]]) -> str:
    listed = "".join(f"\n  {name}: {text}" for name, text in dict(asked).items())
    over = f"from {instant(order.start):%Y-%m-%d %H:%M:%S} to {instant(order.end):%Y-%m-%d %H:%M:%S} UTC"
    return f"no metric of Rollout {order.name} has any data {over}; the last queries:{listed}"
