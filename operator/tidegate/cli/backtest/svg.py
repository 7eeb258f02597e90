"""The picture of a backtest, as SVG written by hand: no plotting library, readable on light and on dark."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from html import escape
from typing import Final

from tidegate.cli.backtest.panels import IMPORTANT, Panel, panels, pictured, share
from tidegate.cli.backtest.text import headline, held_in_words, moment, tested_in_words
from tidegate.cli.backtest.text import words as told_in_words
from tidegate.cli.charts.drawing import curve, document, time_axis, words
from tidegate.cli.charts.limits import Limit
from tidegate.core.model.value_format import shown
from tidegate.simulation.backtest.backtest import Backtest
from tidegate.simulation.backtest.run import PastRun, Told

WIDTH: Final = 960
LEFT: Final = 76
PLOT: Final = WIDTH - LEFT - 24
COLUMNS: Final = PLOT
"""One column a pixel: each shows the worst value in it."""
HEIGHT: Final = 120
GAP: Final = 46
MOST_LANES: Final = 40
"""Rows of runs that are drawn."""
MOST_MARKS: Final = 20
LINE: Final = 128
"""Characters of a line below the panels."""


def picture(found: Backtest) -> str:
    """The whole document: runs, steps and decisions above, a panel for each metric, the decisions in words below."""
    run, drawn = pictured(found), list(panels(found, COLUMNS))
    marks = [one for one in run.told if one.reason in IMPORTANT][:MOST_MARKS]
    parts, y = [*_head(found, run), *_legend(drawn, run)], 74.0
    lanes = _lanes(found.runs) if len(found.runs) > 1 else []
    bars = list(_runs(lanes, found, y))
    y += 6.0 * len(lanes) + 10 if lanes else 0.0
    top = y
    parts += [*bars, *_steps(found, run, y)]
    y += 44
    for panel in drawn:
        parts += _panel(panel, y)
        y += HEIGHT + GAP
    parts += _axis(found, y - GAP)
    parts += [_shade(found, run, top + 20, y - GAP), *_holds(found, run, (top + 20, y - GAP))]
    parts += _marks(found, marks, (top + 20, y - GAP))
    y += 12
    told = [f"{number}  {moment(one.time)}  {one.reason}: {one.message}" for number, one in enumerate(marks, 1)]
    # What a test says is the reason of a stop as well: a picture tells it once.
    why = [one.message for one in marks]
    tests = (one for one in found.tests() if one.told is None or not any(one.told.message in said for said in why))
    tested = [line for one in tests for line in tested_in_words(found, one)]
    for said in (textwrap.wrap(text, LINE, subsequent_indent="   ") for text in [*told, *tested]):
        for place, line in enumerate(said):
            parts.append(words(LEFT + (14 if place else 0), y + 15 * place, line.strip(), "small"))
        y += 15 * len(said) + 3
    whole = math.ceil(y + 4)
    return document(WIDTH, whole, f"{found.order.name}: {told_in_words(found)}", parts)


def _head(found: Backtest, run: PastRun) -> Iterator[str]:
    yield words(LEFT, 22, f"{found.order.name}: {headline(found)}", "title")
    which = f"; steps and decisions are those of the run of {moment(run.start)}" if len(found.runs) > 1 else ""
    yield words(LEFT, 40, f"{moment(found.stretch.start)} to {moment(found.stretch.end)} UTC{which}", "small")


def _legend(drawn: Sequence[Panel], run: PastRun) -> Iterator[str]:
    both = any(panel.baseline for panel in drawn)
    shown_ = ["candidate", "baseline", "limit"] if both else ["candidate", "limit"]
    for number, kind in enumerate(shown_):
        x = LEFT + 110 * number
        yield f'<line class="{kind}" x1="{x}" x2="{x + 24}" y1="54" y2="54"/>' + words(x + 30, 58, kind, "small")
    if run.held:
        x = LEFT + 110 * len(shown_)
        said = "held (amber), in a shared incident" if run.shared else "held"
        yield f'<rect class="hold" x="{x}" y="48" width="24" height="12"/>' + words(x + 30, 58, said, "small")


def _lanes(runs: Sequence[PastRun]) -> list[list[PastRun]]:
    """Runs that do not overlap share a row."""
    lanes: list[list[PastRun]] = []
    for run in runs:
        free = next((lane for lane in lanes if lane[-1].end < run.start), None)
        if free is not None:
            free.append(run)
        elif len(lanes) < MOST_LANES:
            lanes.append([run])
    return lanes


def _runs(lanes: Sequence[Sequence[PastRun]], found: Backtest, y: float) -> Iterator[str]:
    if lanes:
        yield words(LEFT - 6, y + 6, "runs", "small end")
    for number, run in [(number, run) for number, lane in enumerate(lanes) for run in lane]:
        kind = "stopped" if run.stopped else "running" if run.outcome == "Running" else "run"
        x, end = _x(found, run.start), _x(found, run.end)
        yield (
            f'<rect class="{kind}" x="{x:.1f}" y="{y + 6 * number:.1f}" width="{max(end - x, 2):.1f}" height="4">'
            f"<title>{escape(f'{moment(run.start)}: {run.outcome}{held_in_words([run])}')}</title></rect>"
        )
        yield from _holds(found, run, (y + 6 * number - 1, y + 6 * number + 5))


def _steps(found: Backtest, run: PastRun, y: float) -> Iterator[str]:
    yield words(LEFT - 6, y + 12, "steps", "small end")
    spans = [span for span in run.spans if span.weight > 0]
    for span in spans:
        x, end = _x(found, span.begin), _x(found, span.end)
        label = f"{span.step} {span.weight:g}%"
        yield f'<rect class="step odd" x="{x:.1f}" y="{y:.1f}" width="{max(end - x, 1):.1f}" height="16"><title>{escape(label)}</title></rect>'
        if end - x > 7 * len(label):
            yield words(x + 4, y + 12, label, "small")


def _shade(found: Backtest, run: PastRun, top: float, bottom: float) -> str:
    """Every second step is shaded over all panels."""
    spans = [span for span in run.spans if span.weight > 0]
    return "".join(
        f'<rect class="step" x="{_x(found, span.begin):.1f}" y="{top:.1f}" '
        f'width="{max(_x(found, span.end) - _x(found, span.begin), 1):.1f}" height="{bottom - top:.1f}"/>'
        for span in spans[::2]
    )


def _holds(found: Backtest, run: PastRun, over: tuple[float, float]) -> Iterator[str]:
    """Where a run stood still."""
    top, bottom = over
    for hold in run.holds:
        x, end = _x(found, hold.begin), _x(found, hold.end)
        yield (
            f'<rect class="hold" x="{x:.1f}" y="{top:.1f}" width="{max(end - x, 2):.1f}" height="{bottom - top:.1f}">'
            f"<title>{escape(f'{hold.reason}: {hold.message}')}</title></rect>"
        )


def _panel(panel: Panel, y: float) -> Iterator[str]:
    unit = panel.metric.effective_unit
    yield f'<g data-metric="{escape(panel.metric.name)}">'
    yield words(LEFT, y - 5, panel.metric.name, "title")
    others = ", ".join(dict.fromkeys(limit.label for limit in panel.limits if not limit.placed))
    if others:  # a margin or a spread is no value of this axis
        yield words(LEFT + PLOT, y - 5, f"limits not drawn: {others}", "small end")
    yield f'<rect class="frame" x="{LEFT}" y="{y:.1f}" width="{PLOT}" height="{HEIGHT}"/>'
    yield words(LEFT - 6, y + 10, shown(panel.top, unit), "small end")
    yield words(LEFT - 6, y + HEIGHT, shown(panel.bottom, unit), "small end")
    if all(math.isnan(value) for value in panel.candidate):
        yield words(LEFT + PLOT / 2, y + HEIGHT / 2, "no data", "small middle")
    if panel.baseline:
        yield _path(panel, panel.baseline, y, "baseline")
    yield _path(panel, panel.candidate, y, "candidate")
    taken: list[float] = []
    for limit in panel.limits:
        if limit.placed:
            yield from _limit(panel, limit, y, taken)
    yield "</g>"


def _limit(panel: Panel, limit: Limit, y: float, taken: list[float]) -> Iterator[str]:
    begin, end = LEFT + limit.begin * PLOT, LEFT + limit.end * PLOT
    if limit.value is not None:
        height = _y(panel, limit.value, y)
        yield f'<line class="limit" x1="{begin:.1f}" x2="{end:.1f}" y1="{height:.1f}" y2="{height:.1f}"/>'
    else:
        first, last = round(limit.begin * COLUMNS), round(limit.end * COLUMNS)
        base = panel.baseline or panel.candidate
        change = limit.change or 0.0
        curve = [value * (1 + change) if first <= place <= last else math.nan for place, value in enumerate(base)]
        yield _path(panel, curve, y, "limit")
        known = [value for value in curve if not math.isnan(value)]
        height = _y(panel, known[0], y) if known else y + HEIGHT / 2
    label = height - 4 if height > y + 14 else height + 13
    while any(abs(label - other) < 12 for other in taken):
        label += 12
    taken.append(label)
    yield words(min(begin + 4, WIDTH - 24 - 6.2 * len(limit.label)), label, limit.label, "limit-name")


def _path(panel: Panel, values: Sequence[float], y: float, kind: str) -> str:
    """A line with gaps where there is no value."""
    width = PLOT / len(values) if values else 0.0
    places = (
        (LEFT + (column + 0.5) * width, math.nan if math.isnan(value) else _y(panel, value, y))
        for column, value in enumerate(values)
    )
    return curve(places, kind)


def _marks(found: Backtest, marks: Sequence[Told], over: tuple[float, float]) -> Iterator[str]:
    kinds = {"Reverted": "stop", "PromotionBreached": "stop", "Succeeded": "good"}
    top, bottom = over
    free = 0.0
    for number, one in enumerate(marks, 1):
        x = _x(found, one.time)
        kind = kinds.get(one.reason, "mark")
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"><title>{escape(one.message)}</title></line>'
        yield words(max(x, free), bottom + 28, str(number), "small middle")
        free = max(x, free) + 7 * len(str(number)) + 4


def _axis(found: Backtest, y: float) -> Iterator[str]:
    stretch = found.stretch
    yield from time_axis(stretch.start, stretch.end, partial(_x, found), y, (LEFT, LEFT + PLOT))


def _x(found: Backtest, instant: float) -> float:
    return LEFT + share(found, instant) * PLOT


def _y(panel: Panel, value: float, y: float) -> float:
    return y + HEIGHT * (1 - panel.height(value))
