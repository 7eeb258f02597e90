"""Which ratios, and which rates, are still possible: confidence sequences, valid at every look at once.

The set of values that a mixture over all values cannot refute (H. Robbins, 1970). Its ends are found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from tidegate.core.statistics.mixture import log_beta, log_mean_exp, times_log
from tidegate.core.statistics.windows import Window

POINTS: Final = 41
WIDEST: Final = 50.0
"""Ratios from 1/50 to 50 are mixed, log-spaced."""

GRID: Final = tuple(math.exp(math.log(WIDEST) * (2 * place / (POINTS - 1) - 1)) for place in range(POINTS))

_STEPS: Final = 34
"""Halvings: an end is then known to about 1e-9."""


def log_likelihood(windows: Iterable[Window], ratio: float) -> float:
    """Ln of the likelihood of the bad requests' arms when the candidate's rate is `ratio` times the baseline's."""
    found = 0.0
    for window in windows:
        odds = window.share * ratio
        rest = 1 - window.share
        total = odds + rest
        found += times_log(window.candidate_bad, odds / total) + times_log(window.baseline_bad, rest / total)
    return found


NOTHING: Final = (0.0,) * POINTS
"""A profile that has seen nothing."""


def profile_after(before: Sequence[float], windows: Iterable[Window], dispersion: float = 1.0) -> tuple[float, ...]:
    """The log likelihoods of the ratios of `GRID` after further windows: all that `still_possible` needs to remember.

    Each window's is divided by the dispersion of its bad requests (core/statistics/dispersion.py).
    """
    known = list(windows)
    return tuple(value + log_likelihood(known, ratio) / dispersion for value, ratio in zip(before, GRID, strict=True))


def still_possible(profile: Sequence[float], alpha: float) -> tuple[float, float]:
    """The ratios of the two rates (candidate to baseline) that are still possible at level `alpha`; 0 and infinity where nothing bounds it.

    Each end lies on the parabola through the three points of `GRID` around it.

    The likelihood of many requests is a parabola in the ratio's logarithm, near enough: the ends are off by about a hundredth,
    and by more beyond ten times and a tenth. `margin` for decisions is looked at exactly.
    """
    level = log_mean_exp(profile) - math.log(1 / alpha)
    best = max(range(POINTS), key=lambda place: profile[place])
    return _crossing(profile, level, best, -1), _crossing(profile, level, best, 1)


def _crossing(profile: Sequence[float], level: float, best: int, way: int) -> float:
    for place in range(best, POINTS - 1 if way > 0 else 0, way):
        if profile[place + way] <= level:
            before = profile[place - way] if 0 <= place - way < POINTS else 2 * profile[place] - profile[place + way]
            part = _on_parabola(before, profile[place], profile[place + way], level)
            return math.exp(math.log(GRID[place]) + part * (math.log(GRID[place + way]) - math.log(GRID[place])))
    return 0.0 if way < 0 else math.inf


def _on_parabola(before: float, inside: float, outside: float, level: float) -> float:
    """Where between 0 and 1 a parabola with these values at -1, 0 and 1 falls to `level`."""
    slope, bend = (outside - before) / 2, (outside + before) / 2 - inside
    return end_of(lambda part: inside + slope * part + bend * part * part > level, 0.0, 1.0) or 0.0


def rate_interval(requests: float, bad: float, alpha: float) -> tuple[float, float]:
    """The rates that are still possible at level `alpha` after `bad` of `requests` (Jeffreys mixture)."""
    if requests <= 0:
        return 0.0, 1.0
    good = requests - bad
    evidence = log_beta(0.5 + bad, 0.5 + good) - log_beta(0.5, 0.5)

    def possible(rate: float) -> bool:
        return evidence - times_log(bad, rate) - times_log(good, 1 - rate) < math.log(1 / alpha)

    best = bad / requests
    low, high = end_of(possible, best, 0.0), end_of(possible, best, 1.0)
    return (0.0 if low is None else low), (1.0 if high is None else high)


def end_of(possible: Callable[[float], bool], inside: float, outside: float) -> float | None:
    """Where between `inside` (possible) and `outside` it ends to be possible; `None` when it does not."""
    if possible(outside):
        return None
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if possible(middle) else (inside, middle)
    return inside
