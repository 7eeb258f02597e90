"""Raises take turns: a few Rollouts at a time look live, record and write.

A raise must be written within seconds of its record. When a thousand are released at once, each with its live look and its
records in the queues of all the others, no record would be written in time, and every one would be decided again.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from tidegate.ports.protocols import Clock

AT_A_TIME: Final = 16
"""Rollouts that raise: what an API server can keep up with, each within a second."""

PATIENCE: Final = 10.0
"""Seconds after which a raise goes on all the same: calls that hang for one Rollout must not stop the others for good."""


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Raises:
    """Who may raise now, first come first served. Used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Nobody raises."""
        self._clock = clock
        self._places = asyncio.Semaphore(AT_A_TIME)

    async def enter(self) -> bool:
        """Waits for a place, at most `PATIENCE` seconds; whether one was taken, which `leave` gives back."""
        if not self._places.locked():
            return await self._places.acquire()
        taking = asyncio.ensure_future(self._places.acquire())
        waiting = asyncio.ensure_future(self._clock.sleep(PATIENCE))
        try:
            await asyncio.wait({taking, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if taking.done():
                self.leave()
            raise
        finally:
            waiting.cancel()
            taking.cancel()
        if not taking.done():
            _log.info("raise goes on without its turn", waited_seconds=PATIENCE)
        return taking.done()

    def leave(self) -> None:
        """Gives the place to the next."""
        self._places.release()
