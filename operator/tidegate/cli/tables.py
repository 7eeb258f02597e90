"""Tables: drawn for a terminal, in paragraphs where it is too narrow for that; aligned columns for anything else."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from tidegate.api.values.text import printable
from tidegate.cli.tones import tone_of

PADDING: Final = 3
"""Characters beside a drawn column; the first has one more."""
LEGIBLE: Final = 24
"""Characters that a column of sentences needs at least, if they are to be wrapped."""


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
    return aligned(kept.columns, kept.rows)


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Every column, aligned, as kubectl writes a list; the texts are printable."""
    lines = [[heading.upper() for heading in columns], *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "".join(_line(line, widths) for line in lines)


def _filled(table: Table) -> Table:
    """Without the columns that have nothing in any row, and with every text safe to show."""
    kept = [index for index in range(len(table.columns)) if any(row[index] for row in table.rows)]
    rows = tuple(tuple(printable(row[index]) for index in kept) for row in table.rows)
    return Table(printable(table.title), tuple(table.columns[index] for index in kept), rows)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "   ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() + "\n"


def headline(name: str, what: str, out: TextIO) -> None:
    """Writes a first line such as `checkout: Reverted`, in colour on a terminal."""
    name, what = printable(name), printable(what)
    if not out.isatty():
        out.write(f"{name}: {what}\n")
        return
    from rich.console import Console  # noqa: PLC0415  (only a terminal needs rich, and it takes 50 ms)
    from rich.text import Text  # noqa: PLC0415

    Console(file=out).print(Text.assemble(f"{name}: ", (what, tone_of(what) or "bold")))


def _draw(table: Table, out: TextIO) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  (only a terminal needs rich, and it takes 50 ms)
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table as Drawn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=out)
    widths = fitted(table, console.width)
    if widths is None:
        out.writelines(f"{line}\n" for line in (table.title, *_paragraphs(table, console.width)))
        return
    drawn = Drawn(title=Text(table.title), box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    for heading, width in zip(table.columns, widths, strict=True):
        drawn.add_column(heading, width=width, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell, style=tone_of(cell)) for cell in row))
    console.print(drawn)


def fitted(table: Table, width: int) -> list[int] | None:
    """The columns' widths in a table of at most `width` characters; `None` where its words have no room.

    The widest column gives way first, down to its longest word, or to what can still be read of a text.
    """
    lines = [table.columns, *table.rows]
    places = range(len(table.columns))
    widths = [max(len(line[place]) for line in lines) for place in places]
    least = [min(widths[place], max(_longest_word(line[place]) for line in lines)) for place in places]
    least = [
        max(word, min(full, LEGIBLE)) if full > 2 * LEGIBLE else word for word, full in zip(least, widths, strict=True)
    ]
    room = width - PADDING * len(widths) - 1
    while sum(widths) > room:
        giving = [place for place in places if widths[place] > least[place]]
        if not giving:
            return None
        widths[max(giving, key=lambda place: widths[place])] -= 1
    return widths


def _longest_word(text: str) -> int:
    return max((len(word) for word in text.split()), default=0)


def _paragraphs(table: Table, width: int) -> Iterator[str]:
    """Each row by itself: its first text, and below it the others with their headings."""
    for first, *others in table.rows:
        said = " · ".join(f"{name} {text}" for name, text in zip(table.columns[1:], others, strict=True) if text)
        for text, indent in ((first, "  "), (said, " " * 6)):
            yield from textwrap.wrap(
                text, width, initial_indent=indent, subsequent_indent=" " * 6, break_on_hyphens=False
            )
