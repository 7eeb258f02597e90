"""The exit codes of every command, as docs/cli.md lists them."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What a script can tell from the end of a command; `MEANINGS` says it in words."""

    DONE = 0
    NO = 1
    UNUSABLE = 2
    TIMED_OUT = 3
    PERSON_NEEDED = 4
    INTERRUPTED = 130


MEANINGS: Final = {
    ExitCode.DONE: "Done. With `--wait`: the run succeeded, or there is nothing to do.",
    ExitCode.NO: "Done, with a negative result: an error was found, a command was refused, or the run did not succeed.",
    ExitCode.UNUSABLE: "Wrong use, unreadable input, or a cluster that cannot be queried.",
    ExitCode.TIMED_OUT: "Timed out: `--timeout` has passed.",
    ExitCode.PERSON_NEEDED: "With `--wait`: the run is paused and waits for a person.",
    ExitCode.INTERRUPTED: "Interrupted (Ctrl-C).",
}
