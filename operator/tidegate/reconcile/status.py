"""The one writer of status: what was written last, whether a write is needed, and how a refused one is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from tidegate.api.status import RolloutStatus
from tidegate.core.conclude import dump, memory_alone, on_the_wire, quieted
from tidegate.core.memory import Memory
from tidegate.core.observed import RolloutObject
from tidegate.ports.errors import Conflict, Missing, Rejected, Unavailable
from tidegate.ports.protocols import RolloutStore

TRIES = 4


@dataclass
class Record:
    """What this process knows of one Rollout between two ticks."""

    memory: Memory = field(default_factory=Memory)
    stored: Mapping[str, Any] | None = None
    """The status as the API server last returned it; another one there means that somebody else wrote."""
    written: RolloutStatus | None = None
    """What we last wrote."""
    looked: float | None = None
    """Monotonic seconds of the last live look that was due for its own sake."""

    def recall(self, rollout: RolloutObject) -> Memory:
        """The memory: this process' own, or the stored one where the status is not what we left."""
        if self.stored is None or rollout.status != self.stored:
            self.stored = rollout.status
            self.written = _parsed(rollout.status)
            self.memory = Memory(status=self.written)
        return self.memory


def _parsed(status: Mapping[str, Any]) -> RolloutStatus:
    """The status as a model; one that cannot be read is a new one, rather than a Rollout nobody looks after."""
    try:
        return RolloutStatus.model_validate(status or {})
    except ValidationError:
        return RolloutStatus()


def needs_write(record: Record, status: RolloutStatus) -> bool:
    """Whether anything changed that is not merely time going by."""
    return record.written is None or not record.stored or quieted(record.written) != quieted(status)


async def write(
    store: RolloutStore, record: Record, rollout: RolloutObject, status: RolloutStatus, *, run_only: bool = False
) -> RolloutObject:
    """Writes `status`; what others changed meanwhile in the object does not matter as long as the status is ours.

    Returns: the object as stored.

    Raises:
        Conflict: the status is no longer what we left: read again, decide again.
        Missing, Rejected, Unavailable: as the port says.
    """
    wire = on_the_wire(status)
    for _ in range(TRIES):
        try:
            stored = await store.write_status(rollout, wire, run_only=run_only)
        except Conflict:
            rollout = await _reread(store, record, rollout)
        except Rejected:
            smaller = dump(memory_alone(status))
            if wire == smaller:
                raise
            wire = smaller
        else:
            record.stored, record.written = stored.status, status
            return stored
    raise Conflict(f"Rollout {rollout.namespace}/{rollout.name}: the status was changed by somebody else {TRIES} times")


async def _reread(store: RolloutStore, record: Record, rollout: RolloutObject) -> RolloutObject:
    again = await store.read(rollout.namespace, rollout.name, fresh=True)
    if not isinstance(again, RolloutObject):
        name = f"Rollout {rollout.namespace}/{rollout.name}"
        raise Unavailable(f"{name} could not be read again") if hasattr(again, "reason") else Missing(f"{name} is gone")
    if again.uid != rollout.uid or (record.stored is not None and again.status != record.stored):
        raise Conflict(f"Rollout {again.namespace}/{again.name}: the status is no longer what was left there")
    return again
