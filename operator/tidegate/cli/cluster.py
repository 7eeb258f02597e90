"""The way to the cluster a person means: the arguments kubectl has, and errors in one line."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from tidegate.adapters.kubernetes.errors import NOT_SERVED
from tidegate.adapters.kubernetes.kubeconfig import Connection, Impersonated, connect
from tidegate.api.validation.objects import name_fault, namespace_fault
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable
from tidegate.cli.completion import names
from tidegate.cli.errors import CommandError
from tidegate.ports.errors import PortError

INSTALL: Final = "install the CRDs: tidegate crd | kubectl apply --server-side -f -"
GROUP: Final = "cluster"
"""The title of their group in the help."""
REQUEST_TIMEOUT: Final = Duration("5s")


def add_cluster_arguments(parser: argparse.ArgumentParser, *, all_namespaces: bool = False) -> None:
    """The same as kubectl's.

    Args:
        parser: gets them.
        all_namespaces: `-A` as well.
    """
    group = parser.add_argument_group(GROUP, "the same as kubectl's")
    place = group.add_mutually_exclusive_group()
    namespace = place.add_argument(
        "-n", "--namespace", type=_namespace, metavar="NAMESPACE", help="by default the one of the kubeconfig's context"
    )
    names.complete(namespace, names.namespaces)
    if all_namespaces:
        place.add_argument("-A", "--all-namespaces", action="store_true", help="the Rollouts of all namespaces")
    group.add_argument("--kubeconfig", metavar="FILE", help="by default $KUBECONFIG or ~/.kube/config")
    context = group.add_argument("--context", metavar="NAME", help="by default the kubeconfig's current one")
    names.complete(context, names.contexts)
    group.add_argument("--as", dest="as_user", metavar="USER", help="act as this user (impersonation)")
    group.add_argument(
        "--as-group", action="append", default=[], metavar="GROUP", help="act as a member of this group; requires --as"
    )
    group.add_argument(
        "--request-timeout",
        type=duration,
        default=REQUEST_TIMEOUT,
        metavar="DURATION",
        help="timeout of a request to the API server (5s)",
    )


def add_rollout_argument(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """The name of a Rollout, or of any number of them."""
    if several:
        name = parser.add_argument("names", nargs="*", type=name_of_rollout, metavar="NAME", help="names of Rollouts")
    else:
        name = parser.add_argument("name", type=name_of_rollout, metavar="NAME", help="name of the Rollout")
    names.complete(name, names.rollouts)


def name_of_rollout(text: str) -> str:
    """For an argument: the name of a Rollout, which becomes a part of a URL."""
    text = text.removeprefix("rollout.tidegate.dev/")  # as `-o name` writes it
    if fault := name_fault(text):
        raise argparse.ArgumentTypeError(fault)
    return text


def duration(text: str) -> Duration:
    """For an argument: a duration of the API, such as `90s`."""
    try:
        return Duration.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _namespace(text: str) -> str:
    if fault := namespace_fault(text):
        raise argparse.ArgumentTypeError(fault)
    return text


def with_cluster(arguments: argparse.Namespace, work: Callable[[Connection], Coroutine[None, None, int]]) -> int:
    """The exit code of `work` on the cluster and namespace the arguments name.

    Raises:
        CommandError: there is no such cluster, or a call to it failed.
    """
    if arguments.as_group and arguments.as_user is None:
        raise CommandError("--as-group requires --as")
    try:
        return asyncio.run(_connected(arguments, work))
    except PortError as error:
        raise CommandError(in_one_line(error)) from error


def in_one_line(error: PortError) -> str:
    """What went wrong, and what to do where the CRDs are not there."""
    hint = f"; {INSTALL}" if NOT_SERVED in str(error) else ""
    return printable(str(error)) + hint


async def _connected(arguments: argparse.Namespace, work: Callable[[Connection], Coroutine[None, None, int]]) -> int:
    impersonated = Impersonated(arguments.as_user, tuple(arguments.as_group)) if arguments.as_user else None
    timeout = arguments.request_timeout.seconds or REQUEST_TIMEOUT.seconds
    found = await connect(arguments.kubeconfig, arguments.context, impersonated, timeout)
    try:
        return await work(Connection(found.api, arguments.namespace or found.namespace))
    finally:
        await found.api.close()
