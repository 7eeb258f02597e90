"""One line for each phase of a long job, with the seconds it took: enough for a person and for a CI log."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT_SECONDS = 30.0  # silence longer than a few minutes makes CI kill a job, and a person wonder


class Progress:
    """Writes to standard error, so that a command's own output stays clean."""

    def say(self, line: str) -> None:
        """One line at once."""
        print(line, file=sys.stderr, flush=True)

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Says `title`, then every 30 s that it still goes on, then how long it took."""
        begun = time.monotonic()
        done = threading.Event()
        self.say(title)
        beat = threading.Thread(target=self._beat, args=(begun, done), daemon=True)
        beat.start()
        try:
            yield
        finally:
            done.set()
            beat.join()
        self.say(f"  done in {time.monotonic() - begun:.0f} s")

    def _beat(self, begun: float, done: threading.Event) -> None:
        while not done.wait(HEARTBEAT_SECONDS):
            self.say(f"  ... {time.monotonic() - begun:.0f} s")
