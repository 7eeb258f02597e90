"""Are bad requests independent, or clustered? The tests on counts take them for independent, and divide by this where they are not.

The dispersion of a count is its variance as a multiple of what independent requests have: 1 for them, the size of a cluster where
errors come in clusters (P. McCullagh and J. Nelder, Generalized Linear Models, 1989, section 4.5). It is estimated from what
neighbouring blocks of time differ by (J. von Neumann, 1941): a rate that changes slowly over the day is then no dispersion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from tidegate.core.statistics.usual import Usual

BLOCK: Final = 300.0
"""Seconds of a block: long enough to hold a cluster, and a retry storm, whole."""

CAUTIOUS: Final = 2.0
"""What is taken for the dispersion where nothing is known yet."""
PRIOR: Final = 4.0
"""As how many pairs of blocks that counts."""

MOST: Final = 20.0
"""What one pair of blocks may say at most: one incident is no habit."""


@dataclass(frozen=True)
class Dispersion:
    """Of one arm's bad requests, block by block."""

    squares: float = 0.0
    """Sum of the squared differences of neighbouring blocks, each as a multiple of its variance for independent requests."""
    pairs: float = 0.0
    """How many there are; a pair with fewer than two bad requests counts for less, for it shows nothing."""
    last: tuple[float, float] = (0.0, 0.0)
    """Requests and bad ones of the block before."""
    open: tuple[float, float] = (0.0, 0.0)
    """Of the block that is being filled."""
    filled: float = 0.0
    """Seconds of it."""
    usual: Usual = Usual()  # noqa: RUF009  (frozen)
    """Its rate."""

    def after(self, requests: float, bad: float, seconds: float) -> Dispersion:
        """With what was counted in a further stretch of time."""
        total, total_bad = self.open
        filled = self.filled + seconds
        block = (total + requests, total_bad + bad)
        if filled < BLOCK - 1e-6:
            return replace(self, open=block, filled=filled)
        return replace(self.with_block(block), open=(0.0, 0.0), filled=0.0)

    def after_blocks(self, blocks: Iterable[tuple[float, float]]) -> Dispersion:
        """With whole blocks of the past, as (requests, bad ones), oldest first."""
        found = self
        for block in blocks:
            found = found.with_block(block)
        return found

    def with_block(self, block: tuple[float, float]) -> Dispersion:
        """With a further block, as (requests, bad ones)."""
        (requests, bad), (more, more_bad) = self.last, block
        if more <= 0:
            return self
        known = replace(self, last=block, usual=self.usual.with_block(*block))
        together = (bad + more_bad) / (requests + more)
        if requests <= 0 or together <= 0 or together >= 1:
            return known
        variance = together * (1 - together) * (1 / requests + 1 / more)
        square = (bad / requests - more_bad / more) ** 2 / variance
        weight = min((bad + more_bad) / 2, 1.0)
        return replace(known, squares=self.squares + weight * min(square, MOST), pairs=self.pairs + weight)

    @property
    def factor(self) -> float:
        """The dispersion, never below 1, drawn towards `CAUTIOUS` while little is known; 1 where the estimate is within its error of it."""
        number = PRIOR + self.pairs
        estimate = (PRIOR * CAUTIOUS + self.squares) / number
        return estimate if estimate > 1 + math.sqrt(2 / number) else 1.0
