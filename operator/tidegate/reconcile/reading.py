"""Reads the Rollout of one tick: what is not known is not taken for gone, and what is gone is not forgotten before its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

from tidegate.core.model.world import ABSENT, Lookup, RolloutObject, Unknown
from tidegate.ports.errors import Unavailable
from tidegate.ports.world import World
from tidegate.reconcile.index import Key
from tidegate.reconcile.status import Reading, Record
from tidegate.reconcile.waiting import within


@dataclass(frozen=True)
class Reader:
    """Reads one Rollout."""

    world: World
    key: Key
    record: Record
    wake: Callable[[str, str], None]
    """Has the Rollout looked at again."""

    async def first(self) -> RolloutObject | None:
        """The Rollout as known now; as last seen when it cannot be read during a run; `None` when it is gone.

        Raises:
            Unavailable: it cannot be read, and nothing is known of it.
        """
        known = self._under_way
        found = await (self.world.store.read(*self.key, fresh=False) if known is None else self._soon(known))
        if isinstance(found, Unknown):
            if known is not None:
                return known
            raise self._unread(found)
        return self._of_this_run(found if isinstance(found, RolloutObject) else None)

    async def _soon(self, known: RolloutObject) -> Lookup[RolloutObject]:
        """What is read, or what is known of a run when that takes long: its guards are evaluated all the same.

        The read goes on, one at a time; when its answer has news, that counts from then on.
        """
        news = self._late_news(known)
        if news is not None:
            return news
        begun = self.record.reading
        if begun is None:
            reading = asyncio.ensure_future(self.world.store.read(*self.key, fresh=False))
            begun = self.record.reading = Reading(reading, self.record.stored)
        if not await within(self.world.clock, begun.task):
            if not begun.late:
                begun.late = True
                begun.task.add_done_callback(self._answered)
            return known
        self.record.reading = None
        return _as_of(begun, self.record, known)

    def _late_news(self, known: RolloutObject) -> Lookup[RolloutObject] | None:
        """What a read that took long has brought meanwhile, if that is news; one that brought none is forgotten."""
        begun = self.record.reading
        if begun is None or not begun.task.done():
            return None
        self.record.reading = None
        if begun.task.cancelled() or begun.task.exception() is not None:
            return None
        found = _as_of(begun, self.record, known)
        return found if _is_news(found, known) else None

    def _answered(self, task: asyncio.Future[Lookup[RolloutObject]]) -> None:
        """Wakes the Rollout for a late answer, where that has news."""
        known = self._under_way
        if task.cancelled() or task.exception() is not None or known is None or self.record.vanished:
            return
        if _is_news(task.result(), known):
            self.wake(*self.key)

    async def again(self, *, fresh: bool) -> RolloutObject | None:
        """The Rollout, live (`fresh`) or as `first` has it; `None` when it is gone.

        Raises:
            Unavailable: it cannot be read.
        """
        if self.record.vanished:
            return self.record.rollout
        if not fresh:
            return await self.first()
        found = await self.world.store.read(*self.key, fresh=True)
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


def _as_of(begun: Reading, record: Record, known: RolloutObject) -> Lookup[RolloutObject]:
    """What a read has found; of a status that was written since it began, it may have found an older one."""
    found = begun.task.result()
    same = isinstance(found, RolloutObject) and found.uid == known.uid
    if not same or not isinstance(found, RolloutObject) or not begun.late or record.stored is begun.stored:
        return found
    newer = found if found.generation >= known.generation else known
    return replace(known, spec=newer.spec, generation=newer.generation, deleting=found.deleting or known.deleting)


def _is_news(found: Lookup[RolloutObject], known: RolloutObject) -> bool:
    """Whether a late answer tells what cannot be undone: the Rollout is gone, or another one, being deleted, or its spec was edited."""
    if isinstance(found, Unknown):
        return False
    if not isinstance(found, RolloutObject) or found.uid != known.uid:
        return True
    return found.generation > known.generation or (found.deleting and not known.deleting)
