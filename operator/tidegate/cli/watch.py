"""`tidegate watch`: `status --watch` of the Rollout that is named, else `get --watch`."""

from __future__ import annotations

import argparse

from tidegate.cli import get
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument
from tidegate.cli.errors import CommandError
from tidegate.cli.status import command as status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollout, or which of them."""
    add_rollout_argument(parser, several=True)
    get.add_selector_argument(parser)
    add_cluster_arguments(parser, all_namespaces=True)


def run(arguments: argparse.Namespace) -> int:
    """Runs until it is interrupted."""
    arguments.watch, arguments.output = True, None
    if not arguments.names:
        return get.run(arguments)
    if len(arguments.names) > 1 or arguments.selector or arguments.all_namespaces:
        raise CommandError("give one name, or none and a selector or all namespaces")
    (arguments.name,) = arguments.names
    arguments.wait = False
    return status.run(arguments)
