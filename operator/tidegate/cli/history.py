"""`tidegate history`: the earlier runs of a Rollout, the newest first."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.api.reading_back import read_back
from tidegate.api.rollout.status import HistoryEntry
from tidegate.api.values.text import printable
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument, with_cluster
from tidegate.cli.fetching import the_rollout
from tidegate.cli.output import as_json, as_yaml
from tidegate.cli.status.told import version_in_words
from tidegate.cli.tables import aligned

COLUMNS: Final = ("run", "version", "outcome", "started", "ended", "why")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout."""
    add_rollout_argument(parser)
    parser.add_argument("-o", "--output", choices=("json", "yaml"), help="by default a table")
    add_cluster_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when there is such a Rollout."""
    return with_cluster(arguments, lambda cluster: _show(arguments, cluster))


async def _show(arguments: argparse.Namespace, cluster: Connection) -> int:
    rollout = await the_rollout(cluster, arguments.name)
    runs = (rollout.get("status") or {}).get("history") or []
    match arguments.output:
        case "json":
            print(as_json(runs), end="")
        case "yaml":
            print(as_yaml(runs), end="")
        case _ if runs:
            print(aligned(COLUMNS, [_row(one) for one in runs]), end="")
        case _:
            print(f"{arguments.name} has no finished run.")
    return 0


def _row(raw: Mapping[str, Any]) -> tuple[str, ...]:
    one = read_back(HistoryEntry, raw).value
    if one is None:
        return (str(raw.get("id", "?")), *([""] * (len(COLUMNS) - 1)))
    cells = (
        one.id,
        version_in_words(one.version),
        one.outcome,
        f"{one.start_time:%Y-%m-%dT%H:%M:%SZ}",
        f"{one.end_time:%Y-%m-%dT%H:%M:%SZ}",
        one.message or one.reason,
    )
    return tuple(printable(cell) for cell in cells)
