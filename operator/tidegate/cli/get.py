"""`tidegate get`: Rollouts as a list, or as objects."""

from __future__ import annotations

import argparse
import sys

from tidegate.adapters.clock import SystemClock
from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.cli.cluster import add_cluster_arguments, add_rollout_argument, with_cluster
from tidegate.cli.errors import CommandError
from tidegate.cli.fetching import rollouts, the_rollout
from tidegate.cli.live import View, add_watch_argument, watched
from tidegate.cli.output import add_output_argument, formatted, formatted_list
from tidegate.cli.rows import listed
from tidegate.core.model.time_format import instant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Rollouts, and in which form."""
    add_rollout_argument(parser, several=True)
    add_selector_argument(parser)
    add_output_argument(parser, "wide")
    add_watch_argument(parser)
    add_cluster_arguments(parser, all_namespaces=True)


def add_selector_argument(parser: argparse.ArgumentParser) -> None:
    """`-l`."""
    parser.add_argument(
        "-l", "--selector", default="", metavar="LABELS", help="label selector, such as team=shop,tier!=test"
    )


def run(arguments: argparse.Namespace) -> int:
    """0 when the Rollouts that were named are there."""
    if arguments.names and (arguments.selector or arguments.all_namespaces):
        raise CommandError("give names, or a selector or all namespaces, not both")
    return with_cluster(arguments, lambda cluster: _get(arguments, cluster))


async def _get(arguments: argparse.Namespace, cluster: Connection) -> int:
    async def look() -> View:
        items = await _found(arguments, cluster)
        return View(items, lambda: _show(arguments, cluster, items))

    if arguments.watch:
        return await watched(look)
    (await look()).show()
    return 0


async def _found(arguments: argparse.Namespace, cluster: Connection) -> list[JsonObject]:
    if arguments.names:
        return [await the_rollout(cluster, name) for name in arguments.names]
    return await rollouts(cluster, everywhere=arguments.all_namespaces, selector=arguments.selector)


def _show(arguments: argparse.Namespace, cluster: Connection, items: list[JsonObject]) -> None:
    if arguments.output not in {None, "wide"}:
        single = len(arguments.names) == 1
        text = formatted(items[0], arguments.output) if single else formatted_list(items, arguments.output)
        print(text, end="")
        return
    if not items:
        where = "the cluster" if arguments.all_namespaces else f"namespace {cluster.namespace}"
        print(f"There is no Rollout in {where}.", file=sys.stderr)
        return
    now = instant(SystemClock().now())
    wide = arguments.output == "wide"
    print(listed(items, now, wide=wide, everywhere=arguments.all_namespaces), end="")
