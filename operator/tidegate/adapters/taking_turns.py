"""A queue in which those who wait take turns by whom they belong to: who has many waits behind nobody who has one.

The turn is that of the owner who got one least recently, also if it gave up meanwhile and came again: where more is asked for
than can be done, everybody gets something in time. By the order of arrival alone only those who are about to give up would
come to their turn, and it would be of no use to them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

REMEMBERED: Final = 4096
"""Owners whose last turn is remembered; one that is forgotten comes as if for the first time."""


class TakingTurns(Generic[T]):
    """What waits, by owner: one of each owner in turn, first come first served within an owner."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[T]] = {}
        self._turns: OrderedDict[str, int] = OrderedDict()
        """The number of each owner's last turn, or of the last that others had had when it came for the first time."""
        self._before: OrderedDict[str, int] = OrderedDict()
        """The number of the turn before that."""
        self._given = 0

    def put(self, owner: str, item: T) -> None:
        """Puts an item behind the owner's others; who comes for the first time is behind all who wait."""
        self._turns.setdefault(owner, self._given)
        self._queues.setdefault(owner, deque()).append(item)
        self._forget()

    def pop(self) -> T:
        """Takes the next; there must be one."""
        owner = min(self._queues, key=lambda one: self._turns.get(one, 0))
        self._before[owner] = self._turns.pop(owner, 0)
        self._given += 1
        self._turns[owner] = self._given
        self._forget()
        queue = self._queues[owner]
        item = queue.popleft()
        if not queue:
            del self._queues[owner]
        return item

    def give_back(self, owner: str) -> None:
        """The owner's last turn came too late to be of use: it has not had it."""
        before = self._before.pop(owner, None)
        if before is not None and owner in self._turns:
            self._turns[owner] = before

    def _forget(self) -> None:
        """Forgets those whose turn is longest ago."""
        for known in (self._turns, self._before):
            while len(known) > REMEMBERED:
                known.popitem(last=False)

    def discard(self, owner: str, item: T) -> None:
        """Takes an item out, if it waits."""
        queue = self._queues.get(owner)
        if queue is None or item not in queue:
            return
        queue.remove(item)
        if not queue:
            del self._queues[owner]

    def __bool__(self) -> bool:
        return bool(self._queues)
