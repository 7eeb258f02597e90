"""One write at a time to each route: a route carries the pairs of many Rollouts, and each write is tested on its generation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from tidegate.adapters.kubernetes.cache import Key


class Turns:
    """Who may write to which route now. Used from one event loop."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, route: Key, patience: float) -> AsyncIterator[None]:
        """A turn at `route`; after `patience` seconds without one it is done without: a write that hangs stops no other."""
        lock = self._locks.setdefault(route, asyncio.Lock())
        held = False
        try:
            async with asyncio.timeout(patience):
                held = await lock.acquire()
        except TimeoutError:
            pass
        try:
            yield
        finally:
            if held:
                lock.release()
