"""Runs Kopf, and begins anew whenever it ends.

Kopf gives up as a whole when one kind may not be listed, when a CRD goes away at the wrong moment, or when the API
server is away for longer than its retries. Here that ends one session of watch streams, not the operator: the next
begins after a short wait, with the kinds that may be watched by then. Decisions go on meanwhile, on live reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import kopf
import structlog

from tidegate.adapters.kubernetes.client import Api, Resource
from tidegate.adapters.kubernetes.permissions import may_watch
from tidegate.handlers.intake import Caches, Take
from tidegate.handlers.kopf_settings import kopf_settings
from tidegate.handlers.login import connection_info
from tidegate.handlers.registry import registry_for

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 30.0
"""Seconds between sessions: doubled from the first to the longest, reset by a session that lasted longer."""
ASK_AGAIN: Final = 60.0
"""Seconds until it is asked again whether kinds that may not be watched now may be."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Watches:
    """The watch streams of the kinds in `takes`, in all namespaces served (none named: the whole cluster)."""

    def __init__(
        self,
        api: Api,
        caches: Caches,
        takes: Mapping[Resource, Take],
        namespaces: Sequence[str] = (),
        after_start: Callable[[], None] = lambda: None,
    ) -> None:
        """`after_start` is called whenever Kopf has started: it installs signal handlers, unasked."""
        self._api = api
        self._caches = caches
        self._takes = takes
        self._namespaces = tuple(namespaces)
        self._after_start = after_start

    async def run(self, stop: asyncio.Event) -> None:
        """Keeps the streams going until `stop` is set."""
        loop = asyncio.get_running_loop()
        wait = FIRST_WAIT
        while not stop.is_set():
            allowed = await self._allowed()
            began = loop.time()
            await self._session(allowed, stop)
            self._caches.unwatch()
            if loop.time() - began > LONGEST_WAIT:
                wait = FIRST_WAIT
            await _stopped_within(stop, wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _session(self, allowed: Sequence[Resource], stop: asyncio.Event) -> None:
        """One run of Kopf, until it ends by itself, `stop` is set, or more or less may be watched than at its start."""
        ends = [asyncio.create_task(stop.wait()), asyncio.create_task(self._permissions_changed(allowed))]
        kopf_ended = asyncio.create_task(self._kopf(allowed))
        try:
            await asyncio.wait([kopf_ended, *ends], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (kopf_ended, *ends):
                task.cancel()
            results = await asyncio.gather(kopf_ended, *ends, return_exceptions=True)
        if isinstance(results[0], Exception):
            _log.warning("watch streams ended, beginning anew", error=f"{type(results[0]).__name__}: {results[0]}")

    async def _kopf(self, allowed: Sequence[Resource]) -> None:
        registry = registry_for({resource: self._takes[resource] for resource in allowed})

        @kopf.on.login(registry=registry, id="login", retries=1)
        async def login(**_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401  (Kopf's signature)
            return await connection_info(self._api.configuration)

        # Not kopf.operator(): at its end that cancels every task of the loop it has not seen start, ours among them.
        tasks = await kopf.spawn_tasks(
            registry=registry,
            settings=kopf_settings(),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
        )
        self._after_start()
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _allowed(self) -> list[Resource]:
        """The kinds that may be watched everywhere they are to be."""
        places = self._namespaces or (None,)
        allowed: list[Resource] = []
        for resource in self._takes:
            answers = [await may_watch(self._api, resource, place) for place in places]
            if all(answers):
                allowed.append(resource)
            else:
                _log.error("not allowed to watch", kind=resource.kind, group=resource.group)
        return allowed

    async def _permissions_changed(self, allowed: Sequence[Resource]) -> None:
        if len(allowed) == len(self._takes):
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(ASK_AGAIN)
            if await self._allowed() != list(allowed):
                return


async def _stopped_within(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
