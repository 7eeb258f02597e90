"""`tidegate backtest`: a Rollout over what Prometheus remembers, decided by the same tick as in a cluster."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.prometheus import SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import weights_at
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable
from tidegate.cli.backtest import chart, score_text, svg, text
from tidegate.cli.backtest.as_json import as_json
from tidegate.cli.backtest.png import as_png
from tidegate.cli.backtest.progress import Told
from tidegate.cli.backtest.source import add_source_arguments, address_of
from tidegate.cli.backtest.windows_file import GivenWindows, windows_of
from tidegate.cli.backtest.workers import Jobs, workers
from tidegate.cli.documents import Document
from tidegate.cli.errors import CommandError
from tidegate.cli.instants import duration, read_instant
from tidegate.cli.rollouts import the_rollout
from tidegate.core.run.timeline import timeline
from tidegate.ports.errors import PortError
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.backtest import Backtest, Here, NoHistoryError, Perform, Watcher, backtest
from tidegate.simulation.backtest.history import Progress
from tidegate.simulation.backtest.order import Order
from tidegate.simulation.backtest.run import Span
from tidegate.simulation.backtest.score import Score, score

MOST_RUNS: Final = 2000
"""Runs of one call: a year of hours is 8,760, and says no more than a month."""
OUTCOMES: Final = ("Succeeded", "Reverted", "SentBack", "Running")
"""How a run of the past can end; `Running`: the history ended first."""


MOST_JOBS: Final = 64
"""Processes of one call."""
NOT_SCORED: Final = {
    "--from": "begin",
    "--to": "end",
    "--every": "every",
    "--suggest": "suggest",
    "--svg": "svg",
    "--png": "png",
    "--chart": "chart",
    "--expect": "expect",
}
"""Options that a file of windows has no use for."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The Rollout, the history, and how to print."""
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="YAML with one Rollout, and its metric templates; - for stdin")
    add("--from", dest="begin", metavar="WHEN", help="2026-11-01T00:00:00Z, or 14d before --to")
    add("--to", dest="end", metavar="WHEN", help="an instant, or a duration before now; by default now")
    add(
        "--every",
        type=duration,
        metavar="TIME",
        help="start a run at this interval (1d); by default one run, at --from",
    )
    add(
        "--score",
        metavar="FILE",
        help="instead of --from: run the windows of this file, and count how many have the expected result",
    )
    add(
        "--as",
        dest="assumed",
        choices=[str(one) for one in Assumed],
        help="whose history is used for the candidate: its own, the baseline's, or one half of the baseline's pods "
        "against the other; by default its own, the baseline's where it has none",
    )
    add("-n", "--namespace", help="by default the Rollout's own, else default")
    add(
        "--suggest",
        action="store_true",
        help="the tightest limits that would have stopped no run, and what other limits would have stopped",
    )
    add("--svg", type=_svg, metavar="FILE", help="write a chart of metrics, limits and decisions")
    add("--png", type=Path, metavar="FILE", help="the same chart as PNG (extra: tidegate[png])")
    add("--chart", action=argparse.BooleanOptionalAction, help="draw the metrics; by default on a terminal")
    add("--format", choices=("text", "json"), default="text", help="default: text")
    add("-q", "--quiet", action="store_true", help="print the result alone: no progress, no notes, no tables")
    add("--expect", choices=OUTCOMES, help="exit with 1 unless every run ends this way")
    add(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="number of processes; by default one per core, where the work takes more than a few seconds",
    )
    add_source_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0; 1 when a run did not end as expected, or the score is not the one that is required."""
    given = the_rollout(arguments.files, "backtest")
    document, spec = given.document, given.whole_spec()
    if not spec.metrics:
        raise CommandError(f"{document.file}: the Rollout has no metrics: there is nothing to evaluate")
    address, told = address_of(arguments), Told(quiet=arguments.quiet)
    job = _job(arguments, document, spec)
    try:
        return job(address, told)
    except (PortError, NoHistoryError) as error:
        raise CommandError(str(error)) from error


def _job(arguments: argparse.Namespace, document: Document, spec: RolloutSpec) -> Callable[[SourceAddress, Told], int]:
    """What is to be done, with all that the command line says checked."""
    now = SystemClock().now()
    if arguments.score is None:
        if arguments.begin is None:
            raise CommandError("--from is required: an instant such as 2026-11-01T00:00:00Z, or 14d; or --score FILE")
        return partial(_runs, arguments, _order(arguments, document, spec, now))
    for option, name in NOT_SCORED.items():
        if getattr(arguments, name):
            raise CommandError(f"{option} cannot be used with --score: the file says which runs there are")
    windows = windows_of(arguments.score, now)
    return partial(_score, arguments, _whole(arguments, document, spec, (now, now)), windows)


def _runs(arguments: argparse.Namespace, order: Order, address: SourceAddress, told: Told) -> int:
    """Runs over a stretch of history."""
    try:
        found = asyncio.run(_backtest(address, order, told, Jobs.of(arguments.jobs)))
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


def _score(
    arguments: argparse.Namespace, rollout: Order, given: GivenWindows, address: SourceAddress, told: Told
) -> int:
    """Windows with what should happen in them."""
    try:
        found = asyncio.run(_scored(address, rollout, given, told, Jobs.of(arguments.jobs)))
    finally:
        told.end()
    unmet = list(found.unmet(given.required))
    if arguments.format == "json":
        print(json.dumps(score_text.as_json(found) | {"unmet": unmet}, indent=2, allow_nan=False))
        return 1 if unmet else 0
    if not arguments.quiet:
        score_text.show(found, rollout, sys.stdout)
    print(printable_lines(score_text.words(found)))
    for line in unmet:
        print(f"NOT AS REQUIRED: {printable(line)}")
    return 1 if unmet else 0


def _print(arguments: argparse.Namespace, found: Backtest, unmet: list[str]) -> None:
    drawn = arguments.chart if arguments.chart is not None else sys.stdout.isatty() and not arguments.quiet
    if not arguments.quiet:
        text.show_runs(found, sys.stdout)
    if drawn:
        print("\n" + "\n\n".join(chart.charts(found, shutil.get_terminal_size((100, 24)).columns)))
    if not arguments.quiet:
        text.show_lines(found, sys.stdout)
        text.show_tests(found, sys.stdout)
    if arguments.suggest:
        text.show_suggestions(found, sys.stdout, first=arguments.quiet and not drawn)
    print(("" if arguments.quiet else "\n") + printable_lines(text.words(found)))
    for line in unmet:
        print(f"NOT AS EXPECTED: {printable(line)}")


def printable_lines(words: str) -> str:
    """Lines, each safe to show."""
    return "\n".join(printable(line) for line in words.split("\n"))


async def _backtest(address: SourceAddress, order: Order, told: Told, jobs: Jobs) -> Backtest:
    source, progress = PrometheusHistory(address), Progress(told.fetched)
    try:
        with _performing(source, address, jobs, progress) as perform:
            watcher = Watcher(told.fetched, told.ran)
            return await backtest(source.range, order, watcher, ask_raw=source.raw, perform=perform)
    finally:
        source.close()


async def _scored(address: SourceAddress, rollout: Order, given: GivenWindows, told: Told, jobs: Jobs) -> Score:
    source, progress = PrometheusHistory(address), Progress(told.fetched)
    try:
        with _performing(source, address, jobs, progress) as perform:
            return await score(perform, rollout, given.windows, Watcher(told.fetched, told.ran))
    finally:
        source.close()


@contextlib.contextmanager
def _performing(source: PrometheusHistory, address: SourceAddress, jobs: Jobs, progress: Progress) -> Iterator[Perform]:
    """Who does the parts: this process, or others."""
    here = Here(source.range, source.raw, progress)
    if jobs.number == 1:
        yield here
        return
    with workers(here, address, jobs) as many:
        yield many


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_JOBS:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1 to {MOST_JOBS}")
    return int(text)


def _order(arguments: argparse.Namespace, document: Document, spec: RolloutSpec, now: float) -> Order:
    end = _moment(arguments.end, now) if arguments.end else now
    start = _moment(arguments.begin, end)
    every = arguments.every.seconds if arguments.every else math.inf
    if start >= end:
        raise CommandError("--from must be before --to")
    if (end - start) / max(every, 1e-3) > MOST_RUNS:
        raise CommandError(f"--every {arguments.every} gives more than {MOST_RUNS} runs")
    return replace(_whole(arguments, document, spec, (start, end)), every=every)


def _whole(arguments: argparse.Namespace, document: Document, spec: RolloutSpec, over: tuple[float, float]) -> Order:
    """One run of the Rollout from one instant to another (epoch seconds)."""
    steps = timeline(spec)
    largest = [float(weights_at(spec, one.step).largest) for one in steps]
    spans = tuple(Span(one.step.name, most, one.start, one.end) for one, most in zip(steps, largest, strict=True))
    metadata = document.content.get("metadata")
    own = str(metadata.get("namespace", "default")) if isinstance(metadata, dict) else "default"
    length = steps[-1].end + spec.promotion.settle.seconds + 2 * spec.interval.seconds
    assumed = Assumed(arguments.assumed) if arguments.assumed else None
    return Order(document.name, arguments.namespace or own, spec, *over, spans, length, assumed=assumed)


def _svg(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() == ".png":
        raise argparse.ArgumentTypeError(f"write --png {path}")
    return path


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
            else f"{text!r} is neither an instant such as 2026-11-21T09:00:00Z nor a duration such as 14d"
        )
        raise CommandError(message) from None
    if instant.timestamp() < 0:
        raise CommandError(f"{text} is earlier than 1970")
    return instant.timestamp()


def _write(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error
