"""A clock that stands still until it is told. Whoever sleeps by it wakes when it has been set to that instant."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field


@dataclass
class VirtualClock:
    """The `Clock` port on virtual time."""

    epoch: float = 1_700_000_000.0
    """Epoch seconds now."""
    leapt: float = 0.0
    """Seconds by which the clock was set forward in all: time that never passed."""
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    _slept: int = 0

    def now(self) -> float:
        """Epoch seconds."""
        return self.epoch

    def monotonic(self) -> float:
        """Seconds that never go back, and know nothing of leaps."""
        return self.epoch - self.leapt

    def leap(self, seconds: float) -> None:
        """Sets the clock forward, or back by a negative number, without any time passing."""
        self.epoch += seconds
        self.leapt += seconds

    async def sleep(self, seconds: float) -> None:
        """Waits until virtual time has passed."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._slept += 1
        heapq.heappush(self._sleepers, (self.monotonic() + seconds, self._slept, woken))
        await woken

    def next_wake(self) -> float | None:
        """Epoch seconds at which the next sleeper wakes; `None` when nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] + self.leapt if self._sleepers else None

    def advance_to(self, epoch: float) -> None:
        """Sets the time, never backwards, and wakes those whose time has come."""
        self.epoch = max(self.epoch, epoch)
        while (wake := self.next_wake()) is not None and wake <= self.epoch:
            heapq.heappop(self._sleepers)[2].set_result(None)
