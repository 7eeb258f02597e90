"""`tidegate status`: what a Rollout is doing, and why, from its `.status`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from pydantic import ValidationError

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.fetching import the_rollout
from tidegate.cli.live import View, add_watch_argument, watched
from tidegate.cli.output import add_output_argument, formatted
from tidegate.cli.status.sentences import sentences
from tidegate.cli.status.tables_of import tables
from tidegate.cli.status.told import Told
from tidegate.cli.tables import Table, headline, show
from tidegate.cli.waiting import Awaited, add_wait_arguments, until_decided
from tidegate.core.model.time_format import instant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout, in which form, and whether to wait or to watch."""
    add_rollout_argument(parser)
    add_output_argument(parser)
    add_watch_argument(parser)
    add_wait_arguments(
        parser, "wait until no run is in progress or a person is needed; the exit code shows the result", "30m"
    )
    parser.add_argument(
        "--image", default="", metavar="TEXT", help="with --wait: the run of the version whose image contains this text"
    )
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when there is such a Rollout; with `--wait` what became of it."""
    if arguments.wait:
        awaited = Awaited(image=arguments.image)
        return with_cluster(
            arguments, lambda cluster: until_decided(cluster, arguments.name, awaited, arguments.timeout)
        )
    return with_cluster(arguments, lambda cluster: _look(arguments, cluster))


async def _look(arguments: argparse.Namespace, cluster: Connection) -> int:
    async def look() -> View:
        found = await the_rollout(cluster, arguments.name)
        return View(found, lambda: _show(found, arguments.output))

    if arguments.watch:
        return await watched(look)
    (await look()).show()
    return 0


def _show(found: JsonObject, output: str | None) -> None:
    if output is not None:
        print(formatted(found, output), end="")
        return
    name = str(found["metadata"]["name"])
    try:
        status = RolloutStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise CommandError(
            f"the status of {name} was written by another version: .status.{where} is not known"
        ) from error
    headline(name, status.phase or "not reconciled by the operator yet", sys.stdout)
    for part in report(Told.of(found, status, instant(SystemClock().now()))):
        if isinstance(part, Table):
            print()
            show(part, sys.stdout)
        else:
            print(f"  {printable(part)}")


def report(told: Told) -> Iterator[str | Table]:
    """Sentences, then tables."""
    yield from sentences(told)
    yield from tables(told)
