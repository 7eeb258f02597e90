"""Windows of the past run one by one, and how often the limits did what they should have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from tidegate.api.rollout.metrics import WhenEmpty
from tidegate.core.model.value_format import digits
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.backtest import Perform, Watcher
from tidegate.simulation.backtest.history import together
from tidegate.simulation.backtest.limits import placed
from tidegate.simulation.backtest.order import Order, Task
from tidegate.simulation.backtest.part import Part
from tidegate.simulation.backtest.run import PastRun
from tidegate.simulation.backtest.suggest import Rate
from tidegate.simulation.backtest.windows import Expected, Required, Window

BEFORE: Final = 1e-4
"""Share of the interval by which a judgement may lie before the instant it is of (`uid_at`): a stop right at `from` is no false one."""


class Verdict(StrEnum):
    """How a window came out."""

    CONTINUED = "Continued"
    """As it should have."""
    FALSE_STOP = "FalseStop"
    """Stopped although nothing was to happen."""
    EARLY = "StoppedEarly"
    """Stopped before the fault began: a false stop as well, and the fault was not found."""
    FOUND = "Found"
    MISSED = "Missed"
    """Not stopped by the end of the window."""
    NO_DATA = "NoData"
    """Ended for lack of data, or the candidate had none at all: it says nothing of any limit, and counts nowhere."""


FALSE: Final = frozenset({Verdict.FALSE_STOP, Verdict.EARLY})
STOPPED: Final = FALSE | {Verdict.FOUND}


@dataclass(frozen=True)
class Scored:
    """One window, run."""

    window: Window
    run: PastRun
    verdict: Verdict

    @property
    def minutes(self) -> float | None:
        """From the beginning of the fault to the stop; `None` unless it was found."""
        if self.verdict is not Verdict.FOUND:
            return None
        return round(max(self.run.end - self.window.since, 0.0) / 60, 3)  # instants are kept to the millisecond

    @property
    def limit(self) -> str:
        """The limit that stopped it; the reason where it was none; empty where nothing did."""
        if self.verdict not in STOPPED:
            return ""
        return self.run.cause.limit if self.run.cause is not None else self.run.reason

    @property
    def series(self) -> str:
        """The series, or the segment, by which it was stopped."""
        return self.run.cause.series if self.limit and self.run.cause is not None else ""


@dataclass(frozen=True)
class Tally:
    """How often, and how soon."""

    false_stops: int
    """Those before a fault began included."""
    found: int
    minutes: float | None
    """The median from the beginning of a fault to the stop; `None` when nothing was found."""

    @classmethod
    def of(cls, scored: Iterable[Scored]) -> Tally:
        """Of these windows."""
        given = list(scored)
        minutes = [one.minutes for one in given if one.minutes is not None]
        false_stops = sum(one.verdict in FALSE for one in given)
        return cls(false_stops, len(minutes), median(minutes) if minutes else None)


@dataclass(frozen=True)
class Score:
    """What came of all windows."""

    scored: Sequence[Scored]
    limits: Sequence[str]
    """The identities of the Rollout's limits, in its order."""

    @property
    def tally(self) -> Tally:
        """Of all."""
        return Tally.of(self.scored)

    @property
    def false_stops(self) -> Rate:
        """Stopped, of the windows with data in which nothing was to happen."""
        return self._rate(Expected.CONTINUE, Verdict.FALSE_STOP)

    @property
    def early(self) -> Rate:
        """Stopped before the fault, of the windows with a fault and data."""
        return self._rate(Expected.STOP, Verdict.EARLY)

    @property
    def found(self) -> Rate:
        """Faults found, of the windows with a fault and data."""
        return self._rate(Expected.STOP, Verdict.FOUND)

    @property
    def without_data(self) -> Sequence[Scored]:
        """Those that count nowhere."""
        return [one for one in self.scored if one.verdict is Verdict.NO_DATA]

    def by_limit(self) -> Iterator[tuple[str, Tally]]:
        """Every limit of the Rollout, and any other reason of a stop."""
        for limit in dict.fromkeys([*self.limits, *(one.limit for one in self.scored if one.limit)]):
            yield limit, Tally.of(one for one in self.scored if one.limit == limit)

    def by_segment(self) -> Iterator[tuple[str, Tally]]:
        """Every segment by which a run was stopped, the one with the most stops first."""
        stopped = [one for one in self.scored if one.series]
        names = sorted(
            {one.series for one in stopped}, key=lambda name: (-sum(o.series == name for o in stopped), name)
        )
        for name in names:
            yield name, Tally.of(one for one in stopped if one.series == name)

    def unmet(self, required: Required) -> Iterator[str]:
        """What is required and not so, in words."""
        tally = self.tally
        if required.false_stops is not None and tally.false_stops > required.false_stops:
            yield f"falseStops: {tally.false_stops}, at most {required.false_stops} are allowed"
        if required.found is not None and tally.found < required.found:
            yield f"found: {tally.found}, at least {required.found} are required"
        if required.median is not None and (tally.minutes is None or tally.minutes * 60 > required.median.seconds):
            took = "nothing was found" if tally.minutes is None else f"{digits(tally.minutes, 3)} minutes"
            yield f"median: {took}, at most {required.median} is required"

    def _rate(self, expected: Expected, verdict: Verdict) -> Rate:
        told = [one for one in self.scored if one.window.expect is expected and one.verdict is not Verdict.NO_DATA]
        return Rate(sum(one.verdict is verdict for one in told), len(told))


