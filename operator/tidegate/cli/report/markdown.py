"""A report as Markdown: tables, and a reference to the picture where one is written beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tidegate.api.report import Report
from tidegate.api.values.text import printable
from tidegate.cli.report import words
from tidegate.cli.report.limits import limits_table
from tidegate.cli.report.tile import Tile
from tidegate.cli.tables import Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def as_markdown(report: Report, tiles: Sequence[Tile], picture: str = "") -> str:
    """The whole document; `picture` is the file name of the charts, empty for none."""
    return "\n".join(_lines(report, tiles, picture)) + "\n"


def _lines(report: Report, tiles: Sequence[Tile], picture: str) -> Iterator[str]:
    yield f"# {_text(words.title(report))}\n"
    yield f"{_text(words.summary(report))}\n"
    for name, value in words.facts(report):
        yield f"- **{_text(name)}**: {_text(value)}"
    yield "\n## Limits\n"
    yield from _table(limits_table(report.limits)) if report.limits else ("None was evaluated.",)
    if tiles:
        yield f"\n## {words.metric_table(tiles).title}\n"
        yield from _table(words.metric_table(tiles))
        if picture:
            yield f"\n![Each metric of both arms, their difference and the limits]({picture})"
    for table in words.tables(report):
        yield f"\n## {_text(table.title)}\n"
        yield from _table(table)
    if report.checkpoints:
        yield "\n## Checkpoints"
    for table in words.checkpoint_tables(report):
        yield f"\n### {_text(table.title)}\n"
        yield from _table(table) if table.rows else ("No evidence is kept of it.",)
    if report.left_out:
        yield "\n## Not in this report\n"
        yield from (f"- {_text(one)}" for one in report.left_out)


def _table(table: Table) -> Iterator[str]:
    kept = [place for place in range(len(table.columns)) if any(row[place] for row in table.rows)]
    yield "| " + " | ".join(_text(table.columns[place]) for place in kept) + " |"
    yield "|" + "---|" * len(kept)
    for row in table.rows:
        yield "| " + " | ".join(_text(row[place]) for place in kept) + " |"


def _text(text: str) -> str:
    """Safe in a cell and out of one: what people or labels say is no markup."""
    return _SPECIAL.sub(r"\\\1", printable(text))
