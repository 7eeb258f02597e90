"""Is the traffic where it was sent? A sequential test of the observed split against the weight that was set."""

from __future__ import annotations

from typing import Final

from tidegate.core.statistics.mixture import log_beta, times_log

STRENGTH: Final = 100.0
"""How tightly the alternatives lie around the intended share, in requests: finds 7 % instead of 5 % after about 2,200."""


def log_evidence(share: float, baseline: float, candidate: float) -> float:
    """Ln E against "each request goes to the candidate with probability `share`".

    A beta-binomial mixture centred on `share`. Begun anew at each weight; the segments' values add up.

    Args:
        share: the intended share, above 0 and below 1.
        baseline: requests the baseline got at this weight.
        candidate: requests the candidate got.
    """
    if not 0 < share < 1:
        return 0.0
    u, v = STRENGTH * share, STRENGTH * (1 - share)
    mixed = log_beta(u + candidate, v + baseline) - log_beta(u, v)
    return mixed - times_log(candidate, share) - times_log(baseline, 1 - share)
