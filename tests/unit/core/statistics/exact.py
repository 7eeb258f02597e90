"""What the product works out from a few remembered numbers, worked out from all the windows: what its answers are held to."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.core.statistics.confidence import GRID, WIDEST, end_of, log_likelihood
from tidegate.core.statistics.mixture import log_mean_exp
from tidegate.core.statistics.windows import Window


def regressed(ratios: Sequence[float], alpha: float) -> bool:
    """Whether the null is refuted at level `alpha` by the log likelihood ratios of the alternatives."""
    return log_mean_exp(ratios) >= math.log(1 / alpha)


def ratio_interval(windows: Sequence[Window], alpha: float) -> tuple[float, float]:
    """The ratios of the two rates (candidate to baseline) that are still possible at level `alpha`.

    Returns: both ends; 0 and infinity where nothing bounds it within `WIDEST`.
    """
    level = log_mean_exp([log_likelihood(windows, ratio) for ratio in GRID]) - math.log(1 / alpha)

    def possible(log_ratio: float) -> bool:
        return log_likelihood(windows, math.exp(log_ratio)) > level

    best = max(GRID, key=lambda ratio: log_likelihood(windows, ratio))
    edge = math.log(WIDEST)
    low = end_of(possible, math.log(best), -edge)
    high = end_of(possible, math.log(best), edge)
    return (0.0 if low is None else math.exp(low)), (math.inf if high is None else math.exp(high))
