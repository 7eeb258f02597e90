"""The picture of a backtest, as SVG written by hand: no plotting library, readable on light and on dark."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from tidegate.cli.backtest.panels import IMPORTANT, Limit, Panel, panels, pictured, share
from tidegate.cli.backtest.text import headline, held_in_words, moment, tested_in_words, words
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
DAY: Final = 86400
TICKS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * 60 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3600 for hours in (1, 2, 3, 6, 12)),
    *(days * DAY for days in (1, 2, 7, 14, 28)),
)
"""Seconds between two instants on the axis."""
MOST_TICKS: Final = 8
LINE: Final = 128
"""Characters of a line below the panels."""
STYLE: Final = """
text { font: 12px system-ui, 'DejaVu Sans', 'Noto Sans', 'Liberation Sans', Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.small { font-size: 11px; fill: #59636e }
.paper { fill: #ffffff }
.frame { fill: none; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0; stroke-dasharray: 2 4 }
.step { fill: #0969da; fill-opacity: .07 }
.odd { fill-opacity: .15 }
.candidate { fill: none; stroke: #0969da; stroke-width: 1.4 }
.baseline { fill: none; stroke: #818b98; stroke-width: 1.2 }
.limit { fill: none; stroke: #cf222e; stroke-width: 1.2; stroke-dasharray: 6 3 }
.limit-name { fill: #cf222e; font-size: 11px }
.mark { stroke: #9a6700; stroke-width: 1.2 }
.stop { stroke: #cf222e; stroke-width: 1.6 }
.good { stroke: #1a7f37; stroke-width: 1.6 }
.hold { fill: #bf8700; fill-opacity: .25 }
.run { fill: #1a7f37; fill-opacity: .55 }
.stopped { fill: #cf222e; fill-opacity: .8 }
.running { fill: #818b98; fill-opacity: .6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9198a1 } .paper { fill: #0d1117 }
  .frame, .grid { stroke: #3d444d } .step { fill: #4493f8 } .candidate { stroke: #4493f8 } .baseline { stroke: #9198a1 }
  .limit { stroke: #f85149 } .limit-name { fill: #f85149 } .mark { stroke: #d29922 } .stop { stroke: #f85149 }
  .hold { fill: #d29922 } .good { stroke: #3fb950 } .run { fill: #3fb950 } .stopped { fill: #f85149 }
}"""


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
    tested = [words for one in tests for words in tested_in_words(found, one)]
    for said in (textwrap.wrap(text, LINE, subsequent_indent="   ") for text in [*told, *tested]):
        for place, line in enumerate(said):
            parts.append(_text(LEFT + (14 if place else 0), y + 15 * place, line.strip(), "small"))
        y += 15 * len(said) + 3
    whole = math.ceil(y + 4)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {whole}" width="{WIDTH}" height="{whole}" role="img">\n'
        f"<title>{escape(found.order.name)}: {escape(words(found))}</title>\n<style>{STYLE}\n</style>\n"
        f'<rect class="paper" width="{WIDTH}" height="{whole}"/>\n'
        + "\n".join(part for part in parts if part)
        + "\n</svg>\n"
    )


def _head(found: Backtest, run: PastRun) -> Iterator[str]:
    yield _text(LEFT, 22, f"{found.order.name}: {headline(found)}", "title")
    which = f"; steps and decisions are those of the run of {moment(run.start)}" if len(found.runs) > 1 else ""
    yield _text(LEFT, 40, f"{moment(found.stretch.start)} to {moment(found.stretch.end)} UTC{which}", "small")


def _legend(drawn: Sequence[Panel], run: PastRun) -> Iterator[str]:
    both = any(panel.baseline for panel in drawn)
    shown_ = ["candidate", "baseline", "limit"] if both else ["candidate", "limit"]
    for number, kind in enumerate(shown_):
        x = LEFT + 110 * number
        yield f'<line class="{kind}" x1="{x}" x2="{x + 24}" y1="54" y2="54"/>' + _text(x + 30, 58, kind, "small")
    if run.held:
        x = LEFT + 110 * len(shown_)
        words = "held (amber), in a shared incident" if run.shared else "held"
        yield f'<rect class="hold" x="{x}" y="48" width="24" height="12"/>' + _text(x + 30, 58, words, "small")


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
        yield _text(LEFT - 6, y + 6, "runs", "small end")
    for number, run in [(number, run) for number, lane in enumerate(lanes) for run in lane]:
        kind = "stopped" if run.stopped else "running" if run.outcome == "Running" else "run"
        x, end = _x(found, run.start), _x(found, run.end)
        yield (
            f'<rect class="{kind}" x="{x:.1f}" y="{y + 6 * number:.1f}" width="{max(end - x, 2):.1f}" height="4">'
            f"<title>{escape(f'{moment(run.start)}: {run.outcome}{held_in_words([run])}')}</title></rect>"
        )
        yield from _holds(found, run, (y + 6 * number - 1, y + 6 * number + 5))


def _steps(found: Backtest, run: PastRun, y: float) -> Iterator[str]:
    yield _text(LEFT - 6, y + 12, "steps", "small end")
    spans = [span for span in run.spans if span.weight > 0]
    for span in spans:
        x, end = _x(found, span.begin), _x(found, span.end)
        label = f"{span.step} {span.weight:g}%"
        yield f'<rect class="step odd" x="{x:.1f}" y="{y:.1f}" width="{max(end - x, 1):.1f}" height="16"><title>{escape(label)}</title></rect>'
        if end - x > 7 * len(label):
            yield _text(x + 4, y + 12, label, "small")


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
    yield _text(LEFT, y - 5, panel.metric.name, "title")
    beside = ", ".join(dict.fromkeys(limit.label for limit in panel.limits if not limit.placed))
    if beside:  # a margin or a spread is no value of this axis
        yield _text(LEFT + PLOT, y - 5, f"also judged by {beside}", "small end")
    yield f'<rect class="frame" x="{LEFT}" y="{y:.1f}" width="{PLOT}" height="{HEIGHT}"/>'
    yield _text(LEFT - 6, y + 10, shown(panel.top, unit), "small end")
    yield _text(LEFT - 6, y + HEIGHT, shown(panel.bottom, unit), "small end")
    if all(math.isnan(value) for value in panel.candidate):
        yield _text(LEFT + PLOT / 2, y + HEIGHT / 2, "no data", "small middle")
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
    yield _text(min(begin + 4, WIDTH - 24 - 6.2 * len(limit.label)), label, limit.label, "limit-name")


def _path(panel: Panel, values: Sequence[float], y: float, kind: str) -> str:
    """A line with gaps where there is no value."""
    drawn, pen = [], "M"
    for column, value in enumerate(values):
        if math.isnan(value):
            pen = "M"
            continue
        x, height = LEFT + (column + 0.5) * PLOT / len(values), _y(panel, value, y)
        drawn.append(f"{pen}{x:.1f} {height:.1f}" + ("h1" if pen == "M" else ""))
        pen = "L"
    return f'<path class="{kind}" d="{"".join(drawn)}"/>' if drawn else ""


def _marks(found: Backtest, marks: Sequence[Told], over: tuple[float, float]) -> Iterator[str]:
    kinds = {"Reverted": "stop", "PromotionBreached": "stop", "Succeeded": "good"}
    top, bottom = over
    free = 0.0
    for number, one in enumerate(marks, 1):
        x = _x(found, one.time)
        kind = kinds.get(one.reason, "mark")
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"><title>{escape(one.message)}</title></line>'
        yield _text(max(x, free), bottom + 28, str(number), "small middle")
        free = max(x, free) + 7 * len(str(number)) + 4


def _axis(found: Backtest, y: float) -> Iterator[str]:
    """Round instants, such as midnights of a week."""
    start, end = found.stretch.start, found.stretch.end
    every = next((one for one in TICKS if (end - start) / one <= MOST_TICKS), TICKS[-1])
    form = (
        "%a %m-%d" if every >= DAY else "%m-%d %H:%M" if end - start > DAY else "%H:%M" if every >= 60 else "%H:%M:%S"
    )
    for number in range(math.ceil(start / every), math.floor(end / every) + 1):
        x = _x(found, number * every)
        anchor = "end" if x > LEFT + PLOT - 30 else "middle" if x > LEFT + 30 else "begin"
        yield f'<line class="frame" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + 3:.1f}"/>'
        yield _text(x, y + 14, f"{datetime.fromtimestamp(number * every, UTC):{form}}", f"small {anchor}")


def _text(x: float, y: float, text: str, kind: str) -> str:
    classes = kind.split()
    anchor = next((one for one in classes if one in {"end", "middle"}), "")
    placed = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{classes[0]}" x="{x:.1f}" y="{y:.1f}"{placed}>{escape(text)}</text>'


def _x(found: Backtest, instant: float) -> float:
    return LEFT + share(found, instant) * PLOT


def _y(panel: Panel, value: float, y: float) -> float:
    return y + HEIGHT * (1 - panel.height(value))
