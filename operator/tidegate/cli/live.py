"""`--watch`: what is shown, again whenever it changes; in place on a terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tidegate.cli.cluster import in_one_line
from tidegate.ports.errors import Unavailable

EVERY_SECONDS: Final = 1.0
"""Between two looks: one read of one object, or of a list."""
CLEAR: Final = "\x1b[H\x1b[J"
"""To the first line, and nothing below (ECMA-48: CUP, ED)."""


@dataclass(frozen=True)
class View:
    """What there is to show."""

    state: object
    """What it was made of: another one is a change."""
    show: Callable[[], None]
    """Writes it to standard output."""


def add_watch_argument(parser: argparse.ArgumentParser) -> None:
    """`-w`."""
    parser.add_argument("-w", "--watch", action="store_true", help="show every change, until Ctrl-C")


async def watched(look: Callable[[], Awaitable[View]]) -> int:
    """Shows it forever; a cluster that does not answer for a while is told, and asked again."""
    last: object = None
    while True:
        try:
            view = await look()
        except Unavailable as error:
            view = View(str(error), _told(in_one_line(error)))
        if sys.stdout.isatty():
            sys.stdout.write(CLEAR)
            view.show()
        elif view.state != last:
            view.show()
        sys.stdout.flush()
        last = view.state
        await asyncio.sleep(EVERY_SECONDS)


def _told(line: str) -> Callable[[], None]:
    return lambda: print(f"tidegate: {line}", file=sys.stderr)
