"""Tables: drawn for a terminal, aligned columns for anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True)
class Table:
    """Rows of text under headings."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def show(table: Table, out: TextIO) -> None:
    """Writes it to `out`, empty columns left out."""
    if out.isatty():
        _draw(_filled(table), out)
    else:
        out.write(f"{table.title}\n{plain(table)}")


def plain(table: Table) -> str:
    """As aligned columns, empty ones left out."""
    kept = _filled(table)
    lines = [[heading.upper() for heading in kept.columns], *kept.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(kept.columns))]
    return "".join(_line(line, widths) for line in lines)


def _filled(table: Table) -> Table:
    """Without the columns that have nothing in any row."""
    kept = [index for index in range(len(table.columns)) if any(row[index] for row in table.rows)]
    rows = tuple(tuple(row[index] for index in kept) for row in table.rows)
    return Table(table.title, tuple(table.columns[index] for index in kept), rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "   ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() + "\n"


def _draw(table: Table, out: TextIO) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  (only a terminal needs rich, and it takes 50 ms)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table as Drawn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Drawn(title=Text(table.title), box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for heading in table.columns:
        drawn.add_column(heading)
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(file=out).print(drawn)
