"""The watch stream of Rollouts' Jobs: open while the end of one is awaited, and nothing is listed otherwise.

Kopf's streams begin all together and bring whole kinds; of the Jobs of a cluster only ours are of account, and seldom. Where the
operator may not watch Jobs, they are looked at one by one, as long as they run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from tidegate.adapters.kubernetes.cache import Key
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.jobs import JOBS, ROLLOUT_LABEL, JobCache
from tidegate.ports.errors import PortError, Rejected

STREAM: Final = 60.0
"""Seconds that one stream lasts: a deaf one is noticed by then."""
STREAMS: Final = 16
"""Streams at a time: each takes a connection that a revert may want. In other namespaces Jobs are looked at one by one."""
RETRY: Final = (1.0, 30.0)
"""Seconds until a stream that failed begins again: the first wait, doubled each time, and the longest."""
ASK_AGAIN: Final = 60.0
"""Seconds until a refused one is tried again."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class JobWatch:
    """See the module. Used from one event loop."""

    def __init__(
        self, api: Api, cache: JobCache, wake: Callable[[str, str], None], namespaces: Sequence[str] = ()
    ) -> None:
        """`wake` is called with namespace and name of the Rollout whose Job changed; no `namespaces`: the whole cluster."""
        self._api = api
        self._cache = cache
        self._wake = wake
        self._room = asyncio.Semaphore(STREAMS)
        self._places: tuple[str | None, ...] = tuple(namespaces) or (None,)

    async def run(self) -> None:
        """Streams for as long as it is not cancelled, while there is something to wait for."""
        await asyncio.gather(*(self._run(place) for place in self._places))

    async def _run(self, place: str | None) -> None:
        wait = RETRY[0]
        while True:
            await self._cache.wanted(place).wait()
            try:
                async with self._room:
                    await self._stream(place)
                wait = RETRY[0]
            except PortError as error:
                refused = isinstance(error, Rejected)
                _log.warning("Jobs are not watched", namespace=place or "all", error=str(error))
                await asyncio.sleep(ASK_AGAIN if refused else wait)
                wait = min(2 * wait, RETRY[1])
            finally:
                self._unwatch(place)

    async def _stream(self, place: str | None) -> None:
        """Lists and then watches, until no end is awaited or the stream fails.

        Raises: Rejected, Unavailable.
        """
        version, wanted = await self._list(place), self._cache.wanted(place)
        while wanted.is_set():
            began = time.monotonic()
            query = {"labelSelector": ROLLOUT_LABEL, "resourceVersion": version, "allowWatchBookmarks": "true"}
            async for event in self._api.events(JOBS, place, query, seconds=STREAM):
                raw = event.get("object") or {}
                if event.get("type") == "ERROR":  # too old: listed again
                    await asyncio.sleep(RETRY[0])
                    return
                version = (raw.get("metadata") or {}).get("resourceVersion") or version
                self._take_or_skip(str(event.get("type")), raw)
            if time.monotonic() - began < RETRY[0]:  # ended as soon as it began: not at once again
                await asyncio.sleep(RETRY[0])

    async def _list(self, place: str | None) -> str:
        listed: set[Key] = set()
        found = await self._api.listed(JOBS, place, {"labelSelector": ROLLOUT_LABEL})
        for raw in found.get("items") or ():
            listed.add((raw["metadata"]["namespace"], raw["metadata"]["name"]))
            self._take_or_skip("ADDED", raw)
        for key, rollout in self._cache.listed(place, listed):
            self._wake(key[0], rollout)
        return str((found.get("metadata") or {}).get("resourceVersion") or "")

    def _take_or_skip(self, event: str, raw: Mapping[str, Any]) -> None:
        """A Job that cannot be read is looked at by itself, and holds up no other."""
        try:
            self._take(event, raw)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _log.error("Job skipped: it cannot be read", error=f"{type(error).__name__}: {error}")

    def _take(self, event: str, raw: Mapping[str, Any]) -> None:
        if event == "BOOKMARK":
            return
        metadata = raw["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if event == "DELETED":
            rollout = self._cache.awaited.get(key) or (metadata.get("labels") or {}).get(ROLLOUT_LABEL, "")
            self._cache.ended(key)
            if self._cache.views.drop(key, metadata["resourceVersion"]):
                self._wake(key[0], rollout)
            return
        view, news = self._cache.put(raw, watched=True)
        if news:
            self._wake(key[0], view.rollout)

    def _unwatch(self, place: str | None) -> None:
        """The stream has ended: until the next one, each Job whose end is awaited is looked at by itself."""
        self._cache.views.unwatch(place)
        for (namespace, _), rollout in list(self._cache.awaited.items()):
            if place in {None, namespace}:
                self._wake(namespace, rollout)
