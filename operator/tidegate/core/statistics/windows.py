"""What is counted in one window: requests of both arms, and the bad ones among them or what they took together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Window:
    """Counts of one window; windows do not overlap, and none is dropped because of what it holds."""

    baseline: float
    """Requests of the baseline (n_A)."""
    baseline_bad: float
    """Bad ones among them (x_A)."""
    candidate: float
    """Requests of the candidate (n_B)."""
    candidate_bad: float
    """Bad ones among them (x_B)."""

    def __post_init__(self) -> None:
        """Raises ValueError for counts that cannot be: negative, or more bad ones than requests."""
        for total, bad in ((self.baseline, self.baseline_bad), (self.candidate, self.candidate_bad)):
            if not 0 <= bad <= total:
                raise ValueError(f"{bad:g} bad requests of {total:g} cannot be")

    @property
    def empty(self) -> bool:
        """Whether neither arm had a request."""
        return self.baseline == 0 and self.candidate == 0

    @property
    def values(self) -> tuple[float | None, float | None]:
        """The baseline's rate and the candidate's; `None` without requests."""
        return (
            self.baseline_bad / self.baseline if self.baseline else None,
            self.candidate_bad / self.candidate if self.candidate else None,
        )

    @property
    def share(self) -> float:
        """The candidate's share of the requests that were counted (w), 0 without any."""
        total = self.baseline + self.candidate
        return self.candidate / total if total else 0.0


@dataclass(frozen=True)
class Sums:
    """What is summed: requests, and what they took together, of both arms in one window."""

    baseline: float
    """Requests of the baseline."""
    baseline_sum: float
    """What they took, in the metric's unit."""
    candidate: float
    """Requests of the candidate."""
    candidate_sum: float
    """What they took, in the metric's unit."""

    @property
    def empty(self) -> bool:
        """Whether neither arm had a request."""
        return self.baseline == 0 and self.candidate == 0

    @property
    def values(self) -> tuple[float | None, float | None]:
        """The baseline's average and the candidate's; `None` without requests."""
        return (
            self.baseline_sum / self.baseline if self.baseline > 0 else None,
            self.candidate_sum / self.candidate if self.candidate > 0 else None,
        )

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.baseline + other.baseline,
            self.baseline_sum + other.baseline_sum,
            self.candidate + other.candidate,
            self.candidate_sum + other.candidate_sum,
        )


Counted: TypeAlias = Window | Sums
"""What one window of a segment holds."""
