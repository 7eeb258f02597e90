"""Whether many Rollouts are being reverted at once: their weights go before the conclusions of those that are back already."""

from __future__ import annotations

from collections import deque
from typing import Final

from tidegate.ports.protocols import Clock

MANY: Final = 10
"""Reverts within `RECENT` that are a crowd: with their conclusions they would take most of an API server's two cores."""

RECENT: Final = 4.0
"""Seconds."""


class Crowd:
    """The reverts of this process that began lately. Used from one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Nobody is being reverted."""
        self._clock = clock
        self._begun: deque[float] = deque(maxlen=MANY)

    def joined(self) -> None:
        """One more revert begins now."""
        self._begun.append(self._clock.monotonic())

    @property
    def there(self) -> bool:
        """Whether `MANY` reverts or more began within the last `RECENT` seconds."""
        return len(self._begun) == MANY and self._clock.monotonic() - self._begun[0] <= RECENT
