"""What every port in memory does: it passes a gate, where a test or a world may make it fail, and takes its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.ports.errors import Unavailable
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.faults import Gate, LateError

CALL_TIMEOUT = 5.0
"""Seconds of virtual time after which a call is answered with a time-out: as the real adapter's."""


@dataclass
class MemoryPort:
    """A port on a cluster in memory."""

    cluster: Cluster
    gate: Gate

    async def failed_read(self, call: str, *, fresh: bool = True) -> str | None:
        """Why a read failed; `None` when it did not, or (not `fresh`) when a watch stream has the answer."""
        if not fresh and not self.gate.streams_away:
            return None
        try:
            self.gate.reading(call)
            await self.answered(call)
        except Unavailable as error:
            return str(error)
        return None

    async def effect(self, call: str, effect: Callable[[], None]) -> None:
        """A write through the gate.

        Raises: what the gate or the effect raises; Unavailable for one whose effect was put off, or whose answer took too long.
        """
        await self.answered(call)
        try:
            self.gate.writing(call, effect)
        except LateError as error:
            raise Unavailable(str(error)) from error

    async def answered(self, call: str) -> None:
        """Waits for as long as the call takes.

        Raises: Unavailable after the time-out.
        """
        seconds = self.gate.takes(call)
        if seconds > 0:
            await self.cluster.clock.sleep(min(seconds, CALL_TIMEOUT))
        if seconds > CALL_TIMEOUT:
            raise Unavailable(f"{call}: no answer within {CALL_TIMEOUT:g}s")
