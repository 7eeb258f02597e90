"""The way to the cluster a person means: the arguments kubectl has, and errors in one line."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine

from tidegate.adapters.kubernetes.kubeconfig import Connection, connect
from tidegate.cli.errors import CommandError
from tidegate.ports.errors import PortError


def add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    """The same as kubectl's."""
    parser.add_argument("-n", "--namespace", metavar="NAMESPACE", help="by default the one of the kubeconfig's context")
    parser.add_argument("--kubeconfig", metavar="FILE", help="by default $KUBECONFIG or ~/.kube/config")
    parser.add_argument("--context", metavar="NAME", help="by default the kubeconfig's current one")


def with_cluster(arguments: argparse.Namespace, work: Callable[[Connection], Coroutine[None, None, int]]) -> int:
    """The exit code of `work` on the cluster and namespace the arguments name.

    Raises:
        CommandError: there is no such cluster, or a call to it failed.
    """
    try:
        return asyncio.run(_connected(arguments, work))
    except PortError as error:
        raise CommandError(str(error)) from error


async def _connected(arguments: argparse.Namespace, work: Callable[[Connection], Coroutine[None, None, int]]) -> int:
    found = await connect(arguments.kubeconfig, arguments.context)
    try:
        return await work(Connection(found.api, arguments.namespace or found.namespace))
    finally:
        await found.api.close()
