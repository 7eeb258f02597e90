"""Raw samples of the past: fetched by the hour, each hour once while it is kept, and cut out for every query that asks for them.

A store that keeps old samples only every five minutes cannot say what happened in a minute: such hours answer nothing, rather than
something else than a scrape would have, and `lacking` tells of them.
"""

from __future__ import annotations

import asyncio
import math
import re
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from operator import itemgetter
from typing import Final, Protocol, TypeAlias

from tidegate.core.model.answers import Matrix
from tidegate.core.model.raw_samples import Distribution, Labels, RawHistogram, RawSeries
from tidegate.core.statistics.counter_increase import LOOKBACK
from tidegate.ports.errors import Rejected

PIECE: Final = 3600.0
"""Seconds of samples that are asked for at once."""
SHORTEST: Final = PIECE / 8
"""Seconds of a piece, at least: they are halved while an answer is too large for the source or for us."""
MOST: Final = 4_000_000
"""Samples that are kept, at 16 bytes: two hours of four selectors with 1,000 series each, scraped every 15 s, take half of it."""
COARSE: Final = LOOKBACK / 2
"""Seconds from one sample to the next from which on they are no scrapes: Prometheus itself would lose sight of such a series."""

_QUERY: Final = re.compile(r"(.*)\[(\d+)s\](?: offset (\d+)s)?", re.DOTALL)

Key: TypeAlias = tuple[str, float, int]
"""Selector, seconds of a piece, and which."""
Numbers: TypeAlias = tuple[Sequence[float], Sequence[float]]
"""Instants (epoch seconds) and values."""
Distributions: TypeAlias = Sequence[tuple[float, Distribution]]


class AskRaw(Protocol):
    """Asks for the raw samples of a selector in the `range_seconds` up to `at` (epoch seconds)."""

    async def __call__(self, selector: str, range_seconds: float, at: float) -> Matrix:
        """The samples. Raises PortError."""
        ...


class Lack(Enum):
    """What a piece lacks."""

    EMPTY = "empty"
    COARSE = "coarse"
    """There are samples, too far apart to be scrapes."""


@dataclass(frozen=True)
class Piece:
    """The samples of one selector over some time."""

    counters: Mapping[Labels, Numbers] = field(default_factory=dict)
    histograms: Mapping[Labels, Distributions] = field(default_factory=dict)
    lack: Lack | None = None
    incomplete: frozenset[Labels] = frozenset()
    """As an answer's."""
    size: int = 100
    """What it takes to keep, in samples."""

    @classmethod
    def of(cls, found: Matrix, begin: float, end: float) -> Piece:
        """What was found, without what does not lie in (begin, end]: of that another piece tells."""
        samples = {one.labels: [at for at in one.samples if begin < at[0] <= end] for one in found.series}
        histograms = {one.labels: [at for at in one.samples if begin < at[0] <= end] for one in found.histograms}
        times = [[at[0] for at in one] for one in samples.values()] + [
            [at[0] for at in one] for one in histograms.values()
        ]
        if not any(times):
            return cls(lack=Lack.EMPTY, incomplete=found.incomplete)
        if _coarse(times):
            return cls(lack=Lack.COARSE)
        counters = {
            labels: (array("d", [time for time, _ in one]), array("d", [value for _, value in one]))
            for labels, one in samples.items()
        }
        buckets = sum(len(at.buckets) for one in histograms.values() for _, at in one)
        return cls(counters, histograms, None, found.incomplete, 100 + sum(map(len, times)) + 10 * buckets)


