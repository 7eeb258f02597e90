"""The candidates for the command line that a shell has put into the environment (`COMP_LINE`), as argcomplete finds them."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Final, TextIO

import argcomplete

from tidegate.cli.parser import parser_for

SEPARATOR: Final = "\n"


def candidates_to(out: TextIO | None) -> None:
    """Writes them to `out`, or where the shell looks for them. Raises: SystemExit, as argcomplete ends."""
    argcomplete.autocomplete(
        parser_for(_asked()),
        always_complete_options=False,
        output_stream=out,
        exit_method=sys.exit,
    )


def _asked() -> str:
    """The command on the line so far; empty when there is none."""
    line = os.environ.get("COMP_LINE", "")
    try:
        words = shlex.split(line)
    except ValueError:  # a quote that is still open
        words = line.split()
    return next((word for word in words[1:] if not word.startswith("-")), "")
