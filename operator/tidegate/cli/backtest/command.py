"""`tidegate backtest`: a Rollout over what Prometheus remembers, decided by the same tick as in a cluster."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import shutil
import sys
import time
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.prometheus import FileAuth, SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable
from tidegate.cli.backtest import chart, svg, text
from tidegate.cli.backtest.as_json import as_json
from tidegate.cli.backtest.png import as_png
from tidegate.cli.documents import Document
from tidegate.cli.errors import CommandError
from tidegate.cli.instants import read_instant
from tidegate.cli.rollouts import the_rollout
from tidegate.core.run.timeline import timeline
from tidegate.ports.errors import PortError
from tidegate.runtime.settings import Source
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.backtest import Backtest, NoHistoryError, Watcher, backtest
from tidegate.simulation.backtest.history import Progress
from tidegate.simulation.backtest.order import Order
from tidegate.simulation.backtest.run import Span

MOST_RUNS: Final = 2000
"""Runs of one call: a year of hours is 8,760, and says no more than a month."""
OUTCOMES: Final = ("Succeeded", "Reverted", "SentBack", "Running")
"""How a run of the past can end; `Running`: the history ended first."""
REDRAWN: Final = 0.2
"""Seconds between two words on progress to a terminal; ten times as long to anything else."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The Rollout, the history, and how to print."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="YAML with one Rollout, and its metric templates; - for stdin")
    add("--prometheus", required=True, metavar="URL", help="what /api/v1/query_range is added to")
    add("--from", dest="begin", required=True, metavar="WHEN", help="2026-11-01T00:00:00Z, or 14d before --to")
    add("--to", dest="end", metavar="WHEN", help="an instant, or so long ago; by default now")
    add("--every", type=_duration, metavar="TIME", help="start a run so often (1d); by default one, at --from")
    add(
        "--as",
        dest="assumed",
        choices=[str(one) for one in Assumed],
        help="whose history answers for the candidate: its own, the baseline's, or one half of the baseline's pods "
        "against the other; by default its own, the baseline's where it has none",
    )
    add("-n", "--namespace", help="by default the Rollout's own, else default")
    add(
        "--suggest",
        action="store_true",
        help="limits that this history would have kept, and what others would have stopped",
    )
    add("--svg", type=_svg, metavar="FILE", help="write a picture of metrics, limits and decisions")
    add("--png", type=Path, metavar="FILE", help="the same picture as PNG (extra: tidegate[png])")
    add("--chart", action=argparse.BooleanOptionalAction, help="draw the metrics; by default on a terminal")
    add("--format", choices=("text", "json"), default="text", help="default: text")
    add("--expect", choices=OUTCOMES, help="exit with 1 unless every run ends so")
    add("--bearer-token-file", type=Path, metavar="FILE", help="a token for Prometheus")
    add("--user", metavar="NAME", help="a user of Prometheus, with --password-file")
    add("--password-file", type=Path, metavar="FILE", help="that user's password")
    add(
        "--header",
        action="append",
        default=[],
        metavar="NAME:VALUE",
        help="a header for Prometheus, such as X-Scope-OrgID",
    )
    add("--ca-file", type=Path, metavar="FILE", help="certificates to trust instead of the system's")
    add("--timeout", type=_duration, default=Duration("1m"), help="for one answer; by default 1m")


def run(arguments: argparse.Namespace) -> int:
    """0; 1 when a run did not end as expected."""
    given = the_rollout(arguments.files, "backtest")
    document, spec = given.document, given.whole_spec()
    if not spec.metrics:
        raise CommandError(f"{document.file}: the Rollout asks no metrics; there is nothing to look up")
    order = _order(arguments, document, spec)
    address = _address(arguments)
    told = _Told()
    try:
        found = asyncio.run(_backtest(address, order, told))
    except (PortError, NoHistoryError) as error:
        raise CommandError(str(error)) from error
    finally:
        told.end()
    if arguments.svg is not None:
        _write(arguments.svg, svg.picture(found).encode())
    if arguments.png is not None:
        _write(arguments.png, as_png(svg.picture(found)))
    unmet = text.unmet(found, arguments.expect)
    if arguments.format == "json":
        print(json.dumps(as_json(found, suggest=arguments.suggest) | {"unmet": unmet}, indent=2, allow_nan=False))
    else:
        _print(arguments, found, unmet)
    return 1 if unmet else 0


def _print(arguments: argparse.Namespace, found: Backtest, unmet: list[str]) -> None:
    drawn = arguments.chart if arguments.chart is not None else sys.stdout.isatty()
    text.show_runs(found, sys.stdout)
    if drawn:
        print("\n" + "\n\n".join(chart.charts(found, shutil.get_terminal_size((100, 24)).columns)))
    text.show_lines(found, sys.stdout)
    text.show_tests(found, sys.stdout)
    if arguments.suggest:
        text.show_suggestions(found, sys.stdout)
    print("\n" + "\n".join(printable(line) for line in text.words(found).split("\n")))
    for line in unmet:
        print(f"NOT AS EXPECTED: {printable(line)}")


