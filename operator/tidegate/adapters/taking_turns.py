"""A queue in which those who wait take turns by whom they belong to: who has many waits behind nobody who has one."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class TakingTurns(Generic[T]):
    """What waits, by owner: one of each owner in turn, first come first served within an owner."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[T]] = OrderedDict()

    def put(self, owner: str, item: T) -> None:
        """Puts an item behind the owner's others."""
        self._queues.setdefault(owner, deque()).append(item)

    def pop(self) -> T:
        """Takes the next; there must be one."""
        owner, queue = next(iter(self._queues.items()))
        item = queue.popleft()
        if queue:
            self._queues.move_to_end(owner)
        else:
            del self._queues[owner]
        return item

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
