"""Which calls go first: a route is written at once, what is recorded, read and told waits its turn beside it.

Within a lane those who wait take turns by whom the calls belong to, so that a hundred of one stand before none of another.

A revert is two writes. What follows each (a live look at seven objects, the record of the end, an Event) is four times
as much work for the API server, and a hundred reverts at once would wait for one another's. A record costs it three
times as much as a route; hundreds at once would all run into their time-outs, which count from here on only.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from tidegate.adapters.taking_turns import TakingTurns

RECORDS: Final = 16
"""Records under way: what an API server does in a tenth of a second or two."""
RECORD_WAITS: Final = 10.0
"""Seconds after which a record goes although others are under way; a revert writes the route before that."""
MOST_RECORDS: Final = 64
"""Records under way at most, however long others have waited: on an API server that is asked for too much all would run into their
time-outs, and be sent again."""
BESIDE_WRITES: Final = 4
"""Patient calls under way while there are writes: enough that nobody starves, hardly felt by the API server."""
WITHOUT_WRITES: Final = 64
"""Patient calls under way otherwise: more than an API server does at a time, few enough to need few connections."""
PATIENT_WAITS: Final = 3.0
"""Seconds after which a patient call goes whatever else is under way: what hangs must not hold up what might be answered."""


class Lane:
    """Calls of one kind, as many at a time as there is room for. Used from one event loop."""

    def __init__(self, room: Callable[[], int], longest_wait: float, most: float = math.inf) -> None:
        """`longest_wait` is in seconds: who has waited so long goes without room, while fewer than `most` are under way."""
        self._room = room
        self._longest_wait = longest_wait
        self._most = most
        self._waiting: TakingTurns[asyncio.Future[None]] = TakingTurns()
        self._overdue: dict[asyncio.Future[None], str] = {}
        """Those of them that have waited for too long, with their owners, the longest wait first."""
        self.under_way = 0

    async def enter(self, owner: str) -> None:
        """Waits for a place and takes it; one that does not come free in time is taken all the same, within bounds."""
        if not self._waiting and self.under_way < self._room():
            self.under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(owner, turn)
        try:
            await asyncio.wait({turn}, timeout=self._longest_wait)
            if not turn.done():
                self._overdue[turn] = owner
                self.let_go_on()
                await asyncio.wait({turn})
        except asyncio.CancelledError:
            if turn.done():
                self.leave()
            self._waiting.discard(owner, turn)
            turn.cancel()
            raise
        finally:
            self._overdue.pop(turn, None)

    def leave(self) -> None:
        """Gives the place to the next."""
        self.under_way -= 1
        self.let_go_on()

    def let_go_on(self) -> None:
        """There may be more room than before."""
        while self._waiting and self.under_way < self._room():
            self._begin(self._waiting.pop())
        while self._overdue and self.under_way < self._most:
            turn, owner = next(iter(self._overdue.items()))
            self._waiting.discard(owner, turn)
            self._begin(turn)

    def _begin(self, turn: asyncio.Future[None]) -> None:
        self._overdue.pop(turn, None)
        if not turn.done():
            self.under_way += 1
            turn.set_result(None)


class Lanes:
    """The lanes of one API server."""

    def __init__(
        self,
        records: int = RECORDS,
        beside_writes: int = BESIDE_WRITES,
        without_writes: int = WITHOUT_WRITES,
        longest_wait: float = PATIENT_WAITS,
        record_waits: float = RECORD_WAITS,
        most_records: int = MOST_RECORDS,
    ) -> None:
        """The constants of this module; `longest_wait` is a patient call's, in seconds, `record_waits` a record's."""
        self._routes = 0
        self._records = Lane(lambda: records, record_waits, most_records)
        self._patient = Lane(lambda: beside_writes if self._writing else without_writes, longest_wait)

    @property
    def _writing(self) -> bool:
        return self._routes + self._records.under_way > 0

    @asynccontextmanager
    async def first(self) -> AsyncIterator[None]:
        """For what moves traffic: never waits."""
        self._routes += 1
        try:
            yield
        finally:
            self._routes -= 1
            self._patient.let_go_on()

    @asynccontextmanager
    async def record(self, owner: str = "") -> AsyncIterator[None]:
        """For what writes status: a few at a time. `owner` says whose it is."""
        await self._records.enter(owner)
        try:
            yield
        finally:
            self._records.leave()
            self._patient.let_go_on()

    @asynccontextmanager
    async def patient(self, owner: str = "") -> AsyncIterator[None]:
        """For everything else: fewer while there are writes. `owner` says whose it is."""
        await self._patient.enter(owner)
        try:
            yield
        finally:
            self._patient.leave()
