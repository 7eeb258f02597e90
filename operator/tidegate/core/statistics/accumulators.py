"""What a test has gathered over a run: a few numbers from which every answer is worked out, whatever was counted before."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tidegate.core.statistics import change_point
from tidegate.core.statistics.confidence import (
    GRID,
    NOTHING,
    POINTS,
    log_likelihood,
    profile_after,
    rate_interval,
    still_possible,
)
from tidegate.core.statistics.mixture import log_mean_exp, multiples
from tidegate.core.statistics.rate_tests import START, Absolute, Relative
from tidegate.core.statistics.usual import Pending, predicted
from tidegate.core.statistics.windows import Window

LARGEST_SOUGHT: Final = 50.0
"""Ratios beyond this are not looked for when saying what could have been found."""

BY_HALF: Final = 1
"""Place of the alternative that is about 1.5 times the null."""

FOURTH: Final = 4
"""Of a coarse test's alternatives: 1.5, 4.5, 13 and 40 times the null."""

NONE: Final = Window(0.0, 0.0, 0.0, 0.0)
"""No requests."""

MOST_WINDOWS: Final = 20_000
"""Windows ahead that are looked at: two weeks of minutes."""


class Conclusion(StrEnum):
    """The three answers of a test: never two."""

    REGRESSED = "Regressed"
    """It is worse, at the confidence asked for."""
    SHOWN_OK = "ShownOk"
    """It is not worse by more than what is tolerated, at the confidence asked for."""
    INCONCLUSIVE = "Inconclusive"
    """Neither: the requests so far cannot tell."""


@dataclass(frozen=True)
class Compared:
    """The relative test: candidate against baseline."""

    margin: float
    """Tolerated excess as a ratio: 0.2 for 20 %."""
    logs: Sequence[float] = ()
    """The evidence for each alternative (core/statistics/change_point.py)."""
    counted: int = 0
    """Windows so far."""
    profile: Sequence[float] = NOTHING
    """Log likelihoods of the ratios of `confidence.GRID`; empty where nobody asks which are possible."""
    null: float = 0.0
    """The same at the ratio `1 + margin`, so that the decision rests on no straight line between two points; 0 without a profile."""
    coarse: bool = False
    """Every fourth alternative alone, from `BY_HALF` on: a fourth of the memory, where there are many tests."""
    most: float = math.inf
    """What one window may add (logarithm): `change_point.MOST` where a spike of one window must not decide."""
    pending: Pending = Pending()  # noqa: RUF009  (frozen)
    """Whether what was found goes on."""

    def after(
        self, windows: Sequence[Window], dispersion: float = 1.0, growths: Sequence[change_point.Growth] | None = None
    ) -> Compared:
        """With further windows, whose bad requests have this dispersion (core/statistics/dispersion.py).

        `growths`: what they add, where that is known already.
        """
        found = replace(
            self,
            logs=change_point.after(self.logs, self.counted, growths or self.growths(windows, dispersion)),
            counted=self.counted + len(windows),
        )
        if not self.profile:
            return found
        null = self.null + log_likelihood(windows, 1 + self.margin) / dispersion
        return replace(found, profile=profile_after(self.profile, windows, dispersion), null=null)

    def reweighted(self) -> Compared:
        """From status version 1 or 2 (change_point.py)."""
        return replace(self, logs=change_point.reweighted(self.logs, self.counted))

    @property
    def evidence(self) -> float:
        """Ln E against the null."""
        return change_point.log_evidence(self.logs, self.counted)

    def growths(self, windows: Iterable[Window], dispersion: float = 1.0) -> list[Sequence[float]]:
        """What each window adds for each alternative; a factor that is made smaller keeps the mean at most 1."""
        found = (damped(Relative(self.margin).after(START, [window]), dispersion) for window in windows)
        return [[min(more, self.most) for more in (one[BY_HALF::FOURTH] if self.coarse else one)] for one in found]

    def lasting(
        self, window: Window, growth: change_point.Growth, rate: float, dispersion: float
    ) -> tuple[Compared, change_point.Growth]:
        """What a window adds when its bad requests must go on; `growth`: by the arms; `rate`: the usual one, or a floor above it."""
        sought = multiples()[BY_HALF::FOURTH] if self.coarse else multiples()
        other = predicted(window, rate, self.margin, sought, dispersion)
        found, pending = self.pending.after(growth, other)
        return replace(self, pending=pending), found

    def conclusion(self, alpha: float) -> Conclusion:
        """What is shown at level `alpha` (0.05 for 95 % confidence)."""
        if self.evidence >= math.log(1 / alpha):
            return Conclusion.REGRESSED
        if not self.profile:
            return Conclusion.INCONCLUSIVE
        level = log_mean_exp(self.profile) - math.log(1 / alpha)
        likeliest = GRID[max(range(POINTS), key=lambda place: self.profile[place])]
        below = likeliest < 1 + self.margin and self.null <= level
        return Conclusion.SHOWN_OK if below else Conclusion.INCONCLUSIVE

    def possible(self, alpha: float) -> tuple[float, float]:
        """The ratios of the rates (candidate to baseline) that are still possible; 0 and infinity where nothing bounds it."""
        return still_possible(self.profile, alpha) if self.profile else (0.0, math.inf)


