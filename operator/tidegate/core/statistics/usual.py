"""Does a regression last? The rate that the baseline usually has says how many bad requests a regression would go on to bring.

Whether bad requests fall on the candidate or on the baseline shows nothing while neither arm has any: single minutes with many bad
requests, hours apart, would add up for ever. So each window is compared with a second reference as well: the number of bad requests
that the alternative predicts from the baseline's usual rate, a Poisson likelihood ratio against that rate. While its sum lags behind
the comparison of the arms, the difference is taken off what was gained lately, and no more than that, so that good hours cost nothing;
where it is ahead, up to `change_point.MOST` of it is kept for windows with fewer bad requests than predicted. What is taken off makes a
factor smaller, so its mean stays at most 1 (Ville's inequality, as in mixture.py), whatever the usual rate is: an estimate that is
wrong costs power, and never a false stop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.core.statistics import change_point
from tidegate.core.statistics.windows import Window

HALF: Final = 0.5
"""Of the usual rate that is counted on: the rate of a quiet hour may be half of it."""
REMEMBERED: Final = 72.0
"""Blocks that the usual rate rests on, at most: six hours."""


@dataclass(frozen=True)
class Usual:
    """What the baseline's rate has been, over the last `REMEMBERED` blocks or so."""

    requests: float = 0.0
    bad: float = 0.0
    blocks: float = 0.0
    """How many they are."""

    def with_block(self, requests: float, bad: float) -> Usual:
        """With a further block."""
        kept = min(self.blocks, REMEMBERED - 1) / self.blocks if self.blocks else 0.0
        return Usual(self.requests * kept + requests, self.bad * kept + bad, self.blocks * kept + 1)

    @property
    def rate(self) -> float:
        """Bad ones of its requests; 0 without any."""
        return self.bad / self.requests if self.requests > 0 else 0.0


def predicted(window: Window, rate: float, margin: float, multiples: Iterable[float], dispersion: float) -> list[float]:
    """What the candidate's bad requests add for each multiple of the largest rate that is tolerated, by the usual one.

    Args:
        window: of which the candidate alone counts.
        rate: the usual one.
        margin: tolerated excess as a ratio: 0.2 for 20 %.
        multiples: the alternatives.
        dispersion: of the bad requests (dispersion.py).
    """
    usual = HALF * rate * (1 + margin) * window.candidate
    return [(window.candidate_bad * math.log(times) - usual * (times - 1)) / dispersion for times in multiples]


@dataclass(frozen=True)
class Pending:
    """What is carried from window to window, for each alternative; empty before the first."""

    credit: Sequence[float] = ()
    """By how much the usual rate is ahead of the comparison of the arms."""
    gained: Sequence[float] = ()
    """What the windows have added since their sum was last at 0 (E. S. Page, 1954): no more than this is taken off."""

    def after(self, growth: Sequence[float], other: Sequence[float]) -> tuple[Sequence[float], Pending]:
        """What a window adds when its bad requests must go on, and what is carried on.

        Args:
            growth: what it adds by the comparison of the arms, each at most `change_point.MOST`.
            other: the same by the usual rate.
        """
        blank = (0.0,) * len(growth)
        balance = [
            saved + min(more, change_point.MOST) - gain
            for gain, more, saved in zip(growth, other, self.credit or blank, strict=True)
        ]
        found = [
            gain - min(max(-left, 0.0), max(high + gain, 0.0))
            for gain, left, high in zip(growth, balance, self.gained or blank, strict=True)
        ]
        credit = tuple(min(max(left, 0.0), change_point.MOST) for left in balance)
        return found, Pending(
            credit, tuple(max(high + more, 0.0) for high, more in zip(self.gained or blank, found, strict=True))
        )
