"""Reads the Rollout of one tick: what is not known is not taken for gone, and what is gone is not forgotten before its time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, Final

from tidegate.core.model.world import ABSENT, Lookup, RolloutObject, Unknown
from tidegate.ports.errors import Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.index import Key
from tidegate.reconcile.status import Record

PROMPT: Final = 0.3
"""Seconds that a tick of a run waits for the object, where no watch stream has it."""


@dataclass(frozen=True)
class Reader:
    """Reads one Rollout."""

    world: World
    key: Key
    record: Record

    async def first(self) -> RolloutObject | None:
        """The Rollout as known now; as last seen when it cannot be read during a run; `None` when it is gone.

        Raises:
            Unavailable: it cannot be read, and nothing is known of it.
        """
        known = self._under_way
        reading = self.world.store.read(*self.key, fresh=False)
        found = await (reading if known is None else self._soon(reading, known))
        if isinstance(found, Unknown):
            if known is not None:
                return known
            raise self._unread(found)
        return self._of_this_run(found if isinstance(found, RolloutObject) else None)

    async def _soon(
        self, reading: Coroutine[Any, Any, Lookup[RolloutObject]], known: RolloutObject
    ) -> Lookup[RolloutObject]:
        """What is read, or what is known of a run when that takes long: its guards are evaluated all the same."""
        task = asyncio.ensure_future(reading)
        await asyncio.sleep(0)
        if not task.done():
            late = asyncio.ensure_future(self.world.clock.sleep(PROMPT))
            try:
                await asyncio.wait({task, late}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                late.cancel()
                task.cancel()
            if task.cancelled() or not task.done():
                return known
        return task.result()

    async def again(self, *, fresh: bool) -> RolloutObject | None:
        """The Rollout, from the watch stream or (`fresh`) live; `None` when it is gone.

        Raises:
            Unavailable: it cannot be read.
        """
        if self.record.vanished:
            return self.record.rollout
        found = await self.world.store.read(*self.key, fresh=fresh)
        if isinstance(found, Unknown):
            raise self._unread(found)
        return self._of_this_run(None if found is ABSENT else found)

    async def live(self, rollout: RolloutObject, *, urgent: bool) -> RolloutObject | None:
        """The Rollout, live; an end under way goes on with what is known of it.

        Raises:
            Unavailable: it cannot be read, and nothing urgent is to be done.
        """
        try:
            return await self.again(fresh=True)
        except Unavailable:
            if not urgent:
                raise
            return rollout

    @property
    def _under_way(self) -> RolloutObject | None:
        """The Rollout as last seen, if a run of it is under way."""
        return self.record.rollout if self.record.memory.status.run is not None else None

    def _of_this_run(self, found: RolloutObject | None) -> RolloutObject | None:
        """What was found; in its stead the one whose run is under way, when that is gone.

        Somebody took our finalizer off and deleted it before its weights were restored: they are all the same.
        """
        known = self._under_way
        if known is None or (found is not None and found.uid == known.uid):
            return found
        self.record.vanished = True
        return replace(known, deleting=True, finalizers=())

    def _unread(self, found: Unknown) -> Unavailable:
        return Unavailable(f"Rollout {'/'.join(self.key)} could not be read: {found.reason}")
