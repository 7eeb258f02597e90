"""Which calls go first: what is written goes at once, what is read and what is told waits its turn beside it.

A revert is two writes. What follows each (a live look at seven objects, the record of the end, an Event) is four times
as much work for the API server, and a hundred reverts at once would wait for one another's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

BESIDE_WRITES: Final = 4
"""Patient calls under way while there are writes: enough that nobody starves, hardly felt by the API server."""
WITHOUT_WRITES: Final = 64
"""Patient calls under way otherwise: more than an API server does at a time, few enough to need few connections."""
LONGEST_WAIT: Final = 3.0
"""Seconds after which a patient call goes whatever else is under way: what hangs must not hold up what might be answered."""


class Lanes:
    """Counts calls under way. Used from one event loop."""

    def __init__(
        self,
        beside_writes: int = BESIDE_WRITES,
        without_writes: int = WITHOUT_WRITES,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        """The constants of this module; `longest_wait` is in seconds."""
        self._beside_writes = beside_writes
        self._without_writes = without_writes
        self._longest_wait = longest_wait
        self._writing = 0
        self._patient = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def first(self) -> AsyncIterator[None]:
        """For a write: never waits."""
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1
            self._let_go_on()

    @asynccontextmanager
    async def patient(self) -> AsyncIterator[None]:
        """For everything else: in the order of coming, a few at a time."""
        if self._waiting or self._patient >= self._room:
            await self._turn()
        else:
            self._patient += 1
        try:
            yield
        finally:
            self._patient -= 1
            self._let_go_on()

    @property
    def _room(self) -> int:
        return self._beside_writes if self._writing else self._without_writes

    async def _turn(self) -> None:
        """Waits for a place and takes it; one that never came free is taken all the same."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await asyncio.wait({turn}, timeout=self._longest_wait)
        except asyncio.CancelledError:
            if turn.done():
                self._patient -= 1
                self._let_go_on()
            turn.cancel()
            raise
        if not turn.done():
            turn.cancel()
            self._patient += 1

    def _let_go_on(self) -> None:
        while self._waiting and self._patient < self._room:
            turn = self._waiting.popleft()
            if not turn.done():
                self._patient += 1
                turn.set_result(None)
