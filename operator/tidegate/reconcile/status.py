"""The one writer of status: what was written last, whether a write is needed, and how a refused one is tried again.

A status that this version cannot read in part is read for the rest, and what was not read is written back as it stood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import structlog

from tidegate.api.reading_back import LeftOut, read_back, with_left_out
from tidegate.api.reasons import Reason
from tidegate.api.rollout.status import Condition, RolloutStatus, WeightStatus
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.world import Lookup, RolloutObject, Route
from tidegate.core.status.changes import lasting, overdue, quieted
from tidegate.core.status.size import dump, memory_alone, on_the_wire
from tidegate.ports.errors import Conflict, Missing, Rejected, Unavailable
from tidegate.ports.protocols import RolloutStore

TRIES: Final = 4

REMEMBERED: Final = (
    "run",
    "step",
    "guards",
    "missingData",
    "checkpoints",
    "history",
    "approvals",
    "jobs",
    "scaling",
    "released",
    "rejected",
    "targets",
    "commands",
    "retry",
    "waiting",
    "runs",
    "notifications",
)
"""Parts of the status, as on the wire, that a later tick reads back. The others are for people."""

DECISIVE: Final = frozenset({"run", "step", "targets", "released", "rejected"})
"""Parts without which nothing may be raised. What is missing of the others costs evidence or begins a clock anew."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass
class Reading:
    """A read of the Rollout that no watch stream answers, and that goes on beside the ticks."""

    task: asyncio.Future[Lookup[RolloutObject]]
    stored: Mapping[str, Any] | None
    """The status that was known to be stored when it began."""
    late: bool = False
    """A tick has gone on without it."""


@dataclass
class Record:
    """What this process knows of one Rollout between two ticks."""

    memory: Memory = field(default_factory=Memory)
    rollout: RolloutObject | None = None
    """The object as last read, for ticks in which it cannot be."""
    stored: Mapping[str, Any] | None = None
    """The status as the API server last returned it; another one there means that somebody else wrote."""
    written: RolloutStatus | None = None
    """What we last wrote, without what changes in every tick; `None` when something else stands there."""
    due: datetime | None = None
    """The next check, as people see it there."""
    weight: WeightStatus | None = None
    """The weight, as people see it there."""
    left_out: tuple[LeftOut, ...] = ()
    """Pieces of the stored status that were not read."""
    seen: Observation | None = None
    """The last observation of a run in progress: while the next one takes long, its guards are evaluated on this one."""
    routes: Mapping[str, Route] = field(default_factory=dict)
    """The routes of a run in progress as last read, by target key: a revert is written to them while they cannot be read."""
    told: tuple[Condition, ...] = ()
    """The conditions that people have been told of."""
    reasons: frozenset[Reason] = frozenset()
    """The reasons of the decisions that people have been told of since these were concluded."""
    looked: float | None = None
    """Monotonic seconds of the last live look that was due for its own sake; a start within that time counts as one."""
    failures: int = 0
    """Writes of actions that have failed in a row."""
    lowering: bool = False
    """The last of them takes traffic from the candidate."""
    concluded: str = ""
    """The run whose conclusion was told of."""
    reverting: str = ""
    """The run whose end is being carried out."""
    told_reverted: str = ""
    """The run whose weights were said to be back."""
    breached: float | None = None
    """Monotonic seconds of the answer that decided it; `None` when none did."""
    refused: bool = False
    """The last write of the status was refused, and that has been told."""
    interval: float = 30.0
    """Seconds between two evaluations, by the spec in force at the last tick."""
    reading: Reading | None = None
    """The read of the Rollout that is under way, or that nobody has looked at yet."""
    vanished: bool = False
    """The Rollout is gone from the API server, and its run's weights are still to be restored."""

    def forgotten(self) -> None:
        """Nobody waits for its read any more."""
        if self.reading is not None:
            self.reading.task.cancel()

    def recall(self, rollout: RolloutObject) -> Memory:
        """The memory: this process' own, brought up to what somebody else has changed in the stored one."""
        self.rollout = rollout
        if self.stored is not None and rollout.status == self.stored:
            return self.memory
        before, self.stored = self.stored, rollout.status
        changed = [part for part in REMEMBERED if before is None or rollout.status.get(part) != before.get(part)]
        if before is None:
            self.memory = self._read(rollout)
            self.told = self.memory.status.conditions
            self.stands(self.memory.status)
        elif changed:
            found = self._read(rollout)
            self.memory = _merged(self.memory, found, changed)
            self.stands(found.status)
        else:
            self.written = None  # somebody wrote what only people read: it is put right with the next write
        return self.memory

    def stands(self, status: RolloutStatus) -> None:
        """This status is what people see there."""
        self.written, self.due, self.weight = quieted(status), status.next_check_time, status.weight

    def forget_unread(self) -> None:
        """What could not be read is no longer of account: a run was made of what the route says in its place."""
        self.left_out = tuple(piece for piece in self.left_out if piece.path and piece.path[0] not in DECISIVE)

    def _read(self, rollout: RolloutObject) -> Memory:
        found = read_back(RolloutStatus, rollout.status or {})
        if found.left_out and found.left_out != self.left_out:
            _log.error(
                "part of the status could not be read",
                parts=[str(piece) for piece in found.left_out[:10]],
            )
        self.left_out = found.left_out
        decisive = [piece for piece in found.left_out if not piece.path or piece.path[0] in DECISIVE]
        words = "; ".join(str(piece) for piece in decisive[:3])
        return Memory(
            status=found.value if found.value is not None else RolloutStatus(),
            unreadable=f"status cannot be read: {words}" if decisive else "",
        )


