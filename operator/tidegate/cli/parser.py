"""The commands of `tidegate` and `kubectl tidegate`, each imported only when it is named, and their parser.

A command is a module with `add_arguments(parser)` and `run(arguments) -> exit code`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final, NoReturn, Protocol, cast

from tidegate.api.values.text import printable

COMMANDS: Final = {
    "lint": ("lint", "check Rollout files without a cluster"),
    "plan": ("plan", "show the timeline of a run of a Rollout file in which nothing fails"),
    "simulate": ("simulate", "run a Rollout file in a scripted world on a virtual clock"),
    "backtest": (
        "backtest.command",
        "evaluate a Rollout file against the history in Prometheus: when would it have stopped, and why",
    ),
    "get": ("get", "list Rollouts"),
    "status": ("status.command", "show what a Rollout is doing, and why"),
    "watch": ("watch", "show Rollouts, or what one is doing, as it changes"),
    "history": ("history", "list the earlier runs of a Rollout"),
    "report": ("report.command", "write the report of a run: what was decided when and on what evidence, with charts"),
    "abort": ("command", "revert the run now"),
    "pause": ("command", "pause the run; guards stay active"),
    "resume": ("command", "continue a paused run"),
    "retry": ("command", "try a reverted version again"),
    "approve": ("command", "give an approval that the gate of a step awaits"),
    "reject": ("command", "refuse an approval of a step; the run is paused with the reason"),
    "advance": ("command", "end the current step now; gates and limits still apply"),
    "promote": ("command", "skip the remaining steps; gates and limits still apply"),
    "doctor": ("doctor.command", "check a cluster and its Prometheus, and say what to do"),
    "notify-test": ("notify_test", "send a test message to the receivers of a Rollout"),
    "convert": ("convert.command", "write Rollouts from manifests of Argo Rollouts or Flagger"),
    "preset": ("preset", "list the built-in metric presets, by system"),
    "crd": ("crd", "write the CustomResourceDefinitions"),
    "completion": ("completion.command", "print the completion script of a shell"),
    "operator": ("operator", "run the operator"),
}
"""Each command's module in this package, and its help."""
UNUSED: Final = ("rich", "charset_normalizer", "chardet")
"""Packages that libraries load wherever they are installed, 7 MiB that no command needs to start.

structlog loads rich to format log lines; tables and messages on a terminal import it later.
requests loads the other two to guess the encoding of a text without one; a source of metrics answers with JSON, which is UTF-8.
"""


class SupportsWrite(Protocol):
    """What help is written to."""

    def write(self, text: str, /) -> object:
        """Writes."""
        ...


class Command(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares its arguments."""
        ...

    def run(self, arguments: argparse.Namespace) -> int:
        """Does it; the exit code. Raises CommandError."""
        ...


def parser_for(asked: str) -> argparse.ArgumentParser:
    """The parser of all commands, with the arguments of the one that is asked for."""
    parser = _Parser(prog=_program(), description="Canary releases with automatic reverts.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, help_) in COMMANDS.items():
        added = parsers.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        if name == asked:
            added.set_defaults(command=name)
            command_named(name).add_arguments(added)
    return parser


class _Parser(argparse.ArgumentParser):
    """Says how a value that begins with `-` is written, which argparse takes for an option; tells a full disk."""

    def _print_message(self, message: str, file: SupportsWrite | None = None) -> None:
        """Writes help: argparse itself would pass over what cannot be written."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        option = message.removeprefix("argument ").partition(":")[0].split("/")[-1]
        if message.endswith("expected one argument"):
            message += f" (one that begins with '-' is written {option}=...)"
        super().error(printable(message))


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: it is read from the installed package."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        version = importlib.import_module("importlib.metadata").version("tidegate")
        print(f"tidegate {version}")
        parser.exit()


def command_named(name: str) -> Command:
    """The module of a command, imported now."""
    with _without(*UNUSED), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unable to find acceptable character detection", category=Warning)
        return cast("Command", importlib.import_module(f"tidegate.cli.{COMMANDS[name][0]}"))


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Imports within do not find these packages, unless they are loaded already. What needs one imports it later."""
    hidden = [package for package in packages if package not in sys.modules]
    for package in hidden:
        sys.modules[package] = cast("ModuleType", None)  # the language's own way to say that there is none
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


def _program() -> str:
    return "kubectl tidegate" if Path(sys.argv[0]).name == "kubectl-tidegate" else "tidegate"
