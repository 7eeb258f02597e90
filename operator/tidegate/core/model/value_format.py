"""Values in their units, for people."""

from __future__ import annotations

import math
from typing import Final

from tidegate.api.values.scalars import Unit

LARGEST: Final = 1e15
"""From here on an exponent is easier to read, and doubles are no longer exact to the digit."""


def digits(value: float, count: int) -> str:
    """So many significant digits, at most; all digits of the whole numbers beyond: `100` and `12345`, not `1e+02` and `1.2e+04`."""
    whole = 10**count <= abs(float(f"{value:.{count}g}")) < LARGEST
    return f"{value:.0f}" if whole else f"{value:.{count}g}"


def shown(value: float, unit: Unit) -> str:
    """A value in its unit, for people: `6.2%`, `240ms`, `1.25s`, `4.5`."""
    if math.isnan(value) or math.isinf(value):
        return {True: "NaN"}.get(math.isnan(value), "+Inf" if value > 0 else "-Inf")
    match unit:
        case Unit.RATIO:
            return f"{digits(value * 100, 4)}%"
        case Unit.PERCENT:
            return f"{digits(value, 4)}%"
        case Unit.SECONDS:
            return f"{digits(value * 1000, 4)}ms" if abs(value) < 1 else f"{digits(value, 4)}s"
        case Unit.NONE:
            return digits(value, 6)
