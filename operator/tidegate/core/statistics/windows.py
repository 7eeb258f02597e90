"""What is counted: requests and bad ones of both arms in one window."""

from __future__ import annotations

from dataclasses import dataclass


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
    def share(self) -> float:
        """The candidate's share of the requests that were counted (w), 0 without any."""
        total = self.baseline + self.candidate
        return self.candidate / total if total else 0.0
