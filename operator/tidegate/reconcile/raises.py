"""Raises take turns: a few Rollouts at a time look live, record and write.

A raise must be written within seconds of its record. When a thousand are released at once, each with its live look and its
records in the queues of all the others, no record would be written in time, and every one would be decided again. So nobody
raises without a turn, however long that takes; a turn that is held for too long, by calls that hang, goes to the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog

from tidegate.ports.protocols import Clock

AT_A_TIME: Final = 16
"""Rollouts that raise: what an API server can keep up with, each within a second."""

LONGEST_TURN: Final = 10.0
"""Seconds after which a turn goes to the next: calls that hang for one Rollout must not stop the others for good. Who held it goes on."""


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Turn:
    """The turn of one Rollout."""


class Raises:
    """Who may raise now, first come first served. Used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Nobody raises."""
        self._clock = clock
        self._since: dict[Turn, float] = {}
        self._waiting: deque[asyncio.Future[Turn]] = deque()
        self._watching: asyncio.Future[None] | None = None

    async def enter(self) -> Turn:
        """Waits for a turn, which `leave` gives back."""
        if not self._waiting and len(self._since) < AT_A_TIME:
            return self._given()
        waiting: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.ensure_future(self._take_back())
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled():
                self.leave(waiting.result())
            elif waiting in self._waiting:
                self._waiting.remove(waiting)
            raise

    def leave(self, turn: Turn) -> None:
        """Gives a turn to the next; one that was taken back has gone to the next already."""
        if self._since.pop(turn, None) is None:
            return
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(self._given())
                return

    def _given(self) -> Turn:
        turn = Turn()
        self._since[turn] = self._clock.monotonic()
        return turn

    async def _take_back(self) -> None:
        """While somebody waits: gives turns that are held for too long to the next."""
        while self._waiting:
            now = self._clock.monotonic()
            late = [turn for turn, since in self._since.items() if now - since >= LONGEST_TURN]
            for turn in late[: len(self._waiting)]:
                _log.info("a turn to raise takes too long: the next one starts", seconds=LONGEST_TURN)
                self.leave(turn)
            if self._waiting:
                await self._clock.sleep(max(min(self._since.values()) + LONGEST_TURN - now, 0.0))
