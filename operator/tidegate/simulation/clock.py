"""A clock that stands still until it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass
class VirtualClock:
    """The `Clock` port on virtual time."""

    epoch: float = 1_700_000_000.0
    """Epoch seconds now."""
    leapt: float = 0.0
    """Seconds by which the clock was set forward in all: time that never passed."""

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
        """Lets virtual time pass."""
        self.epoch += max(seconds, 0.0)
        await asyncio.sleep(0)

    def advance_to(self, epoch: float) -> None:
        """Sets the time, never backwards."""
        self.epoch = max(self.epoch, epoch)
