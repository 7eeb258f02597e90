"""`tidegate` and `kubectl tidegate`: the commands, each imported only when it is asked for.

A command is a module with `add_arguments(parser)` and `run(arguments) -> exit code`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, cast

from tidegate.cli.errors import CommandError

COMMANDS: Final = {
    "lint": ("lint", "check Rollout files without a cluster"),
    "plan": ("plan", "show when a clean run of a Rollout file would do what"),
    "simulate": ("simulate", "run a Rollout file in a scripted world on a virtual clock"),
    "backtest": (
        "backtest.command",
        "run a Rollout file over what Prometheus remembers: when would it have stopped, and why",
    ),
    "status": ("status", "show what a Rollout is doing, and why"),
    "abort": ("command", "revert the run now"),
    "pause": ("command", "stop the run's progress; guards stay on"),
    "resume": ("command", "go on with a paused run"),
    "retry": ("command", "try a reverted version again"),
    "preset": ("preset", "show the questions that are known already, by system"),
    "crd": ("crd", "write the CustomResourceDefinitions"),
    "operator": ("operator", "run the operator"),
}
"""Each command's module in this package, and its help."""


class Command(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares its arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Does it; the exit code. Raises CommandError."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 1 done and the answer is no, 2 wrong use or unreadable input, 130 interrupted."""
    given = sys.argv[1:] if argv is None else list(argv)
    try:
        return _run(given)
    except CommandError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:  # the reader (`| head`) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(given: list[str]) -> int:
    asked = next((word for word in given if not word.startswith("-")), "")
    parser = argparse.ArgumentParser(prog=_program(), description="Canary releases that put themselves back.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, help_) in COMMANDS.items():
        added = parsers.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        if name == asked:
            _command(name).add_arguments(added)
    arguments = parser.parse_args(given)
    code = _command(arguments.command).run(arguments)
    sys.stdout.flush()
    return code


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: it is read from the installed package."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        version = importlib.import_module("importlib.metadata").version("tidegate")
        print(f"tidegate {version}")
        parser.exit()


def _command(name: str) -> Command:
    return cast("Command", importlib.import_module(f"tidegate.cli.{COMMANDS[name][0]}"))


def _program() -> str:
    return "kubectl tidegate" if Path(sys.argv[0]).name == "kubectl-tidegate" else "tidegate"
