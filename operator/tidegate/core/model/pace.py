"""How evaluations follow each other, and for how much time the newest of them speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Pace:
    """When evaluations are made on the judging grid.

    The operator makes one at every point.
    Whoever knows that the answers are the same at some points may leave those out: the next evaluation speaks for them.
    """

    longest_gap: float = 2.0
    """Intervals between two evaluations that count as watched: of a longer gap only these do."""
    every_point: bool = True
    """No point of the grid is left out while the operator runs. Otherwise a plan must say when the same answers change it."""

    def watched(self, interval: float) -> float:
        """Seconds between two evaluations that count as watched at most; `interval` is in seconds."""
        return self.longest_gap * interval

    def evaluations(self, elapsed: float, interval: float) -> int:
        """Evaluations that the newest one speaks for, itself included.

        Args:
            elapsed: watched seconds since the one before.
            interval: seconds from one point of the grid to the next.
        """
        return 1 if self.every_point else max(int(elapsed / interval), 1)


EVERY_POINT: Final = Pace()
"""The operator's."""
