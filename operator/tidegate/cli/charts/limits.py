"""Where a limit stands in a picture of its metric, and which scale shows both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import LimitKind, Threshold

ROOM_ABOVE = 1.25
"""The scale goes so far beyond the widest limit."""
SPIKES = 4.0
"""Values beyond so many times the widest limit are cut off: they are breaches whatever they are."""


@dataclass(frozen=True)
class Limit:
    """One limit in a panel."""

    label: str
    value: float | None
    """In the metric's unit; `None` for one that is no value."""
    change: float | None
    """Of one relative to the baseline: 0.2 is 20 % above it. `None` with `value` for what has no place on the scale: a spread, a
    comparison of counts."""
    begin: float
    """Share of the picture's width, 0 to 1."""
    end: float

    @property
    def placed(self) -> bool:
        """Whether it has a place on the scale."""
        return self.value is not None or self.change is not None


def on_the_panel(line: Threshold, metric: Metric) -> tuple[float | None, float | None]:
    """A limit as a value, or as a change of the baseline's; neither for a spread, or a comparison of counts."""
    match line.kind:
        case LimitKind.MAX if line.max is not None:
            return line.max.in_unit(metric.effective_unit), None
        case LimitKind.MIN if line.min is not None:
            return line.min.in_unit(metric.effective_unit), None
        case LimitKind.MAX_INCREASE if line.max_increase is not None:
            return None, line.max_increase.ratio
        case LimitKind.MAX_DECREASE if line.max_decrease is not None:
            return None, -line.max_decrease.ratio
        case LimitKind.REGRESSION if line.regression is not None and line.regression.limit is not None:
            return line.regression.limit.in_unit(metric.effective_unit), None
        case _:
            return None, None


def scale(values: Sequence[float], limits: Sequence[Limit]) -> tuple[float, float]:
    """The scale's ends: every value and limit is on it, but for spikes far beyond the widest limit."""
    finite = [value for value in values if math.isfinite(value)]
    fixed = [limit.value for limit in limits if limit.value is not None]
    bottom = min([0.0, *finite, *fixed])
    highest = max(finite, default=0.0) * 1.1
    if fixed and max(fixed) > 0:
        highest = max(min(highest, max(fixed) * SPIKES), max(fixed) * ROOM_ABOVE)
    return bottom, highest if highest > bottom else bottom + 1.0
