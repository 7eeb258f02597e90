"""Notices watch streams that have gone silent without ending, while there are runs to miss something of.

A connection can be dead on one side only; Kopf notices after 70 s. What matters to a run in the meantime is listed: routes
(somebody's hand), commands (an abort) and Rollouts (a pause, a deletion). Nothing is listed that a stream has told of a
moment ago, nothing without a run under way, and no Deployment or Service: before anything is raised they are read live.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import structlog

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.resources import COMMANDS, ROLLOUTS, Resource
from tidegate.core.model.world import RolloutObject
from tidegate.handlers.intake import Caches, Take
from tidegate.ports.errors import PortError

SILENT: Final = 20.0
"""Seconds without a word of a kind after which it is listed: one list a kind and namespace, a few kilobytes a Rollout."""
LATE: Final = 3.0
"""Seconds a stream is given to bring what a list has shown; after that it is deaf."""
MOST_NAMESPACES: Final = 8
"""Namespaces listed one by one; where more have runs under way one list is for all that are served."""
BESIDE: Final = (COMMANDS, ROLLOUTS)
"""What is listed beside routes."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Listening:
    """See the module. Used from the event loop, but for `heard`."""

    def __init__(
        self,
        api: Api,
        caches: Caches,
        takes: Mapping[Resource, Take],
        namespaces: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
        late: float = LATE,
    ) -> None:
        """`namespaces` are those served (none: all); `monotonic` gives seconds, `late` is `LATE`."""
        self._late = late
        self._api = api
        self._caches = caches
        self._takes = takes
        self._namespaces = tuple(namespaces)
        self._monotonic = monotonic
        self._heard: dict[Resource, float] = {}

    def heard(self, resource: Resource) -> None:
        """A stream brought something of a kind; from any thread."""
        self._heard[resource] = self._monotonic()

    async def until_deaf(self, allowed: Collection[Resource]) -> Resource:
        """Looks again and again; returns the kind whose stream is deaf."""
        began = self._monotonic()
        for resource in allowed:
            self._heard[resource] = max(self._heard.get(resource, began), began)
        while True:
            await asyncio.sleep(SILENT / 2)
            for resource in (*self._caches.routes.resources, *BESIDE):
                if resource in allowed and await self.is_deaf(resource):
                    _log.warning("watch stream stalled: it did not deliver what a list shows", kind=resource.kind)
                    return resource

    async def is_deaf(self, resource: Resource) -> bool:
        """Lists a kind that has been silent for long, takes in what is found, and says whether its stream should have."""
        listed_at = self._monotonic()
        if listed_at - self._heard.get(resource, listed_at) < SILENT:
            return False
        places = self._places(resource)
        if not places:
            return False
        try:
            news = [await self._look(resource, place) for place in places]
        except PortError as error:
            _log.info("not listed, though its watch stream is silent", kind=resource.kind, error=str(error))
            return False
        if not any(news):
            self._heard[resource] = listed_at  # nothing was missed until then
            return False
        await asyncio.sleep(self._late)
        return self._heard.get(resource, 0.0) < listed_at

    def _places(self, resource: Resource) -> Collection[str | None]:
        """Where runs are under way, and for a kind of route those that write it; `None` for the whole cluster."""
        rows = self._caches.routes.of(resource)
        busy = {
            namespace
            for (namespace, _), rollout in self._caches.rollouts.items()
            if rollout.status.get("run") and (resource in BESIDE or any(_writes(rollout, row.kind) for row in rows))
        }
        if len(busy) <= MOST_NAMESPACES:
            return sorted(busy)
        return self._namespaces or (None,)

    async def _look(self, resource: Resource, place: str | None) -> bool:
        news = False
        async for page in self._api.pages(resource, place):
            for raw in page:
                news = self._is_news(resource, raw) or news
                self._takes[resource](None, raw)
        return news

    def _is_news(self, resource: Resource, raw: Mapping[str, Any]) -> bool:
        """Whether a stream ought to have brought this: it is newer than what is known."""
        metadata = raw["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if resource == COMMANDS:
            return not (raw.get("status") or {}).get("phase") and not self._caches.commands.has(key)
        if resource == ROLLOUTS:
            return self._caches.rollouts.is_newer(key, metadata["resourceVersion"])
        caches = (self._caches.routes[row.kind] for row in self._caches.routes.of(resource))
        return any(cache.is_newer(key, metadata["resourceVersion"]) for cache in caches)


def _writes(rollout: RolloutObject, kind: str) -> bool:
    """Whether a run may have a target of this kind: where its targets cannot be read, it may have one of any."""
    targets = rollout.status.get("targets")
    kinds = (
        {one.get("kind") if isinstance(one, dict) else None for one in targets} if isinstance(targets, list) else {None}
    )
    return not kinds or None in kinds or kind in kinds
