"""What a test has gathered over a run: a few numbers from which every answer is worked out, whatever was counted before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.intervals import (
    GRID,
    NOTHING,
    POINTS,
    log_likelihood,
    profile_after,
    rate_interval,
    still_possible,
)
from tidegate.core.evidence.mixture import log_mean_exp
from tidegate.core.evidence.regression import START, Absolute, Relative, log_evidence, regressed

LARGEST_SOUGHT: Final = 50.0
"""Ratios beyond this are not looked for when saying what could have been found."""

MOST_WINDOWS: Final = 2.0**24
"""Windows ahead that are looked at: decades of minutes."""


class Conclusion(StrEnum):
    """The three answers of a test: never two."""

    REGRESSED = "Regressed"
    """It is worse, at the confidence asked for."""
    SHOWN_OK = "ShownOk"
    """It is not worse by more than what is borne, at the confidence asked for."""
    INCONCLUSIVE = "Inconclusive"
    """Neither: the requests so far cannot tell."""


@dataclass(frozen=True)
class Compared:
    """The relative test: candidate against baseline."""

    margin: float
    """Tolerated excess as a ratio: 0.2 for 20 %."""
    ratios: Sequence[float] = START
    """One log likelihood ratio for each alternative."""
    profile: Sequence[float] = NOTHING
    """Log likelihoods of the ratios of `intervals.GRID`."""
    null: float = 0.0
    """The same at the ratio `1 + margin`, so that the decision rests on no straight line between two points."""

    def after(self, windows: Sequence[Window]) -> Compared:
        """With further windows."""
        return replace(
            self,
            ratios=Relative(self.margin).after(self.ratios, windows),
            profile=profile_after(self.profile, windows),
            null=self.null + log_likelihood(windows, 1 + self.margin),
        )

    def conclusion(self, alpha: float) -> Conclusion:
        """What is shown at level `alpha` (0.05 for 95 % confidence)."""
        if regressed(self.ratios, alpha):
            return Conclusion.REGRESSED
        level = log_mean_exp(self.profile) - math.log(1 / alpha)
        likeliest = GRID[max(range(POINTS), key=lambda place: self.profile[place])]
        below = likeliest < 1 + self.margin and self.null <= level
        return Conclusion.SHOWN_OK if below else Conclusion.INCONCLUSIVE

    def possible(self, alpha: float) -> tuple[float, float]:
        """The ratios of the rates (candidate to baseline) that are still possible; 0 and infinity where nothing bounds it."""
        return still_possible(self.profile, alpha)


@dataclass(frozen=True)
class Limited:
    """The absolute test: one arm against a limit."""

    limit: float
    """A share above 0 and below 1."""
    ratios: Sequence[float] = START
    """One log likelihood ratio for each alternative."""

    def after(self, windows: Iterable[Window]) -> Limited:
        """With further windows; it looks at their candidate only."""
        return replace(self, ratios=Absolute(self.limit).after(self.ratios, windows))

    def conclusion(self, alpha: float, total: Window) -> Conclusion:
        """What is shown at level `alpha`; `total`: all that was counted."""
        if regressed(self.ratios, alpha):
            return Conclusion.REGRESSED
        high = rate_interval(total.candidate, total.candidate_bad, alpha)[1]
        return Conclusion.SHOWN_OK if high <= self.limit else Conclusion.INCONCLUSIVE


def mirrored(windows: Iterable[Window]) -> list[Window]:
    """The arms exchanged: what the absolute test needs to look at the baseline."""
    return [Window(one.candidate, one.candidate_bad, one.baseline, one.baseline_bad) for one in windows]


def together(windows: Iterable[Window]) -> Window:
    """All windows as one."""
    known = list(windows)
    return Window(
        sum(one.baseline for one in known),
        sum(one.baseline_bad for one in known),
        sum(one.candidate for one in known),
        sum(one.candidate_bad for one in known),
    )


def detectable(total: Window, margin: float, alpha: float) -> float | None:
    """The smallest ratio of the rates that `total` would have shown, had the candidate had just that.

    The candidate's bad requests are put at what the baseline's rate times the ratio makes of its requests: so the chance to
    have found this ratio is about even.

    Args:
        total: all that was counted.
        margin: tolerated excess as a ratio.
        alpha: level, 0.05 for 95 % confidence.

    Returns: the ratio; `None` when not even `LARGEST_SOUGHT` would have been found.
    """
    if total.baseline <= 0 or total.candidate <= 0 or total.baseline_bad <= 0:
        return None
    rate = total.baseline_bad / total.baseline

    def found(ratio: float) -> bool:
        bad = min(total.candidate * min(rate * ratio, 1.0), total.candidate)
        window = Window(total.baseline, total.baseline_bad, total.candidate, bad)
        return log_evidence(Relative(margin).after(START, [window])) >= math.log(1 / alpha)

    low, high = 1 + margin, LARGEST_SOUGHT
    if not found(high):
        return None
    for _ in range(24):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def crossing(ratios: Sequence[float], growth: Sequence[float], level: float) -> float:
    """After how many more windows like the last one the evidence changes sides of `level`.

    Args:
        ratios: log likelihood ratios now.
        growth: what one window adds to each.
        level: ln(1/alpha).

    Returns: a whole number of windows, 1 and up; infinity when it never does.
    """

    def beyond(windows: float) -> bool:
        return log_evidence([now + windows * more for now, more in zip(ratios, growth, strict=True)]) >= level

    side, high = beyond(0), 1.0
    while beyond(high) is side:
        high *= 2
        if high > MOST_WINDOWS:
            return math.inf
    low = high / 2 if high > 1 else 0.0
    while high - low > 1:
        middle = float((low + high) // 2)
        low, high = (middle, high) if beyond(middle) is side else (low, middle)
    return high
