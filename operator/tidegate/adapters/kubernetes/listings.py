"""Lists shared by all who need them at the same time: one for a namespace, not one for each Rollout in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

AGAIN: Final = 5.0
"""Seconds for which a list is new enough, while no watch stream tells what has changed since."""
PATIENCE: Final = 1.0
"""Seconds a list is waited for: an evaluation goes on with what is known, and the list goes on beside it."""


class Listings:
    """Lists namespaces by `list_`, which never raises. Used from one event loop; `monotonic` gives seconds."""

    def __init__(
        self, list_: Callable[[str], Awaitable[None]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._list = list_
        self._monotonic = monotonic
        self._under_way: dict[str, asyncio.Future[None]] = {}
        self._listed: dict[str, float] = {}

    async def ensure(self, namespace: str) -> None:
        """Returns when the namespace was listed lately, or has not been for as long as anybody should wait."""
        listing = self._under_way.get(namespace)
        if listing is None:
            if self._monotonic() - self._listed.get(namespace, -AGAIN) < AGAIN:
                return
            listing = self._under_way[namespace] = asyncio.ensure_future(self._once(namespace))
        await asyncio.wait({listing}, timeout=PATIENCE)

    async def _once(self, namespace: str) -> None:
        try:
            await self._list(namespace)
        finally:
            self._listed[namespace] = self._monotonic()
            del self._under_way[namespace]
