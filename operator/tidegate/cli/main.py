"""`tidegate` and `kubectl tidegate`: the commands, each imported only when it is asked for.

A command is a module with `add_arguments(parser)` and `run(arguments) -> exit code`.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn, Protocol, cast

from tidegate.api.values.text import printable
from tidegate.cli import streams
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode

COMMANDS: Final = {
    "lint": ("lint", "check Rollout files without a cluster"),
    "plan": ("plan", "show when a clean run of a Rollout file would do what"),
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


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: one of `exit_codes.ExitCode`."""
    given = sys.argv[1:] if argv is None else list(argv)
    if "_ARGCOMPLETE" in os.environ:  # a shell asks, and only then is argcomplete loaded
        importlib.import_module("tidegate.cli.completion.candidates").candidates_to(None)
    streams.prepare()
    try:
        return _written(given)
    except CommandError as error:
        with contextlib.suppress(OSError):  # nothing more can be said
            for line in str(error).split("\n"):
                print(f"tidegate: {printable(line)}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _written(given: list[str]) -> int:
    """The exit code, once everything is written.

    Raises: CommandError: what was to be said could not be written.
    """
    try:
        try:
            return _run(given)
        finally:
            streams.flush()
    except BrokenPipeError:  # the reader (`| head`) has had enough
        streams.give_up(sys.stdout)
        return 0
    except OSError as error:
        if error.errno not in streams.CANNOT_WRITE or error.filename:
            raise CommandError(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error
        streams.give_up(sys.stdout)
        raise CommandError(f"cannot write to standard output: {error.strerror}") from error


def _run(given: list[str]) -> int:
    asked = next((word for word in given if not word.startswith("-")), "")
    arguments = parser_for(asked).parse_args(given)
    return _command(arguments.command).run(arguments)


def parser_for(asked: str) -> argparse.ArgumentParser:
    """The parser of all commands, with the arguments of the one that is asked for."""
    parser = _Parser(prog=_program(), description="Canary releases that put themselves back.")
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_, help_) in COMMANDS.items():
        added = parsers.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
        if name == asked:
            added.set_defaults(command=name)
            _command(name).add_arguments(added)
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


def _command(name: str) -> Command:
    return cast("Command", importlib.import_module(f"tidegate.cli.{COMMANDS[name][0]}"))


def _program() -> str:
    return "kubectl tidegate" if Path(sys.argv[0]).name == "kubectl-tidegate" else "tidegate"
