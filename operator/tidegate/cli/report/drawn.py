"""A tile drawn: the two arms above, their difference below, limits dotted, decisions marked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.report import Moment
from tidegate.api.values.scalars import Unit
from tidegate.api.values.text import printable
from tidegate.cli.charts.drawing import LETTER, band, curve, time_axis, words
from tidegate.cli.charts.limits import Limit, scale
from tidegate.cli.report.past import Track
from tidegate.cli.report.tile import ABOVE, DIFFERENCE, GAP, STOPS, VALUES, WIDTH, Tile, brief, share, step_in

LEFT: Final = 76
PLOT: Final = WIDTH - LEFT - 20
MORE_STYLE: Final = """
.band { fill: #8250df; fill-opacity: .2 }
.difference { fill: none; stroke: #8250df; stroke-width: 1.4 }
.zero { stroke: #818b98; stroke-width: 1 }
.bad { font-weight: 600; font-size: 13px; fill: #cf222e }
.fine { font-weight: 600; font-size: 13px }
@media (prefers-color-scheme: dark) {
  .band { fill: #ab7df8 } .difference { stroke: #ab7df8 } .zero { stroke: #9198a1 } .bad { fill: #f85149 }
}"""
LONGEST_LABEL: Final = 40


def draw(tile: Tile, top: float = 0.0) -> Iterator[str]:
    """The parts of the drawing, from `top` down."""
    track = tile.track
    yield words(LEFT, top + 20, track.metric.name, "title")
    yield words(WIDTH - 20, top + 20, tile.header, f"{'bad' if tile.breached else 'fine'} end")
    for place, (kind, name) in enumerate((("candidate", "candidate"), ("baseline", "baseline"), ("limit", "limit"))):
        if kind != "baseline" or track.baseline:
            x = LEFT + 100 * place
            yield f'<line class="{kind}" x1="{x}" x2="{x + 20}" y1="{top + 37}" y2="{top + 37}"/>'
            yield words(x + 25, top + 41, name, "small")
    yield words(WIDTH - 20, top + 41, tile.between, "small end")
    y = top + ABOVE
    yield from _values(tile, y)
    bottom = y + VALUES
    if track.baseline:
        yield from _difference(tile, bottom + GAP)
        bottom += GAP + DIFFERENCE
    yield from _marks(tile, y, bottom)
    stretch = track.stretch
    yield from time_axis(stretch.start, stretch.end, lambda time: _x(track, time), bottom, (LEFT, LEFT + PLOT))
    yield words(LEFT, bottom + 36, " · ".join(tile.footer), "small")


def _values(tile: Tile, y: float) -> Iterator[str]:
    track, unit = tile.track, tile.track.metric.effective_unit
    bottom, top = _scale(tile)
    yield from _frame(y, VALUES, brief(top, unit), brief(bottom, unit))

    def height(value: float) -> float:
        return math.nan if math.isnan(value) else y + VALUES * (1 - min(max((value - bottom) / (top - bottom), 0), 1))

    for points, kind in ((track.baseline, "baseline"), (track.candidate, "candidate")):
        yield curve(((_at(track, place), height(one.value)) for place, one in enumerate(points)), kind)
    taken: list[tuple[float, float]] = []
    for limit in tile.limits:
        if limit.value is not None:
            at, begin, end = height(limit.value), LEFT + PLOT * limit.begin, LEFT + PLOT * limit.end
            yield f'<line class="limit" x1="{begin:.1f}" x2="{end:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
            yield from _label((begin, at), limit.label, y, taken)


def _scale(tile: Tile) -> tuple[float, float]:
    """The scale's ends; of shares that should be near the whole, the part near it."""
    values = [one.value for one in (*tile.track.candidate, *tile.track.baseline)]
    fixed = [(one.value, one.label) for one in tile.limits if one.value is not None]
    whole = {Unit.RATIO: 1.0, Unit.PERCENT: 100.0}.get(tile.track.metric.effective_unit)
    low = (
        whole is not None
        and bool(fixed)
        and all(" min " in f" {label} " and value > whole / 2 for value, label in fixed)
    )
    if not low or whole is None:
        return scale(values, tile.limits)
    least = min(value for value in (*values, *(value for value, _ in fixed)) if math.isfinite(value))
    return max(whole - 1.3 * (whole - least), 0.0) if least < whole else whole * 0.99, whole


def _difference(tile: Tile, y: float) -> Iterator[str]:
    track, unit = tile.track, tile.track.metric.effective_unit
    found = [track.difference(place) for place in range(track.stretch.points)]
    reach = _reach(tile, found)
    yield from _frame(y, DIFFERENCE, f"+{brief(reach, unit)}", f"−{brief(reach, unit)}")
    yield words(LEFT, y - 6, _caption(found), "small")

    def height(value: float) -> float:
        return math.nan if math.isnan(value) else y + DIFFERENCE * (1 - min(max((value + reach) / (2 * reach), 0), 1))

    yield from band([(_at(track, place), height(one[1]), height(one[2])) for place, one in enumerate(found)], "band")
    yield f'<line class="zero" x1="{LEFT}" x2="{LEFT + PLOT}" y1="{height(0):.1f}" y2="{height(0):.1f}"/>'
    yield curve(((_at(track, place), height(one[0])) for place, one in enumerate(found)), "difference")
    taken: list[tuple[float, float]] = []
    for limit in tile.limits:
        points = [(_at(track, place), height(value)) for place, value in _allowed(track, limit)]
        yield curve(points, "limit")
        first = next((point for point in points if not math.isnan(point[1])), None)
        if first is not None:
            yield from _label(first, limit.label, y, taken)


def _allowed(track: Track, limit: Limit) -> list[tuple[int, float]]:
    """The difference that a relative limit allows, at each point at which it was in force."""
    if limit.change is None:
        return []
    last = track.stretch.points - 1
    inside = range(round(limit.begin * last), round(limit.end * last) + 1)
    return [(place, limit.change * track.baseline[place].value) for place in inside]


def _reach(tile: Tile, found: Sequence[tuple[float, float, float]]) -> float:
    """How far up and down the differences go. An interval of few requests is wide: where it would hide all else it is cut off."""
    gaps = [abs(gap) for gap, _, _ in found if math.isfinite(gap)]
    allowed = [abs(value) for limit in tile.limits for _, value in _allowed(tile.track, limit) if math.isfinite(value)]
    reach = max((*gaps, *allowed), default=0.0)
    wide = sorted(max(abs(low), abs(high)) for _, low, high in found if math.isfinite(low))
    usual = wide[len(wide) // 2] if wide else 0.0
    reach = max(reach, min(usual, 4 * reach) if reach else usual)
    values = (abs(one.value) for one in tile.track.candidate if one.known)
    return 1.3 * reach or 0.1 * max(values, default=0.0) or 1.0


def _caption(found: Sequence[tuple[float, float, float]]) -> str:
    if all(math.isnan(gap) for gap, _, _ in found):
        return "difference: the arms never had a value at the same time"
    if all(math.isnan(low) for _, low, _ in found):
        return "difference, candidate minus baseline (no interval: it is not a ratio of counted requests)"
    return "difference, candidate minus baseline, and its 95% interval at each instant"


def _label(at: tuple[float, float], label: str, y: float, taken: list[tuple[float, float]]) -> Iterator[str]:
    """A limit's name at its begin, beside those that are there."""
    x, height = at
    place = height - 4 if height > y + 14 else height + 13
    short = label if len(label) <= LONGEST_LABEL else f"{label[:LONGEST_LABEL]}…"
    x = min(x + 4, WIDTH - 24 - LETTER * len(short))
    while any(abs(place - other) < 12 and abs(x - beside) < LETTER * LONGEST_LABEL for beside, other in taken):
        place += 12
    taken.append((x, place))
    yield words(x, place, short, "limit-name")


def _marks(tile: Tile, top: float, bottom: float) -> Iterator[str]:
    """The decisions; where the labels of some would overlap, those of ends and steps are written."""
    for one in tile.marks:
        x = _x(tile.track, one.time.timestamp())
        kind = (
            "stop"
            if one.what in STOPS
            else "good"
            if one.what == Reason.SUCCEEDED
            else "grid"
            if one.what == Reason.STEP_STARTED
            else "mark"
        )
        told = printable(f"{one.time:%m-%d %H:%M} {one.what}: {one.why}")
        yield f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"><title>{escape(told)}</title></line>'
    taken: list[tuple[float, float]] = []
    for one, label in sorted(_labels(tile.marks), key=lambda labelled: _worth(labelled[0])):
        x = _x(tile.track, one.time.timestamp())
        end = x + LETTER * len(label) + 6
        if label and end < WIDTH + 6 and all(end <= other or x >= beside for other, beside in taken):
            taken.append((x, end))
            yield words(x + 2, top - 4, label, "small")


def _labels(marks: Sequence[Moment]) -> Iterator[tuple[Moment, str]]:
    """Each decision with its label: a step's is its weight, or its name where that weight is no other than before."""
    before = 0.0
    for one in marks:
        if one.what != Reason.STEP_STARTED:
            yield one, one.what
            continue
        yield one, step_in(one.why) if one.weight in {None, before} else f"{one.weight:g}%"
        before = one.weight if one.weight is not None else before


def _worth(one: Moment) -> int:
    """How early a decision's label gets its place."""
    return 0 if one.what in STOPS else 1 if one.what == Reason.STEP_STARTED else 2


def _frame(y: float, height: float, top: str, bottom: str) -> Iterator[str]:
    yield f'<rect class="frame" x="{LEFT}" y="{y:.1f}" width="{PLOT}" height="{height}"/>'
    yield words(LEFT - 6, y + 10, top, "small end")
    yield words(LEFT - 6, y + height, bottom, "small end")


def _at(track: Track, place: int) -> float:
    return _x(track, track.stretch.time(place))


def _x(track: Track, time: float) -> float:
    return LEFT + PLOT * share(track, time)
