"""`tidegate operator`: runs the operator until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
from pathlib import Path

import structlog

from tidegate.cli.errors import CommandError
from tidegate.ports.errors import PortError
from tidegate.runtime import logs
from tidegate.runtime.allocator import economize
from tidegate.runtime.compose import run_operator
from tidegate.runtime.settings import SettingsError
from tidegate.runtime.settings_file import load
from tidegate.runtime.web import ListenError

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Its configuration, and the cluster when it runs outside of one."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the operator's configuration")
    parser.add_argument(
        "--kubeconfig", metavar="FILE", help="by default the pod's service account, else the user's own"
    )
    parser.add_argument("--context", metavar="NAME", help="by default the kubeconfig's current one")


def run(arguments: argparse.Namespace) -> int:
    """0 when it was stopped. Raises CommandError when it cannot start."""
    try:
        settings = load(arguments.config)
    except SettingsError as error:
        raise CommandError(str(error).split("\n")) from error
    economize()
    _collect_garbage_rarely()
    logs.configure(settings.logs.format, settings.logs.level)
    if not settings.sources:
        _log.warning("no sources", why=f"{arguments.config} names none, so no Rollout can start: add 'sources:'")
    try:
        asyncio.run(run_operator(settings, kubeconfig=arguments.kubeconfig, context=arguments.context))
    except ListenError as error:
        raise CommandError(f"{error}; 'listen' in {arguments.config} names another address", 1) from error
    except PortError as error:
        raise CommandError(str(error), 1) from error
    return 0


def _collect_garbage_rarely() -> None:
    """What is imported stays for good, and need not be looked through while hundreds of Rollouts revert at once."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
