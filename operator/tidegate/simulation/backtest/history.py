"""What Prometheus would have answered, at every point of a grid of instants: fetched once, in pieces, several at a time."""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from tidegate.core.model.answers import Matrix, SeriesValue, Vector
from tidegate.core.model.raw_samples import RawSeries
from tidegate.simulation.backtest.raw import AskRaw, RawPast

MOST_POINTS: Final = 500
"""Points of a series that are asked for at once: Prometheus gives 11,000, and of many series that would be a large answer."""
AT_ONCE: Final = 6
"""Queries under way at the same time: a Prometheus in production has other work."""

_SUBQUERY: Final = re.compile(r"\((.*)\)\[(\d+)s:(\d+)s\](?: offset (\d+)s)?", re.DOTALL)

Labels: TypeAlias = tuple[tuple[str, str], ...]


class AskRange(Protocol):
    """Asks for the series of a query at `start`, `start + step`, ... up to `end` (epoch seconds)."""

    async def __call__(
        self, promql: str, start: float, end: float, step: float
    ) -> Sequence[tuple[Labels, Sequence[tuple[float, float]]]]:
        """Labels and points (epoch seconds, value) of each series. Raises PortError."""
        ...


@dataclass(frozen=True)
class Stretch:
    """The instants at which history is known: a grid of `points` points."""

    start: float
    """Epoch seconds of the first."""
    step: float
    """Seconds from one to the next."""
    points: int

    @property
    def end(self) -> float:
        """Epoch seconds of the last."""
        return self.time(self.points - 1)

    def time(self, index: int) -> float:
        """The instant of a point, epoch seconds."""
        return self.start + index * self.step

    def index(self, instant: float) -> int:
        """The last point at or before `instant`: from -1, before the first, to the last."""
        return min(max(math.floor((instant - self.start) / self.step + 1e-6), -1), self.points - 1)

    def pieces(self, most: int = MOST_POINTS) -> list[tuple[float, float]]:
        """First and last instant of each piece of at most `most` points."""
        return [
            (self.time(first), self.time(min(first + most, self.points) - 1)) for first in range(0, self.points, most)
        ]


@dataclass
class Recording:
    """The answers to one query over the whole stretch."""

    stretch: Stretch
    series: dict[Labels, array[float]] = field(default_factory=dict)
    """A value for each point; what `there` does not have is meaningless."""
    there: dict[Labels, bytearray] = field(default_factory=dict)
    """1 where the series has a value: NaN is one as well."""

    def add(self, labels: Labels, points: Sequence[tuple[float, float]]) -> None:
        """Takes points in; those off the grid belong to nobody."""
        if labels not in self.series:
            self.series[labels] = array("d", bytes(8 * self.stretch.points))
            self.there[labels] = bytearray(self.stretch.points)
        values, there = self.series[labels], self.there[labels]
        for time, value in points:
            place = round((time - self.stretch.start) / self.stretch.step)
            if 0 <= place < self.stretch.points:
                values[place] = value
                there[place] = 1

    def vector(self, index: int) -> Vector:
        """The answer at a point; empty before the first."""
        if index < 0:
            return Vector(())
        return Vector(
            tuple(
                SeriesValue(labels, values[index])
                for labels, values in self.series.items()
                if self.there[labels][index]
            )
        )

    def empty(self, index: int) -> bool:
        """Whether no series has a value at a point."""
        return not any(there[index] for there in self.there.values())


@dataclass
class Progress:
    """How far the fetching is."""

    tell: Callable[[Progress], None] = lambda _progress: None
    """Called after every change."""
    wanted: int = 0
    """Queries asked for so far."""
    done: int = 0

    def begin(self) -> None:
        """One more is asked for."""
        self.wanted += 1
        self.tell(self)

    def finish(self) -> None:
        """One more has been answered."""
        self.done += 1
        self.tell(self)


class History:
    """Answers of the past, each asked for once."""

    def __init__(
        self, ask: AskRange, stretch: Stretch, progress: Progress | None = None, ask_raw: AskRaw | None = None
    ) -> None:
        """Nothing is asked yet.

        Args:
            ask: the source.
            stretch: the instants that whole recordings are made of.
            progress: told of every query.
            ask_raw: the source again, for the raw samples that tests on counts need; `None`: there are none.
        """
        self.stretch = stretch
        self.raw = RawPast(self._put_raw)
        self._ask_raw = ask_raw
        self.progress = progress or Progress()
        self._ask = ask
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._recordings: dict[str, Recording] = {}
        self._instants: dict[tuple[str, float], Vector] = {}

    async def load(self, queries: Sequence[str]) -> None:
        """Fetches these queries over the whole stretch, in pieces.

        Raises: PortError; what was fetched by then is lost.
        """
        wanted = [text for text in dict.fromkeys(queries) if text not in self._recordings]
        found = {text: Recording(self.stretch) for text in wanted}
        pieces = self.stretch.pieces()
        await together(self._piece(found[text], text, start, end) for text in wanted for start, end in pieces)
        self._recordings |= found

    def release(self) -> None:
        """Forgets every answer."""
        self._recordings.clear()
        self._instants.clear()
        self.raw.release()

    def recording(self, promql: str) -> Recording | None:
        """The recording of a query; `None` when it was not loaded."""
        return self._recordings.get(promql)

    async def instant(self, promql: str, now: float) -> Vector:
        """The answer at one instant, for a query that is asked only then.

        Raises: PortError.
        """
        key = (promql, round(now, 3))
        if key not in self._instants:
            series = await self._put(promql, now, now)
            self._instants[key] = Vector(
                tuple(SeriesValue(labels, points[-1][1]) for labels, points in series if points)
            )
        return self._instants[key]

    async def past(self, promql: str, now: float) -> Matrix:
        """What a subquery, such as `(up)[6h:5m] offset 90s` in whole seconds, was answered at `now` (epoch seconds).

        Raises:
            PortError: the source could not be asked.
            ValueError: it is no subquery in whole seconds.
        """
        found = _SUBQUERY.fullmatch(promql)
        if found is None:
            raise ValueError(f"no subquery in whole seconds: {promql}")
        end, reach, step = now - float(found[4] or 0), float(found[2]), float(found[3])
        first, last = (math.floor((end - reach) / step) + 1) * step, math.floor(end / step) * step
        self.progress.begin()
        async with self._slots:
            series = await self._ask(found[1], first, last, step)
        self.progress.finish()
        return Matrix(tuple(RawSeries(labels, tuple(points)) for labels, points in series))

    async def _piece(self, recording: Recording, promql: str, start: float, end: float) -> None:
        for labels, points in await self._put(promql, start, end):
            recording.add(labels, points)

    async def _put_raw(self, selector: str, range_seconds: float, at: float) -> Matrix:
        if self._ask_raw is None:
            return Matrix()
        self.progress.begin()
        async with self._slots:
            found = await self._ask_raw(selector, range_seconds, at)
        self.progress.finish()
        return found

    async def _put(
        self, promql: str, start: float, end: float
    ) -> Sequence[tuple[Labels, Sequence[tuple[float, float]]]]:
        self.progress.begin()
        async with self._slots:
            found = await self._ask(promql, round(start, 3), round(end, 3), self.stretch.step)
        self.progress.finish()
        return found


async def together(calls: Iterable[Coroutine[object, object, None]]) -> None:
    """Runs them all; the first error ends the others and is raised alone."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
