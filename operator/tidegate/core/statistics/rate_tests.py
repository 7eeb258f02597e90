"""Is the candidate worse than the baseline? Is it worse than a limit? Two sequential tests on counts.

Relative: given that a bad request happened in window k, it was the candidate's with probability w*r / (w*r + 1 - w), where w is
the candidate's observed share and r the ratio of the two rates. Conditioning on the number of bad requests removes the common
rate, whatever it did over time (conditional binomial test; Przyborowski & Wilenski 1940, made sequential by mixing).
Absolute: a binomial likelihood ratio against the limit (Wald 1945), mixed the same way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.core.statistics.mixture import ALTERNATIVES, multiples, times_log
from tidegate.core.statistics.windows import Window

START: tuple[float, ...] = (0.0,) * ALTERNATIVES
"""A test that has seen nothing."""


@dataclass(frozen=True)
class Relative:
    """The null: in each window the candidate's rate is at most `1 + margin` times the baseline's."""

    margin: float
    """Tolerated excess as a ratio: 0.2 for 20 %."""

    def after(self, before: Sequence[float], windows: Iterable[Window]) -> tuple[float, ...]:
        """The log likelihood ratios after further windows, one for each alternative."""
        null = 1 + self.margin
        ratios = list(before)
        for window in windows:
            share = window.share
            at_null = math.log(share * null + 1 - share)
            for place, multiple in enumerate(multiples()):
                against = at_null - math.log(share * null * multiple + 1 - share)
                ratios[place] += window.candidate_bad * (math.log(multiple) + against) + window.baseline_bad * against
        return tuple(ratios)


@dataclass(frozen=True)
class Absolute:
    """The null: in each window the candidate's rate is at most `limit`."""

    limit: float
    """A share above 0 and below 1."""

    def __post_init__(self) -> None:
        """Raises ValueError for a limit that nothing, or everything, is above."""
        if not 0 < self.limit < 1:
            raise ValueError(f"a limit for a test on counts lies between 0 and 1, not at {self.limit:g}")

    def after(self, before: Sequence[float], windows: Iterable[Window]) -> tuple[float, ...]:
        """The log likelihood ratios after further windows, one for each alternative."""
        ratios = list(before)
        for window in windows:
            good = window.candidate - window.candidate_bad
            for place, multiple in enumerate(multiples()):
                rate = min(self.limit * multiple, (1 + self.limit) / 2 if self.limit * multiple >= 1 else 1.0)
                ratios[place] += times_log(window.candidate_bad, rate / self.limit)
                ratios[place] += times_log(good, (1 - rate) / (1 - self.limit))
        return tuple(ratios)
