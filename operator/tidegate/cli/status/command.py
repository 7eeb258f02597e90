"""`tidegate status`: what a Rollout is doing, and why, from its `.status`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from pydantic import ValidationError

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import ROLLOUTS
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.rollout.status import RolloutStatus
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, name_of_rollout, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.status.sentences import sentences
from tidegate.cli.status.tables_of import tables
from tidegate.cli.status.told import Told
from tidegate.cli.tables import Table, headline, show
from tidegate.core.model.time_format import instant
from tidegate.ports.errors import Missing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout."""
    parser.add_argument("name", type=name_of_rollout, metavar="NAME", help="of the Rollout")
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when there is such a Rollout."""
    return with_cluster(arguments, lambda connection: _show(arguments.name, connection))


async def _show(name: str, connection: Connection) -> int:
    try:
        found = await connection.api.get(ROLLOUTS, connection.namespace, name)
    except Missing as error:
        raise CommandError(f"there is no Rollout {name} in namespace {connection.namespace}") from error
    try:
        status = RolloutStatus.model_validate(found.get("status") or {})
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise CommandError(
            f"the status of {name} was written by another version: .status.{where} is not known"
        ) from error
    headline(name, status.phase or "not seen by the operator yet", sys.stdout)
    for part in report(Told.of(found, status, instant(SystemClock().now()))):
        if isinstance(part, Table):
            print()
            show(part, sys.stdout)
        else:
            print(f"  {printable(part)}")
    return 0


def report(told: Told) -> Iterator[str | Table]:
    """Sentences, then tables."""
    yield from sentences(told)
    yield from tables(told)
