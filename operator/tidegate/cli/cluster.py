"""The way to the cluster a person means: the arguments kubectl has, and errors in one line."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from tidegate.adapters.kubernetes.errors import NOT_SERVED
from tidegate.adapters.kubernetes.kubeconfig import Connection, connect
from tidegate.api.validation.objects import name_fault, namespace_fault
from tidegate.api.values.text import printable
from tidegate.cli.errors import CommandError
from tidegate.ports.errors import PortError

INSTALL: Final = "install the CRDs: tidegate crd | kubectl apply --server-side -f -"


def add_cluster_arguments(parser: argparse.ArgumentParser) -> None:
    """The same as kubectl's."""
    parser.add_argument(
        "-n", "--namespace", type=_namespace, metavar="NAMESPACE", help="by default the one of the kubeconfig's context"
    )
    parser.add_argument("--kubeconfig", metavar="FILE", help="by default $KUBECONFIG or ~/.kube/config")
    parser.add_argument("--context", metavar="NAME", help="by default the kubeconfig's current one")


def name_of_rollout(text: str) -> str:
    """For an argument: the name of a Rollout, which becomes a part of a URL."""
    if fault := name_fault(text):
        raise argparse.ArgumentTypeError(fault)
    return text


def _namespace(text: str) -> str:
    if fault := namespace_fault(text):
        raise argparse.ArgumentTypeError(fault)
    return text


def with_cluster(arguments: argparse.Namespace, work: Callable[[Connection], Coroutine[None, None, int]]) -> int:
    """The exit code of `work` on the cluster and namespace the arguments name.

    Raises:
        CommandError: there is no such cluster, or a call to it failed.
    """
    try:
        return asyncio.run(_connected(arguments, work))
    except PortError as error:
        hint = f"; {INSTALL}" if NOT_SERVED in str(error) else ""
        raise CommandError(printable(str(error)) + hint) from error


async def _connected(arguments: argparse.Namespace, work: Callable[[Connection], Coroutine[None, None, int]]) -> int:
    found = await connect(arguments.kubeconfig, arguments.context)
    try:
        return await work(Connection(found.api, arguments.namespace or found.namespace))
    finally:
        await found.api.close()
