"""Leaves a source that fails alone, but for a probe now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tidegate.core.observed import Answer, Failed, FailedReason

FAILURES: Final = 5
"""In a row, until the source is left alone."""
PROBE_EVERY: Final = 5.0
"""Seconds between probes: a source that is back is noticed within the shortest usual scrape interval."""


class Breaker:
    """Counts a source's failures. `monotonic` gives seconds that never go back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._last: Failed | None = None
        self._next_probe = 0.0

    def refusal(self) -> Failed | None:
        """Why the source must not be asked now; `None` when it may be (then one more question counts as the probe)."""
        if self._last is None or self._failures < FAILURES:
            return None
        now = self._monotonic()
        if now >= self._next_probe:
            self._next_probe = now + PROBE_EVERY
            return None
        message = f"not asked after {self._failures} failures in a row, the last: {self._last.message}"
        return Failed(self._last.reason, message)

    def record(self, answer: Answer) -> None:
        """Takes note of what came of a question that was put to the source.

        One that no thread got to says nothing of the source; one that was answered from parts of its data says it is there,
        and so does an answer that only this question cannot use: others may be somebody else's.
        """
        if isinstance(answer, Failed) and answer.source_down and not _there(answer):
            if answer.reason is FailedReason.OVERLOADED:
                return
            self._failures += 1
            self._last = answer
            if self._failures == FAILURES:
                self._next_probe = self._monotonic() + PROBE_EVERY
            return
        self._failures, self._last = 0, None


def _there(answer: Failed) -> bool:
    return answer.well or answer.reason is FailedReason.PARTIAL