class RawPast:
    """Answers range selectors as of any instant."""

    def __init__(self, ask: AskRaw, most: int = MOST) -> None:
        """Nothing is asked yet; `most` samples are kept."""
        self._ask = ask
        self._most = most
        self._pieces: OrderedDict[Key, asyncio.Task[Piece]] = OrderedDict()
        self._lengths: dict[str, float] = {}
        self._lacks: dict[str, dict[tuple[float, float], Lack]] = {}
        self._size = 0

    async def answer(self, promql: str, now: float) -> Matrix:
        """What the query `selector[Ns]`, maybe with an offset, was answered at `now` (epoch seconds).

        Raises:
            PortError: the source could not be asked.
            ValueError: it is no range selector in whole seconds.
        """
        found = _QUERY.fullmatch(promql)
        if found is None:
            raise ValueError(f"no range selector in whole seconds: {promql}")
        end = now - float(found[3] or 0)
        start = end - float(found[2])
        pieces = await self._over(found[1], start, end)
        return Matrix(
            tuple(RawSeries(labels, tuple(at)) for labels, at in _counters(pieces, start, end)),
            tuple(RawHistogram(labels, tuple(at)) for labels, at in _histograms(pieces, start, end)),
            incomplete=frozenset[Labels]().union(*(piece.incomplete for piece in pieces)),
        )

    def release(self) -> None:
        """Forgets the samples, and not what was lacking."""
        self._pieces.clear()
        self._size = 0

    def lacking(self, selector: str) -> list[tuple[float, float, Lack]]:
        """Begin and end (epoch seconds) of the pieces of a selector that lacked something, of all that were asked for."""
        return sorted(((*span, lack) for span, lack in self._lacks.get(selector, {}).items()), key=itemgetter(0))

    async def _over(self, selector: str, start: float, end: float) -> list[Piece]:
        """The pieces that have the samples in (start, end], oldest first: shorter ones where the answers would be too large."""
        length = self._lengths.get(selector, PIECE)
        numbers = range(math.floor(start / length), math.ceil(end / length))
        try:
            return [await self._piece((selector, length, number)) for number in numbers]
        except Rejected:
            if length <= SHORTEST:
                raise
            self._lengths[selector] = min(length / 2, self._lengths.get(selector, PIECE))
            return await self._over(selector, start, end)

    async def _piece(self, key: Key) -> Piece:
        task = self._pieces.get(key)
        if task is None:
            task = self._pieces[key] = asyncio.ensure_future(self._fetched(key))
            task.add_done_callback(_heard)
        self._pieces.move_to_end(key)
        # A tick that has decided leaves its open queries; the next one asks for the same piece.
        piece = await asyncio.shield(task)
        self._tidy()
        return piece

    async def _fetched(self, key: Key) -> Piece:
        selector, length, number = key
        begin, end = number * length, (number + 1) * length
        try:
            piece = Piece.of(await self._ask(selector, length, end), begin, end)
        except BaseException:
            self._pieces.pop(key, None)
            raise
        self._size += piece.size
        if piece.lack is not None:
            self._lacks.setdefault(selector, {})[begin, end] = piece.lack
        return piece

    def _tidy(self) -> None:
        """Forgets what was not looked at for longest."""
        for key in list(self._pieces)[:-1] if self._size > self._most else []:
            if self._size <= self._most:
                break
            if self._pieces[key].done():
                self._size -= self._pieces.pop(key).result().size


def _heard(task: asyncio.Task[Piece]) -> None:
    """Whoever waited may be gone: its error is then nobody's."""
    if not task.cancelled():
        task.exception()


def _coarse(times: Iterable[Sequence[float]]) -> bool:
    """Whether samples follow one another, and never as soon as scrapes do. A single one is a short life, and counts."""
    apart = [after - before for one in times for before, after in pairwise(one)]
    return bool(apart) and min(apart) > COARSE


def _counters(pieces: Sequence[Piece], start: float, end: float) -> Iterable[tuple[Labels, list[tuple[float, float]]]]:
    found: dict[Labels, list[tuple[float, float]]] = {}
    for piece in pieces:
        for labels, (times, values) in piece.counters.items():
            first, last = bisect_right(times, start), bisect_right(times, end)
            if first < last:
                found.setdefault(labels, []).extend(zip(times[first:last], values[first:last], strict=True))
    return found.items()


def _histograms(
    pieces: Sequence[Piece], start: float, end: float
) -> Iterable[tuple[Labels, list[tuple[float, Distribution]]]]:
    found: dict[Labels, list[tuple[float, Distribution]]] = {}
    for piece in pieces:
        for labels, samples in piece.histograms.items():
            first, last = (bisect_right(samples, edge, key=itemgetter(0)) for edge in (start, end))
            if first < last:
                found.setdefault(labels, []).extend(samples[first:last])
    return found.items()
