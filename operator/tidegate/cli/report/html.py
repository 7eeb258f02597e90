"""A report as HTML: one file, nothing loaded from anywhere, no script; light and dark as the reader's system has it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from tidegate.api.report import RUNNING, Report
from tidegate.api.values.text import printable
from tidegate.cli.charts.drawing import STYLE, document
from tidegate.cli.report import words
from tidegate.cli.report.drawn import MORE_STYLE, draw
from tidegate.cli.report.limits import limits_table, stamp
from tidegate.cli.report.tile import WIDTH, Tile
from tidegate.cli.tables import Table

PAGE_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, 'DejaVu Sans', 'Noto Sans', 'Liberation Sans', Arial, sans-serif; color: #1f2328; background: #ffffff; margin: 0 auto; max-width: 1200px; padding: 1.5rem }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem } h3 { font-size: 1rem; margin: 1.25rem 0 .25rem }
.outcome { padding: .1rem .6rem; border-radius: 1rem; color: #ffffff; background: #59636e }
.outcome-Succeeded { background: #1a7f37 } .outcome-Reverted, .outcome-Aborted { background: #cf222e }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem } dt { color: #59636e } dd { margin: 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: .9rem; width: 100% } caption { text-align: left; color: #59636e }
th { text-align: left; font-weight: 600 } th, td { border-bottom: 1px solid #d1d9e0; padding: .3rem .75rem .3rem 0; vertical-align: top }
.state-Breached { color: #cf222e; font-weight: 600 } .state-Ok { color: #1a7f37 }
.tiles { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0; border: 1px solid #d1d9e0; border-radius: .5rem; padding: .5rem }
figure.breached { border-color: #cf222e } svg { max-width: 100%; height: auto }
footer { margin-top: 2rem; color: #59636e; font-size: .85rem }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117 } dt, caption, footer { color: #9198a1 } th, td, figure { border-color: #3d444d }
  .state-Breached { color: #f85149 } .state-Ok { color: #3fb950 } figure.breached { border-color: #f85149 }
}"""
STATES: Final = frozenset({"Ok", "Breached"})


def as_html(report: Report, tiles: Sequence[Tile]) -> str:
    """The whole document."""
    style = PAGE_STYLE + STYLE + MORE_STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(words.title(report))}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n"
    )
    return head + "\n".join(_body(report, tiles)) + "\n</main>\n</body>\n</html>\n"


def _body(report: Report, tiles: Sequence[Tile]) -> Iterator[str]:
    kind = f" outcome-{report.outcome}" if report.outcome.isalpha() else ""
    name = f"{report.namespace}/{report.rollout}"
    yield f'<h1>{_text(name)} <span class="outcome{kind}">{_text(report.outcome)}</span></h1>'
    yield f"<p>{_text(words.summary(report))}</p>"
    yield (
        "<dl>"
        + "".join(f"<dt>{_text(key)}</dt><dd>{_text(value)}</dd>" for key, value in words.facts(report))
        + "</dl>"
    )
    yield '<h2 id="limits">Limits</h2>'
    yield _table(limits_table(report.limits)) if report.limits else "<p>None was evaluated.</p>"
    if tiles:
        yield '<h2 id="metrics">Metrics</h2>\n<div class="tiles">'
        yield from (_figure(tile) for tile in tiles)
        yield "</div>"
    for table in words.tables(report):
        yield f"<h2>{_text(table.title)}</h2>"
        yield _table(table)
    if report.checkpoints:
        yield "<h2>Checkpoints</h2>"
    for table in words.checkpoint_tables(report):
        yield f"<h3>{_text(table.title)}</h3>"
        yield _table(table) if table.rows else "<p>No evidence is kept of it.</p>"
    if report.left_out:
        yield (
            "<h2>Not in this report</h2>\n<ul>" + "".join(f"<li>{_text(one)}</li>" for one in report.left_out) + "</ul>"
        )
    as_of = "as of" if report.outcome == RUNNING else "written"
    yield f"<footer>Run {_text(report.run)}, {as_of} {stamp(report.written)}. {_text(report.schema_version)}</footer>"


def _figure(tile: Tile) -> str:
    said = f"{tile.track.metric.name}: {tile.header}. {'; '.join(tile.footer)}"
    kind = ' class="breached"' if tile.breached else ""
    return f"<figure{kind}>{document(WIDTH, tile.height, printable(said), draw(tile), style='')}</figure>"


def _table(table: Table) -> str:
    kept = [place for place in range(len(table.columns)) if any(row[place] for row in table.rows)]
    head = "".join(f'<th scope="col">{_text(table.columns[place])}</th>' for place in kept)
    rows = "".join("<tr>" + "".join(_cell(row[place]) for place in kept) + "</tr>\n" for row in table.rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>'


def _cell(text: str) -> str:
    kind = f' class="state-{text}"' if text in STATES else ""
    return f"<td{kind}>{_text(text)}</td>"


def _text(text: str) -> str:
    return escape(printable(text))
