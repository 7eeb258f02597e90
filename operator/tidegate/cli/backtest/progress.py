"""How far a backtest is, told on standard error."""

from __future__ import annotations

import sys
import time
from typing import Final

from tidegate.simulation.backtest.history import Progress

REDRAWN: Final = 0.2
"""Seconds between two words on progress to a terminal; ten times as long to anything else."""


class Told:
    """Says on stderr how far it is: on a terminal in one line that is written over."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Nothing is said yet; with `quiet` nothing ever is."""
        self._quiet = quiet
        self._begun = time.perf_counter()
        self._last = 0.0
        self._open = False
        self._words = ""
        self._asked = 0
        self._runs = ""

    def fetched(self, progress: Progress) -> None:
        """An answer is wanted, or there."""
        self._asked = progress.done
        of = "" if self._runs else f" of {progress.wanted}"  # how many the runs will ask nobody knows
        self._say(f"{self._runs}sent {progress.done}{of} queries")

    def ran(self, done: int, of: int) -> None:
        """So many runs have ended."""
        self._runs = f"ran {done} of {of}; "
        self._say(f"{self._runs}sent {self._asked} queries")

    def _say(self, words: str) -> None:
        self._words = words
        if self._quiet:
            return
        now, terminal = time.perf_counter(), sys.stderr.isatty()
        if now - self._last < (REDRAWN if terminal else 10 * REDRAWN):
            return
        self._last = now
        sys.stderr.write(f"\r\x1b[K{words}" if terminal else f"{words}\n")
        sys.stderr.flush()
        self._open = terminal

    def end(self) -> None:
        """Nothing more comes."""
        if self._quiet:
            return
        sys.stderr.write("\r\x1b[K" if self._open else "")
        print(f"{self._words or 'no query was sent'}, in {time.perf_counter() - self._begun:.1f} s", file=sys.stderr)
