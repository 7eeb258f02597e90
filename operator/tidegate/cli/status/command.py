"""`tidegate status`: what a Rollout is doing, and why, from its `.status`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.reading_back import LeftOut, read_back
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

MOST_UNREAD: Final = 5
"""Parts of a status that could not be read which are named."""
WHOLE: Final = frozenset({"step", "weight", "mirror"})
"""Parts of a status that are not shown where one of their numbers could not be read."""


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
    read = read_back(RolloutStatus, found.get("status") or {})
    if read.value is None:
        raise CommandError(f"the status of {name} could not be read: {_unread(read.left_out)}")
    status = _whole(read.value, read.left_out)
    headline(name, status.phase or "not reconciled by the operator yet", sys.stdout)
    if read.left_out:
        print(f"  part of the status could not be read: {printable(_unread(read.left_out))}")
    for part in report(Told.of(found, status, instant(SystemClock().now()))):
        if isinstance(part, Table):
            print()
            show(part, sys.stdout)
        else:
            print(f"  {printable(part)}")


def _whole(status: RolloutStatus, left_out: Sequence[LeftOut]) -> RolloutStatus:
    """Without what is shown whole or not at all: a number that could not be read is not 0."""
    unread = {piece.path[0] for piece in left_out}
    return status.model_copy(update=dict.fromkeys(WHOLE & unread))


def _unread(left_out: Sequence[LeftOut]) -> str:
    """The parts that were not read, with why, in one line."""
    why = {piece.path: str(piece) for piece in reversed(left_out)}  # the first reason: what is removed is missing then
    parts = list(reversed(why.values()))
    more = f"; and {len(parts) - MOST_UNREAD} more" if len(parts) > MOST_UNREAD else ""
    return "; ".join(parts[:MOST_UNREAD]) + more


def report(told: Told) -> Iterator[str | Table]:
    """Sentences, then tables."""
    yield from sentences(told)
    yield from tables(told)
