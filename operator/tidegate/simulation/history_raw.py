"""Raw samples of the past: fetched by the hour, each hour once, and cut out for every question that asks for them."""

from __future__ import annotations

import asyncio
import math
import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, Protocol, TypeVar

from tidegate.core.evidence.counting import RawHistogram, RawSeries
from tidegate.core.observed import Matrix

PIECE: Final = 3600.0
"""Seconds of samples that are asked for at once."""
KEPT: Final = 96
"""Pieces that are kept: those of four selectors over a day."""

_QUESTION: Final = re.compile(r"(.*)\[(\d+)s\](?: offset (\d+)s)?", re.DOTALL)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class AskRaw(Protocol):
    """Asks for the raw samples of a selector in the `range_seconds` up to `at` (epoch seconds)."""

    async def __call__(self, selector: str, range_seconds: float, at: float) -> Matrix:
        """The samples. Raises PortError."""
        ...


class RawPast:
    """Answers range selectors as of any instant."""

    def __init__(self, ask: AskRaw) -> None:
        """Nothing is asked yet."""
        self._ask = ask
        self._pieces: OrderedDict[tuple[str, int], asyncio.Future[Matrix]] = OrderedDict()

    async def answer(self, promql: str, now: float) -> Matrix:
        """What the question `selector[Ns]`, maybe with an offset, was answered at `now` (epoch seconds).

        Raises:
            PortError: the source could not be asked.
            ValueError: it is no range selector in whole seconds.
        """
        found = _QUESTION.fullmatch(promql)
        if found is None:
            raise ValueError(f"no range selector in whole seconds: {promql}")
        end = now - float(found[3] or 0)
        start = end - float(found[2])
        first, last = math.floor(start / PIECE), math.ceil(end / PIECE) - 1
        pieces = [await self._piece(found[1], number) for number in range(first, last + 1)]
        return Matrix(
            tuple(RawSeries(*one) for one in _joined([piece.series for piece in pieces], start, end)),
            tuple(RawHistogram(*one) for one in _joined([piece.histograms for piece in pieces], start, end)),
        )

    async def _piece(self, selector: str, number: int) -> Matrix:
        """The samples after the hour's begin and up to its end."""
        key = (selector, number)
        if key not in self._pieces:
            self._pieces[key] = asyncio.ensure_future(self._ask(selector, PIECE, (number + 1) * PIECE))
            while len(self._pieces) > KEPT:
                self._pieces.popitem(last=False)
        else:
            self._pieces.move_to_end(key)
        return await asyncio.shield(self._pieces[key])


class _Sampled(Protocol[T_co]):
    """A series of either kind."""

    @property
    def labels(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def samples(self) -> tuple[tuple[float, T_co], ...]: ...


def _joined(
    pieces: Sequence[Sequence[_Sampled[T]]], start: float, end: float
) -> list[tuple[tuple[tuple[str, str], ...], tuple[tuple[float, T], ...]]]:
    """Labels and samples in (start, end] of every series of the pieces, which follow one another."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, T]]] = {}
    for piece in pieces:
        for one in piece:
            first, last = (bisect_right(one.samples, edge, key=itemgetter(0)) for edge in (start, end))
            if first < last:
                found.setdefault(one.labels, []).extend(one.samples[first:last])
    return [(labels, tuple(samples)) for labels, samples in found.items()]
