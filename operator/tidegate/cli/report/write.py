"""A report in the format asked for, on standard output or in a file, with its charts as a picture beside a Markdown file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tidegate.api.report import Report
from tidegate.cli.charts.drawing import STYLE, document
from tidegate.cli.errors import CommandError
from tidegate.cli.report.drawn import MORE_STYLE, draw
from tidegate.cli.report.html import as_html
from tidegate.cli.report.markdown import as_markdown
from tidegate.cli.report.tile import WIDTH, Tile
from tidegate.cli.report.words import title

FORMATS: Final = ("md", "html", "json")
SPACE: Final = 14
"""Between two tiles of a picture."""


def format_of(path: Path) -> str:
    """The format that a file's name asks for.

    Raises: CommandError: its gate requires none.
    """
    found = path.suffix.lower().removeprefix(".")
    found = {"htm": "html", "markdown": "md"}.get(found, found)
    if found not in FORMATS:
        raise CommandError(f"{path}: end the name in .md, .html or .json, which says what is written")
    return found


def write(report: Report, tiles: Sequence[Tile], form: str, path: Path | None) -> None:
    """Writes it.

    Raises: CommandError: a file cannot be written.
    """
    match form:
        case "html":
            text = as_html(report, tiles)
        case "json":
            text = json.dumps(as_json(report, tiles), indent=2, allow_nan=False) + "\n"
        case _:
            beside = path.with_suffix(".svg") if path is not None and tiles else None
            if beside is not None and beside == path:
                raise CommandError(f"--output {path}: the charts go into this file; end the name of the report in .md")
            text = as_markdown(report, tiles, beside.name if beside is not None else "")
            if beside is not None:
                _save(beside, picture(report, tiles))
    if path is None:
        sys.stdout.write(text)
    else:
        _save(path, text)


def picture(report: Report, tiles: Sequence[Tile]) -> str:
    """All charts in one SVG, one below the other."""
    parts: list[str] = []
    y = 0.0
    for tile in tiles:
        parts += draw(tile, y)
        y += tile.height + SPACE
    return document(WIDTH, y, title(report), parts, STYLE + MORE_STYLE)


def as_json(report: Report, tiles: Sequence[Tile]) -> dict[str, Any]:
    """The report as docs/report.md describes it; `charts` has what the charts show."""
    found = report.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found | ({"charts": [_chart(tile) for tile in tiles]} if tiles else {})


def _chart(tile: Tile) -> dict[str, Any]:
    track = tile.track
    gaps = [track.difference(place) for place in range(track.stretch.points)]
    return {
        "metric": track.metric.name,
        "unit": str(track.metric.effective_unit),
        "start": track.stretch.start,
        "step": track.stretch.step,
        "candidate": [_number(one.value) for one in track.candidate],
        "baseline": [_number(one.value) for one in track.baseline],
        "difference": [_number(gap) for gap, _, _ in gaps] if track.baseline else [],
        "low": [_number(low) for _, low, _ in gaps] if track.baseline else [],
        "high": [_number(high) for _, _, high in gaps] if track.baseline else [],
        "limits": [limit.label for limit in tile.limits],
        "breached": tile.breached,
    }


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if value == value and abs(value) != float("inf") else None  # noqa: PLR0124  (NaN)


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
