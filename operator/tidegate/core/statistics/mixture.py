"""Mixtures of likelihood ratios: what every test here is made of.

A test keeps one log likelihood ratio for each of a few alternatives and mixes them with equal weights. Under the null the
mixture is a supermartingale with mean at most 1, so by Ville's inequality (J. Ville, 1939) it ever reaches 1/alpha with
probability at most alpha, however often one looks and whenever one stops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

ALTERNATIVES: Final = 14
"""How many effect sizes are mixed."""

SMALLEST: Final = 1.15
LARGEST: Final = 40.0
"""The smallest and largest effect, as multiples of the null."""


@lru_cache(maxsize=1)
def multiples() -> tuple[float, ...]:
    """The effects: `ALTERNATIVES` multiples of the null, log-spaced from `SMALLEST` to `LARGEST`."""
    step = math.log(LARGEST / SMALLEST) / (ALTERNATIVES - 1)
    return tuple(SMALLEST * math.exp(step * place) for place in range(ALTERNATIVES))


def log_mean_exp(values: Sequence[float]) -> float:
    """Ln of the mean of exp of `values`, without overflow; minus infinity for all minus infinity."""
    largest = max(values)
    if math.isinf(largest):
        return largest
    return largest + math.log(sum(math.exp(value - largest) for value in values) / len(values))


def log_beta(a: float, b: float) -> float:
    """Ln of the beta function B(a, b), a and b positive."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def times_log(count: float, value: float) -> float:
    """Count * ln(value), with 0 * ln(0) = 0 and minus infinity for a positive count of something impossible."""
    if count == 0:
        return 0.0
    return count * math.log(value) if value > 0 else -math.inf