def _merged(memory: Memory, stored: Memory, changed: list[str]) -> Memory:
    """What this process knows, with the parts that somebody else has changed: of another run nothing is known."""
    if _run(memory) != _run(stored):
        return stored
    names = {field.alias or name: name for name, field in RolloutStatus.model_fields.items()}
    parts = {names[part]: getattr(stored.status, names[part]) for part in changed}
    status = memory.status.model_copy(update=parts)
    known = memory.status.run.ending if memory.status.run is not None else None
    if status.run is not None and status.run.ending is None and known is not None:  # an end is a latch
        status = status.model_copy(update={"run": status.run.model_copy(update={"ending": known})})
    return replace(memory, status=status, unreadable=stored.unreadable)


def _run(memory: Memory) -> str | None:
    return memory.status.run.id if memory.status.run is not None else None


def needs_write(record: Record, status: RolloutStatus, now: float) -> bool:
    """Whether anything changed that is not merely time going by; `now` in epoch seconds."""
    if record.written is None or not record.stored or record.written != quieted(status):
        return True
    return overdue(record.due, status, now) or lasting(record.weight, status, now)


async def write(
    store: RolloutStore, record: Record, rollout: RolloutObject, status: RolloutStatus, *, run_only: bool = False
) -> RolloutObject:
    """Writes `status`; what others changed meanwhile in the object does not matter as long as the memory in it is ours.

    Returns: the object as stored.

    Raises:
        Conflict: the status is no longer what we left: read again, decide again.
        Missing, Rejected, Unavailable: as the port says.
    """
    wire = with_left_out(on_the_wire(status), record.left_out)
    for _ in range(TRIES):
        try:
            stored = await store.write_status(rollout, wire, run_only=run_only)
        except Conflict:
            rollout = await _reread(store, record, rollout)
        except Rejected:
            smaller = with_left_out(dump(memory_alone(status)), record.left_out)
            if wire == smaller:
                raise
            wire = smaller
        else:
            record.stored, record.rollout = stored.status, stored
            record.stands(status)
            return stored
    raise Conflict(
        f"Rollout {rollout.namespace}/{rollout.name}: the status was changed by another client {TRIES} times"
    )


async def _reread(store: RolloutStore, record: Record, rollout: RolloutObject) -> RolloutObject:
    again = await store.read(rollout.namespace, rollout.name, fresh=True)
    if not isinstance(again, RolloutObject):
        name = f"Rollout {rollout.namespace}/{rollout.name}"
        raise (
            Unavailable(f"{name} could not be read again")
            if hasattr(again, "reason")
            else Missing(f"{name} does not exist any more")
        )
    if again.uid != rollout.uid or (
        record.stored is not None and _memory_of(again.status) != _memory_of(record.stored)
    ):
        raise Conflict(f"Rollout {again.namespace}/{again.name}: the status is no longer what was left there")
    return again


def _memory_of(status: Mapping[str, Any]) -> dict[str, Any]:
    return {part: status.get(part) for part in REMEMBERED}
