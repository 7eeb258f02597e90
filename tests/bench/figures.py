"""Figures, as they are taken and as they are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    title: str
    how: str
    """How it was measured, in words."""
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def quantile(values: Sequence[float], share: float) -> float:
    """By nearest rank: a value that was measured, not one in between."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def against(aim: float, value: float) -> str:
    return "yes" if value < aim else "**no**"