async def _backtest(address: SourceAddress, order: Order, told: _Told) -> Backtest:
    source = PrometheusHistory(address)
    try:
        return await backtest(source.range, order, Watcher(told.fetched, told.ran), ask_raw=source.raw)
    finally:
        source.close()


def _order(arguments: argparse.Namespace, document: Document, spec: RolloutSpec) -> Order:
    now = SystemClock().now()
    end = _moment(arguments.end, now) if arguments.end else now
    start = _moment(arguments.begin, end)
    every = arguments.every.seconds if arguments.every else math.inf
    if start >= end:
        raise CommandError("--from must lie before --to")
    if (end - start) / max(every, 1e-3) > MOST_RUNS:
        raise CommandError(f"--every {arguments.every} gives more than {MOST_RUNS} runs")
    steps = timeline(spec)
    spans = tuple(Span(one.step.name, float(one.step.weight.percent), one.start, one.end) for one in steps)
    metadata = document.content.get("metadata")
    own = str(metadata.get("namespace", "default")) if isinstance(metadata, dict) else "default"
    length = steps[-1].end + spec.promotion.settle.seconds + 2 * spec.interval.seconds
    assumed = Assumed(arguments.assumed) if arguments.assumed else None
    return Order(document.name, arguments.namespace or own, spec, start, end, spans, length, every, assumed)


def _address(arguments: argparse.Namespace) -> SourceAddress:
    headers = dict(_header(text) for text in arguments.header)
    try:
        url = Source.model_validate({"url": arguments.prometheus}).url
    except ValidationError as error:
        said = str(error.errors()[0].get("ctx", {}).get("error") or error.errors()[0]["msg"])
        if "password" in said:  # never shown
            raise CommandError("--prometheus must not hold a password; use --user and --password-file") from None
        raise CommandError(f"--prometheus {arguments.prometheus} {said}") from error
    if (arguments.user is None) != (arguments.password_file is None):
        raise CommandError("--user goes with --password-file")
    if arguments.user is not None and arguments.bearer_token_file is not None:
        raise CommandError("give --bearer-token-file or --user, not both")
    auth = FileAuth(arguments.bearer_token_file, arguments.user or "", arguments.password_file)
    return SourceAddress(url, auth, arguments.ca_file, headers=headers, timeout=arguments.timeout.seconds)


def _svg(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() == ".png":
        raise argparse.ArgumentTypeError(f"write --png {path}")
    return path


def _header(text: str) -> tuple[str, str]:
    name, separator, value = text.partition(":")
    try:
        made = Source.model_validate({"url": "http://localhost", "headers": {name.strip(): value.strip()}}).headers
    except ValidationError:
        made = {}
    if not separator or not made:
        raise CommandError(f"--header {name}: write it like X-Scope-OrgID:shop, on one line")
    return name.strip(), value.strip()


def _moment(text: str, before: float) -> float:
    """Epoch seconds of an instant, or of so long before another."""
    with contextlib.suppress(ValueError):
        found = before - Duration.parse(text).seconds
        if found < 0:
            raise CommandError(f"{text} before is earlier than 1970")
        return found
    try:
        instant = read_instant(text)
    except ValueError as error:
        message = (
            str(error)
            if "time zone" in str(error)
            else f"{text!r} is neither an instant such as 2026-11-21T09:00:00Z nor a time such as 14d"
        )
        raise CommandError(message) from None
    if instant.timestamp() < 0:
        raise CommandError(f"{text} is earlier than 1970")
    return instant.timestamp()


def _duration(text: str) -> Duration:
    try:
        found = Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if found.seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be greater than 0")
    return found


def _write(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


class _Told:
    """Says on stderr how far it is: on a terminal in one line that is written over."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._last = 0.0
        self._open = False
        self._words = ""
        self._asked = 0
        self._runs = ""

    def fetched(self, progress: Progress) -> None:
        """An answer is wanted, or there."""
        self._asked = progress.done
        of = "" if self._runs else f" of {progress.wanted}"  # how many the runs will ask nobody knows
        self._say(f"{self._runs}asked {progress.done}{of} queries")

    def ran(self, done: int, of: int) -> None:
        """So many runs have ended."""
        self._runs = f"ran {done} of {of}; "
        self._say(f"{self._runs}asked {self._asked} queries")

    def _say(self, words: str) -> None:
        self._words = words
        now, terminal = time.perf_counter(), sys.stderr.isatty()
        if now - self._last < (REDRAWN if terminal else 10 * REDRAWN):
            return
        self._last = now
        sys.stderr.write(f"\r\x1b[K{words}" if terminal else f"{words}\n")
        sys.stderr.flush()
        self._open = terminal

    def end(self) -> None:
        """Nothing more comes."""
        sys.stderr.write("\r\x1b[K" if self._open else "")
        print(f"{self._words or 'nothing asked'}, in {time.perf_counter() - self._begun:.1f} s", file=sys.stderr)