def order_of(window: Window, rollout: Order) -> Order:
    """What is run in a window.

    Args:
        window: which.
        rollout: the Rollout as it is written, and how long a clean run of it takes.
    """
    return Order(
        rollout.name,
        window.namespace or rollout.namespace,
        window.spec(rollout.spec),
        window.start.timestamp(),
        window.stop,
        rollout.planned,
        rollout.length,
        assumed=window.as_ or rollout.assumed or Assumed.CANDIDATE,
        pods=window.pods,
    )


async def score(
    perform: Perform, rollout: Order, windows: Sequence[Window], watcher: Watcher | None = None, *, leap: bool = True
) -> Score:
    """Runs every window and says how it came out.

    Args:
        perform: does the runs.
        rollout: the Rollout as it is written; its start and end do not matter.
        windows: in the order in which they are told.
        watcher: told how far it is.
        leap: leave out the ticks that would change nothing.

    Raises: PortError: the source could not be asked.
    """
    found: dict[int, Scored] = {}
    watcher = watcher or Watcher()
    watcher.ran(0, len(windows))
    slots = asyncio.Semaphore(perform.at_once)

    async def one(number: int, window: Window) -> None:
        async with slots:
            order = order_of(window, rollout)
            found[number] = _scored(window, order, await perform(_task(order, leap=leap)))
            watcher.ran(len(found), len(windows))

    await together(one(number, window) for number, window in enumerate(windows))
    limits = dict.fromkeys(one.limit.identity for one in placed(rollout.spec))
    return Score([found[number] for number in range(len(windows))], list(limits))


def _task(order: Order, *, leap: bool) -> Task:
    last = order.stretch.points - 1
    return Task(order, order.assumed or Assumed.CANDIDATE, 0, last, last, (order.start,), leap)


def _scored(window: Window, order: Order, part: Part) -> Scored:
    (judged,) = part.runs
    lacking = judged.run.lacking or _silent(order, part)
    return Scored(window, judged.run, Verdict.NO_DATA if lacking else _verdict(window, judged.run, order.step))


def _silent(order: Order, part: Part) -> bool:
    """Whether the candidate had no data at all; a metric that is empty when all is well proves nothing."""
    zero = {metric.name for metric in order.spec.metrics if metric.when_empty is WhenEmpty.ZERO}
    mine = [seen for (name, arm), seen in part.seen.items() if arm is ArmName.CANDIDATE and name not in zero]
    return bool(mine) and not any(0 in seen.empty for seen in mine)


def _verdict(window: Window, run: PastRun, interval: float) -> Verdict:
    if window.expect is Expected.CONTINUE:
        return Verdict.FALSE_STOP if run.stopped else Verdict.CONTINUED
    if not run.stopped:
        return Verdict.MISSED
    return Verdict.EARLY if run.end < window.since - BEFORE * interval else Verdict.FOUND
