"""`tidegate simulate`: a Rollout in a scripted world, decided by the same tick as in a cluster, on a virtual clock."""

from __future__ import annotations

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from tidegate.api.checks.reading import read as read_model
from tidegate.cli.documents import Document, read
from tidegate.cli.errors import CommandError
from tidegate.cli.rollouts import the_rollout
from tidegate.cli.tables import Table, show
from tidegate.core.instants import in_words
from tidegate.reconcile.specs import checked
from tidegate.simulation.outcome import Outcome, unmet
from tidegate.simulation.script import World
from tidegate.simulation.scripted import Scripted

COLUMNS = ("after", "at", "weight", "what", "why")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The Rollout, the world, and how to print."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="YAML with one Rollout, and its metric templates; - for stdin"
    )
    parser.add_argument("--world", metavar="WORLD.yaml", help="what happens; by default all is well all the time")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")


def run(arguments: argparse.Namespace) -> int:
    """0 when the world's expectations are met (or it has none), 1 when not."""
    given = the_rollout(arguments.files, "simulate")
    document, world, spec = given.document, _world(arguments.world), given.whole_spec()
    begun = time.perf_counter()
    scripted = Scripted(document.name, _wire(document), spec, world, checked)
    for ref, template in given.templates.specs.items():
        scripted.cluster.put_metric_template(ref, template)
    scripted.run()
    took = time.perf_counter() - begun
    outcome = Outcome.of(scripted)
    failures = unmet(world.expect, outcome) if world.expect else []
    if arguments.format == "json":
        print(json.dumps(outcome.as_json() | {"unmet": failures}, indent=2))
    else:
        _print(document, outcome, failures, took)
    return 1 if failures else 0


def _print(document: Document, outcome: Outcome, failures: list[str], took: float) -> None:
    rows = tuple(
        (
            in_words(line.after) or "0s",
            f"{datetime.fromtimestamp(line.time, UTC):%a %m-%d %H:%M:%S}",
            line.weight,
            line.what,
            line.why,
        )
        for line in outcome.lines
    )
    show(Table(f"{document.name} in the simulated world", COLUMNS, rows), sys.stdout)
    print(f"\n{outcome.words}")
    virtual = in_words(outcome.seconds) or "0s"
    print(f"{virtual} of virtual time, {outcome.ticks} ticks, in {took:.2f} s", file=sys.stderr)
    for failure in failures:
        print(f"NOT AS EXPECTED: {failure}")


def _wire(document: Document) -> dict[str, Any]:
    """The spec as the API server would hand it out: plain JSON."""
    return dict(json.loads(json.dumps(document.content["spec"], default=str)))


def _world(file: str | None) -> World:
    if file is None:
        return World()
    documents = read(file)
    if len(documents) != 1:
        raise CommandError(f"{file}: a world is one YAML document")
    world, problems = read_model(World, documents[0].content, ())
    if world is None or problems:
        first = problems[0]
        raise CommandError(f"{file}:{documents[0].line(first.where)}: {first}")
    return world
