"""One write at a time to each route: a route carries the pairs of many Rollouts, and each write is tested on its generation."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from tidegate.adapters.kubernetes.cache import Key

REVERT_WAITS: Final = 0.5
"""Seconds that a revert waits for a write which hangs; for those that go on, as long as they take."""
WRITE_WAITS: Final = 3.0
"""Seconds that any other write waits, whatever for; less than an intent's life."""


class Turns:
    """Who may write to which route now. Used from one event loop."""

    def __init__(self) -> None:
        self._queues: WeakValueDictionary[Key, _Queue] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, route: Key, *, revert: bool) -> AsyncIterator[None]:
        """A turn at `route`: reverts first, otherwise in the order in which they came.

        A turn lasts as long as its write. While another waits, a write that hangs loses it after what that one waits, each
        further one in a row after a quarter of the time before: then the next one begins beside it.
        """
        queue = self._queues.setdefault(route, _Queue())
        turn = _Turn(REVERT_WAITS if revert else WRITE_WAITS / 2)
        try:
            async with asyncio.timeout(None if revert else WRITE_WAITS):
                await queue.enter(turn, queue.reverts if revert else queue.others)
        except TimeoutError:
            pass
        try:
            yield
        finally:
            queue.leave(turn)


@dataclass(eq=False)
class _Turn:
    patience: float
    """Seconds that it waits for one that hangs, the first in a row."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class _Queue:
    """The turns at one route."""

    def __init__(self) -> None:
        self.reverts: deque[_Turn] = deque()
        self.others: deque[_Turn] = deque()
        self._holder: _Turn | None = None
        self._since = 0.0
        self._taken = 0
        """Turns taken from one that hung since a write last ended."""

    @property
    def _first(self) -> _Turn | None:
        return next(iter(self.reverts or self.others), None)

    async def enter(self, turn: _Turn, line: deque[_Turn]) -> None:
        """Waits until the turn begins."""
        line.append(turn)
        try:
            while not (self._first is turn and self._holder is None):
                if await self._hung(turn):
                    self._taken += 1
                    break
        finally:
            line.remove(turn)
            self._wake()
        self._holder, self._since = turn, asyncio.get_running_loop().time()

    async def _hung(self, turn: _Turn) -> bool:
        """Waits for something to change; whether nothing did, and the turn of another must be taken."""
        turn.woken.clear()
        first, holder = self._first is turn, self._holder
        try:
            async with asyncio.timeout_at(self._since + turn.patience / 4**self._taken if first else None):
                await turn.woken.wait()
        except TimeoutError:
            return self._first is turn and self._holder is holder
        return False

    def leave(self, turn: _Turn) -> None:
        """The turn's write has ended."""
        self._taken = 0
        if self._holder is turn:
            self._holder = None
            self._wake()

    def _wake(self) -> None:
        if self._first is not None:
            self._first.woken.set()
