"""The interval of the difference of two shares, for one look at two windows: what a chart shades.

Decisions rest on the tests on counts, which stay valid at every look; this is for people who look at one instant.
"""

from __future__ import annotations

import math
from typing import Final

Z: Final = 1.959964
"""Of the normal distribution: 95 % lie within."""


def wilson(bad: float, requests: float, z: float = Z) -> tuple[float, float]:
    """The score interval of one share (E. B. Wilson, JASA 22, 1927).

    Args:
        bad: requests of the share; need not be a whole number, for PromQL's `increase` extrapolates.
        requests: all; above 0.
        z: how many standard deviations.
    """
    share = min(bad / requests, 1.0)
    middle = (share + z * z / (2 * requests)) / (1 + z * z / requests)
    half = z / (1 + z * z / requests) * math.sqrt(share * (1 - share) / requests + z * z / (4 * requests * requests))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def difference_interval(
    candidate: tuple[float, float], baseline: tuple[float, float], z: float = Z
) -> tuple[float, float]:
    """The interval of the candidate's share minus the baseline's (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10).

    Args:
        candidate: its bad requests and all of them.
        baseline: the same of the baseline.
        z: how many standard deviations.

    Returns: both ends, -1 to 1; without any request of either arm all that is possible.
    """
    if candidate[1] <= 0 or baseline[1] <= 0:
        return -1.0, 1.0
    one, other = min(candidate[0] / candidate[1], 1.0), min(baseline[0] / baseline[1], 1.0)
    (low, high), (low_other, high_other) = wilson(*candidate, z), wilson(*baseline, z)
    down = math.hypot(one - low, high_other - other)
    up = math.hypot(high - one, other - low_other)
    return one - other - down, one - other + up
