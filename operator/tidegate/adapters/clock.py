"""The machine's time."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The `Clock` port on the machine's own clocks."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)
