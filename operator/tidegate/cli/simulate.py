"""`tidegate simulate`: a Rollout in a scripted world, decided by the same tick as in a cluster, on a virtual clock."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.validation.schema_errors import read as read_model
from tidegate.api.values.text import printable
from tidegate.cli.documents import Document, read
from tidegate.cli.errors import CommandError
from tidegate.cli.report.simulated import Watched, simulated
from tidegate.cli.report.write import format_of, write
from tidegate.cli.rollouts import the_rollout
from tidegate.cli.tables import Table, show
from tidegate.core import gates
from tidegate.core.model.time_format import in_words
from tidegate.ports.protocols import Manager
from tidegate.reconcile.specs import checked
from tidegate.simulation.clean import clean_world
from tidegate.simulation.outcome import Outcome, unmet
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted
from tidegate.simulation.world_checks import unsaid, world_problems

COLUMNS = ("after", "at", "weight", "what", "why")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The Rollout, the world, and how to print."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="YAML with one Rollout, and its metric templates; - for stdin"
    )
    parser.add_argument(
        "--world",
        metavar="WORLD.yaml",
        help="what happens (docs/worlds.md); by default nothing fails: every metric is within its limits, with enough requests",
    )
    parser.add_argument(
        "--notifications", action="store_true", help="also print the messages that spec.notifications would send"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE",
        help="write the report of the run (docs/report.md): FILE ends in .md, .html or .json",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    """0 when the world's expectations are met (or it has none), 1 when not."""
    form = format_of(arguments.report) if arguments.report is not None else ""
    given = the_rollout(arguments.files, "simulate")
    document, spec = given.document, given.whole_spec()
    world = _world(arguments.world, spec)
    begun = time.perf_counter()
    scripted = Scripted(document.name, _wire(document), spec, world, checked)
    for ref, template in given.templates.specs.items():
        scripted.cluster.put_metric_template(ref, template)
    watched = Watched(scripted)
    scripted.run(watched.look)
    took = time.perf_counter() - begun
    outcome = Outcome.of(scripted)
    failures = unmet(world.expect, outcome) if world.expect else []
    if arguments.format == "json":
        print(json.dumps(outcome.as_json() | {"unmet": failures}, indent=2))
    else:
        dated = gates.dated(spec)
        _print(document, outcome, failures, took, dated=dated)
        if arguments.notifications:
            _print_messages(outcome)
    if arguments.report is not None:
        report, tiles = simulated(scripted, watched)
        write(report, tiles, form, arguments.report)
    return 1 if failures else 0


def _print(document: Document, outcome: Outcome, failures: list[str], took: float, *, dated: bool) -> None:
    """Prints the timeline; `dated` by the calendar too, for a Rollout whose gates go by it."""
    rows = tuple(
        (
            in_words(line.after) or "0s",
            f"{datetime.fromtimestamp(line.time, UTC):%m-%d %H:%M}" if dated else "",
            line.weight,
            line.what,
            _written_by(line.why) if line.weight else line.why,
        )
        for line in outcome.lines
    )
    show(Table(f"{document.name} in the simulated world", COLUMNS, rows), sys.stdout)
    print(f"\n{printable(outcome.words)}")
    virtual = in_words(outcome.seconds) or "0s"
    print(f"{virtual} simulated, {outcome.ticks} reconciliations, in {took:.2f} s", file=sys.stderr)
    for failure in failures:
        print(f"NOT AS EXPECTED: {printable(failure)}")


def _print_messages(outcome: Outcome) -> None:
    """Prints what would have been sent, each with its receiver."""
    for one in outcome.messages:
        print(f"\n{in_words(one.after) or '0s'} to {printable(one.receiver)}: {one.title}")
        print("".join(f"  {line}\n" for line in one.text.splitlines()), end="")
    if not outcome.messages:
        print("\nNo message would be sent.")


def _written_by(manager: str) -> str:
    """Who wrote a route, by its field manager."""
    return "by tidegate (revert)" if manager == Manager.REVERT else f"by {manager}"


def _wire(document: Document) -> dict[str, Any]:
    """The spec as the API server would hand it out: plain JSON."""
    return dict(json.loads(json.dumps(document.content["spec"], default=str)))


def _world(file: str | None, spec: RolloutSpec) -> World:
    if file is None:
        return clean_world(spec)
    documents = read(file)
    if len(documents) != 1:
        raise CommandError(f"{file}: a world must be one YAML document")
    world, problems = read_model(World, documents[0].content, ())
    problems = world_problems(world, spec) if world is not None else problems
    if world is None or problems:
        lines = [f"{file}:{documents[0].line(one.where)}: {one}" for one in problems]
        raise CommandError(lines)
    for name in unsaid(world, spec):
        print(f"tidegate: {file}: the world does not define '{name}': it has no data", file=sys.stderr)
    return world