@dataclass(frozen=True)
class Limited:
    """The absolute test: one arm against a limit."""

    limit: float
    """A share above 0 and below 1."""
    logs: Sequence[float] = ()
    """The evidence for each alternative (core/statistics/change_point.py)."""
    counted: int = 0
    """Windows so far."""
    coarse: bool = False
    """As for `Compared`."""

    def after(
        self, windows: Sequence[Window], dispersion: float = 1.0, growths: Sequence[change_point.Growth] | None = None
    ) -> Limited:
        """As for `Compared`; it looks at their candidate only."""
        logs = change_point.after(self.logs, self.counted, growths or self.growths(windows, dispersion))
        return replace(self, logs=logs, counted=self.counted + len(windows))

    def reweighted(self) -> Limited:
        """From status version 1 or 2 (change_point.py)."""
        return replace(self, logs=change_point.reweighted(self.logs, self.counted))

    @property
    def evidence(self) -> float:
        """Ln E against the null."""
        return change_point.log_evidence(self.logs, self.counted)

    def growths(self, windows: Iterable[Window], dispersion: float = 1.0) -> list[Sequence[float]]:
        """What each window adds for each alternative."""
        found = (damped(Absolute(self.limit).after(START, [window]), dispersion) for window in windows)
        return [one[BY_HALF::FOURTH] if self.coarse else one for one in found]

    def conclusion(self, alpha: float, total: Window, dispersion: float = 1.0) -> Conclusion:
        """What is shown at level `alpha`; `total`: all that was counted."""
        if self.evidence >= math.log(1 / alpha):
            return Conclusion.REGRESSED
        high = rate_interval(total.candidate / dispersion, total.candidate_bad / dispersion, alpha)[1]
        return Conclusion.SHOWN_OK if high <= self.limit else Conclusion.INCONCLUSIVE


@dataclass(frozen=True)
class Suspicion:
    """Since when there is evidence of a regression: what a person is shown when one is found. Decides nothing.

    The last time that the sum of the growth for a regression by half was at 0 (E. S. Page, 1954).
    """

    since: float
    """Epoch seconds."""
    counts: Window
    """The requests since."""
    height: float = 0.0
    """The sum."""

    def after(self, gain: float, window: Window, end: float) -> Suspicion:
        """With one more window, which ended at `end` (epoch seconds), and what it adds for the alternative `BY_HALF`."""
        height = self.height + gain
        if height <= 0:
            return Suspicion(end, NONE)
        return Suspicion(self.since, together([self.counts, window]), height)


def damped(growth: Sequence[float], dispersion: float) -> Sequence[float]:
    """What a window adds, where its bad requests say less than so many independent ones: a quasi-likelihood."""
    return growth if dispersion == 1 else [one / dispersion for one in growth]


def together(windows: Iterable[Window]) -> Window:
    """All windows as one."""
    known = list(windows)
    return Window(
        sum(one.baseline for one in known),
        sum(one.baseline_bad for one in known),
        sum(one.candidate for one in known),
        sum(one.candidate_bad for one in known),
    )


def detectable(total: Window, margin: float, alpha: float, dispersion: float = 1.0) -> float | None:
    """The smallest ratio of the rates that `total` would have shown, had the candidate had just that.

    The candidate's bad requests are put at what the baseline's rate times the ratio makes of its requests: so the chance to
    have found this ratio is about even.

    Args:
        total: all that was counted.
        margin: tolerated excess as a ratio.
        alpha: level, 0.05 for 95 % confidence.
        dispersion: of the bad requests.

    Returns: the ratio; `None` when not even `LARGEST_SOUGHT` would have been found.
    """
    if total.baseline <= 0 or total.candidate <= 0 or total.baseline_bad <= 0:
        return None
    rate, level = total.baseline_bad / total.baseline, math.log(1 / alpha)
    none, every = (Relative(margin).after(START, [replace(total, candidate_bad=bad)]) for bad in (0.0, total.candidate))

    def found(ratio: float) -> bool:
        share = min(rate * ratio, 1.0)  # of its requests; what they add is linear in the bad ones among them
        growth = [(low + share * (high - low)) / dispersion for low, high in zip(none, every, strict=True)]
        return change_point.log_evidence(change_point.after((), 0, [growth]), 1) >= level

    low, high = 1 + margin, LARGEST_SOUGHT
    if not found(high):
        return None
    for _ in range(12):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def crossing(logs: Sequence[float], counted: int, growth: Sequence[float], level: float) -> float:
    """After how many more windows like the last one the evidence changes sides of `level`.

    Args:
        logs: the evidence for each alternative.
        counted: windows so far.
        growth: what the last window added to each.
        level: ln(1/alpha).

    Returns: a whole number of windows, 1 and up; infinity when it does not within `MOST_WINDOWS`.
    """
    beyond = change_point.log_evidence(logs, counted) >= level
    if not beyond and max(growth) <= 0:
        return math.inf
    for more in range(1, MOST_WINDOWS + 1):
        logs = change_point.after(logs, counted, [growth])
        counted += 1
        if (change_point.log_evidence(logs, counted) >= level) is not beyond:
            return float(more)
    return math.inf
