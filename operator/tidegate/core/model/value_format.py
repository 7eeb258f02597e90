"""Values in their units, for people."""

from __future__ import annotations

import math

from tidegate.api.values.scalars import Unit


def shown(value: float, unit: Unit) -> str:
    """A value in its unit, for people: `6.2%`, `240ms`, `1.25s`, `4.5`."""
    if math.isnan(value) or math.isinf(value):
        return {True: "NaN"}.get(math.isnan(value), "+Inf" if value > 0 else "-Inf")
    match unit:
        case Unit.RATIO:
            return f"{value * 100:.4g}%"
        case Unit.PERCENT:
            return f"{value:.4g}%"
        case Unit.SECONDS:
            return f"{value * 1000:.4g}ms" if abs(value) < 1 else f"{value:.4g}s"
        case Unit.NONE:
            return f"{value:.6g}"
