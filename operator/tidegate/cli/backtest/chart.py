"""The metrics of a backtest drawn in a terminal: blocks, with the limits as lines and the decisions below."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from tidegate.cli.backtest.panels import IMPORTANT, Panel, panels, pictured, share
from tidegate.cli.charts.limits import Limit
from tidegate.core.model.value_format import shown
from tidegate.simulation.backtest.backtest import Backtest

ROWS: Final = 6
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
LIMIT: Final = "┄"
MARKS: Final = {"Reverted": "✗", "PromotionBreached": "✗", "Succeeded": "✓", "Holding": "H", "LimitBreached": "!"}


def charts(found: Backtest, width: int) -> Iterator[str]:
    """A chart for each metric, `width` characters wide."""
    columns = max(width - 12, 20)
    for panel in panels(found, columns):
        yield "\n".join([_title(panel), *_rows(panel, columns), _steps(found, columns)])


def _title(panel: Panel) -> str:
    limits = ", ".join(dict.fromkeys(limit.label for limit in panel.limits))
    nothing = "" if any(not math.isnan(value) for value in panel.candidate) else ": no data"
    return f"{panel.metric.name}, the worst of the candidate{f' ({limits})' if limits else ''}{nothing}"


def _rows(panel: Panel, columns: int) -> Iterator[str]:
    heights = [-1.0 if math.isnan(value) else panel.height(value) * ROWS for value in panel.candidate]
    at: dict[int, Limit] = {}
    for limit in panel.limits:
        if limit.value is not None:
            row = min(int(panel.height(limit.value) * ROWS), ROWS - 1)
            at.setdefault(row, limit)
    unit = panel.metric.effective_unit
    for row in reversed(range(ROWS)):
        mark = at.get(row)
        value = mark.value if mark is not None else {ROWS - 1: panel.top, 0: panel.bottom}.get(row)
        label = shown(value, unit) if value is not None else ""
        yield f"{label:>10} " + "".join(
            _cell(heights[column], row, LIMIT if mark else " ") for column in range(columns)
        )


def _cell(height: float, row: int, empty: str) -> str:
    eighths = min(max(math.ceil((height - row) * 8 - 1e-9), 0), 8) if height >= 0 else 0
    if row == 0 and height >= 0:
        eighths = max(eighths, 1)  # a zero is a value
    return BLOCKS[eighths] if eighths else empty


def _steps(found: Backtest, columns: int) -> str:
    """The pictured run's steps, and what was decided."""
    line = [" "] * columns
    run = pictured(found)
    for span in run.spans:
        if span.weight == 0:
            continue
        place = min(int(share(found, span.begin) * columns), columns - 1)
        room = max(int(share(found, span.end) * columns) - place, 1)
        text = f"|{span.step} {span.weight:g}%"[:room].ljust(room)
        line[place : place + room] = list(text)[: columns - place]
    for hold in run.holds:
        first, last = (min(int(share(found, at) * columns), columns - 1) for at in (hold.begin, hold.end))
        line[first : last + 1] = MARKS["Holding"] * (last + 1 - first)
    for one in run.told:
        if one.reason in IMPORTANT and one.reason in MARKS:
            line[min(int(share(found, one.time) * columns), columns - 1)] = MARKS[one.reason]
    return f"{'':>11}" + "".join(line[:columns]).rstrip()
