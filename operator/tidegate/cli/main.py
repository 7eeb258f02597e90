"""Runs a command of `tidegate` and `kubectl tidegate`, and turns what went wrong into a message and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence

from tidegate.api.values.text import printable
from tidegate.cli import streams
from tidegate.cli.errors import CommandError
from tidegate.cli.exit_codes import ExitCode
from tidegate.cli.parser import command_named, parser_for


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
            for line in error.lines:
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
    return command_named(arguments.command).run(arguments)
