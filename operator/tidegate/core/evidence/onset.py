"""A regression may begin at any window: the evidence is mixed over when, so that good hours do not hide a bad one.

Each start s has its own product of factors from window s on (1 before); mixed with weights that sum to 1 it is still a
supermartingale with mean at most 1 (G. Shafer et al., 2011; the mixture of Shiryaev's detection statistic). Half of the weight
lies on the first window, and 1/(2 (s-1) s) on window s, so that a regression from the start costs ln 2, and one after a day
of minutes about 15 in the logarithm, where a plain product would have to make good all the evidence of that day.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from tidegate.core.evidence.mixture import log_mean_exp

Growth: TypeAlias = Sequence[float]
"""What one window adds to the log likelihood ratio of each alternative."""


def after(before: Sequence[float], counted: int, growths: Iterable[Growth]) -> tuple[float, ...]:
    """The logarithms of the mixtures over the starts so far, one for each alternative.

    Args:
        before: as they were; empty before the first window.
        counted: windows before these.
        growths: of further windows.
    """
    logs = tuple(before)
    for place, growth in enumerate(growths, start=counted + 1):
        weight = math.log(0.5 if place == 1 else 0.5 / ((place - 1) * place))
        known = logs or (-math.inf,) * len(growth)
        logs = tuple(_log_sum(log, weight) + more for log, more in zip(known, growth, strict=True))
    return logs


def log_evidence(logs: Sequence[float], counted: int) -> float:
    """Ln E: the mixture over starts and alternatives, with the weight of the starts to come, whose factor is 1 so far.

    Args:
        logs: as `after` gives them.
        counted: windows so far.
    """
    if not logs:
        return 0.0
    return _log_sum(log_mean_exp(logs), math.log(0.5 / counted))


def _log_sum(one: float, other: float) -> float:
    """Ln(exp(one) + exp(other))."""
    high, low = max(one, other), min(one, other)
    return high if math.isinf(low) else high + math.log1p(math.exp(low - high))
