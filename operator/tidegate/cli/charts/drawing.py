"""What the pictures of a backtest and of a report have in common: SVG by hand, readable on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

DAY: Final = 86400
TICKS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * 60 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3600 for hours in (1, 2, 3, 6, 12)),
    *(days * DAY for days in (1, 2, 7, 14, 28)),
)
"""Seconds between two instants on the axis."""
MOST_TICKS: Final = 8
LETTER: Final = 6.2
"""Width of a small letter, on average."""
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


def document(width: float, height: float, title: str, parts: Iterable[str], style: str = STYLE) -> str:
    """A whole SVG. `style` is empty for one inside a page, which has it."""
    rules = f"<style>{style}\n</style>\n" if style else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n{rules}"
        f'<rect class="paper" width="{width:g}" height="{height:g}"/>\n'
        + "\n".join(part for part in parts if part)
        + "\n</svg>\n"
    )


def words(x: float, y: float, text: str, kind: str) -> str:
    """A text; `kind` is its class, then `end` or `middle` for where it is anchored."""
    classes = kind.split()
    anchor = next((one for one in classes if one in {"end", "middle"}), "")
    placed = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{classes[0]}" x="{x:.1f}" y="{y:.1f}"{placed}>{escape(text)}</text>'


def curve(points: Iterable[tuple[float, float]], kind: str) -> str:
    """A line through points, with gaps where one has no height (NaN)."""
    drawn, pen = [], "M"
    for x, y in points:
        if math.isnan(y):
            pen = "M"
            continue
        drawn.append(f"{pen}{x:.1f} {y:.1f}" + ("h1" if pen == "M" else ""))
        pen = "L"
    return f'<path class="{kind}" d="{"".join(drawn)}"/>' if drawn else ""


def band(points: Sequence[tuple[float, float, float]], kind: str) -> Iterator[str]:
    """An area between two heights at each place, with gaps where either is NaN."""
    piece: list[tuple[float, float, float]] = []
    for point in (*points, (math.nan, math.nan, math.nan)):
        if not any(math.isnan(value) for value in point):
            piece.append(point)
            continue
        if len(piece) > 1:
            there = "L".join(f"{x:.1f} {low:.1f}" for x, low, _ in piece)
            back = "L".join(f"{x:.1f} {high:.1f}" for x, _, high in reversed(piece))
            yield f'<path class="{kind}" d="M{there}L{back}Z"/>'
        piece = []


def time_axis(
    start: float, end: float, place: Callable[[float], float], y: float, ends: tuple[float, float]
) -> Iterator[str]:
    """Round instants, such as midnights of a week.

    Args:
        start: epoch seconds.
        end: epoch seconds.
        place: from epoch seconds to x.
        y: of the axis.
        ends: x of its ends.
    """
    every = next((one for one in TICKS if (end - start) / one <= MOST_TICKS), TICKS[-1])
    form = (
        "%a %m-%d" if every >= DAY else "%m-%d %H:%M" if end - start > DAY else "%H:%M" if every >= 60 else "%H:%M:%S"
    )
    free = -math.inf
    for number in range(math.ceil(start / every), math.floor(end / every) + 1):
        x = place(number * every)
        anchor = "end" if x > ends[1] - 30 else "middle" if x > ends[0] + 30 else "begin"
        yield f'<line class="frame" x1="{x:.1f}" x2="{x:.1f}" y1="{y:.1f}" y2="{y + 3:.1f}"/>'
        label = f"{datetime.fromtimestamp(number * every, UTC):{form}}"
        width = LETTER * len(label)
        begin = x - {"end": width, "middle": width / 2}.get(anchor, 0.0)
        if begin >= free:  # one that was moved inside the frame may meet the one before it
            yield words(x, y + 14, label, f"small {anchor}")
            free = begin + width
