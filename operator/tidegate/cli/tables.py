"""Tables: drawn for a terminal, in paragraphs where it is too narrow for that; aligned columns for anything else."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from tidegate.api.text import printable

PADDING: Final = 3
"""Characters beside a drawn column; the first has one more."""
LEGIBLE: Final = 40
"""Characters that the widest column needs at least, if its text is to be wrapped."""


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
        out.write(f"{printable(table.title)}\n{plain(table)}")


def plain(table: Table) -> str:
    """As aligned columns, empty ones left out."""
    kept = _filled(table)
    lines = [[heading.upper() for heading in kept.columns], *kept.rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(kept.columns))]
    return "".join(_line(line, widths) for line in lines)


def _filled(table: Table) -> Table:
    """Without the columns that have nothing in any row, and with every text safe to show."""
    kept = [index for index in range(len(table.columns)) if any(row[index] for row in table.rows)]
    rows = tuple(tuple(printable(row[index]) for index in kept) for row in table.rows)
    return Table(printable(table.title), tuple(table.columns[index] for index in kept), rows)


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
    console = Console(file=out)
    if _fits(table, console.width):
        console.print(drawn)
    else:
        out.writelines(f"{line}\n" for line in (table.title, *_paragraphs(table, console.width)))


def _fits(table: Table, width: int) -> bool:
    """Whether every column but the widest is as wide as its texts, and that one is wide enough to be read."""
    cells = [table.columns, *table.rows]
    widths = sorted(max(len(line[place]) for line in cells) for place in range(len(table.columns)))
    return sum(widths[:-1]) + sum(min(one, LEGIBLE) for one in widths[-1:]) + PADDING * len(widths) + 1 <= width


def _paragraphs(table: Table, width: int) -> Iterator[str]:
    """Each row by itself: its first text, and below it the others with their headings."""
    for first, *others in table.rows:
        said = " · ".join(f"{name} {text}" for name, text in zip(table.columns[1:], others, strict=True) if text)
        for text, indent in ((first, "  "), (said, " " * 6)):
            yield from textwrap.wrap(
                text, width, initial_indent=indent, subsequent_indent=" " * 6, break_on_hyphens=False
            )
