"""A regression may begin at any window: the evidence is mixed over when, so that good hours do not hide a bad one.

Each start s has its own product of factors from window s on (1 before); mixed with weights that sum to 1 it is still a
supermartingale with mean at most 1 (G. Shafer et al., 2011; the mixture of Shiryaev's detection statistic). Most of the weight
lies on the first window, so that a regression from the start costs next to nothing. Of the rest, 1 / (1 + ln(1 + (n - 1) / 60)) lies on
the windows after n, so that one after two hours of minutes costs 8 in the logarithm and one after a day 12, where a plain product would
have to make good all the evidence of that day. For the later starts a window's factor is capped, and a smaller factor keeps the mean
at most 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from tidegate.core.statistics.mixture import log_mean_exp

FIRST: Final = 0.8
"""The weight of the first window; the later ones share the rest."""

EVEN: Final = 60.0
"""Windows over which the weight of the later starts is nearly the same: those of the first minutes are close to the first one anyway."""

MOST: Final = 2.9
"""What one window may add (logarithm): less than ln 20, so that at 95 % a spike of one window decides nothing, whatever it holds."""

Growth: TypeAlias = Sequence[float]
"""What one window adds to the log likelihood ratio of each alternative."""


def after(before: Sequence[float], counted: int, growths: Iterable[Growth]) -> tuple[float, ...]:
    """The logarithms of the evidence, of the first start for each alternative, and from the second window on of the later ones.

    Args:
        before: as they were; empty before the first window.
        counted: windows before these.
        growths: of further windows.
    """
    logs = tuple(before)
    for place, growth in enumerate(growths, start=counted + 1):
        if place == 1:
            logs = tuple(math.log(FIRST) + more for more in growth)
            continue
        weight = math.log(_to_come(place - 1) - _to_come(place))
        first, later = logs[: len(growth)], logs[len(growth) :]
        begun = [_log_sum(log, weight) for log in later] or [weight] * len(growth)
        logs = (
            *(log + more for log, more in zip(first, growth, strict=True)),
            *(log + min(more, MOST) for log, more in zip(begun, growth, strict=True)),
        )
    return logs


def log_evidence(logs: Sequence[float], counted: int) -> float:
    """Ln E: the mixture over starts and alternatives, with the weight of the starts to come, whose factor is 1 so far.

    Args:
        logs: as `after` gives them.
        counted: windows so far.
    """
    if not logs:
        return 0.0
    halves = 1 if counted == 1 else 2
    return _log_sum(log_mean_exp(logs) + math.log(halves), math.log(_to_come(counted)))


def reweighted(logs: Sequence[float], counted: int) -> tuple[float, ...]:
    """Logs of status version 1 or 2, with the weights of the starts to come as they are now.

    There 0.3 / (1 + ln n) lay on the starts after n. What has begun gets what is left of the weight, so that all weights sum to 1 as
    before: a factor that depends on the number of windows alone keeps the mean at most 1.

    Args:
        logs: as `after` gave them there.
        counted: windows so far.
    """
    if counted < 1:
        return tuple(logs)
    factor = math.log1p(-_to_come(counted)) - math.log1p(-0.3 / (1 + math.log(counted)))
    return tuple(log + factor for log in logs)


def _to_come(counted: int) -> float:
    """The weight of the starts after so many windows, 1 and up."""
    return (1 - FIRST) / (1 + math.log1p((counted - 1) / EVEN))


def _log_sum(one: float, other: float) -> float:
    """Ln(exp(one) + exp(other))."""
    high, low = max(one, other), min(one, other)
    return high if math.isinf(low) else high + math.log1p(math.exp(low - high))
