"""Runs Kopf, and begins anew whenever it ends.

Kopf gives up as a whole when one kind may not be listed, when a CRD goes away at the wrong moment, or when the API
server is away for longer than its retries. Here that ends one session of watch streams, not the operator: the next
begins after a short wait, with the kinds that may be watched by then. Decisions go on meanwhile, on live reads.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import kopf
import structlog
from kopf._cogs.structs.references import (
    Insights,  # what `kopf.operator(insights=...)` takes; Kopf names it nowhere else
)

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.permissions import may_watch
from tidegate.adapters.kubernetes.resources import DEFINITIONS, NAMESPACES, Resource
from tidegate.handlers.intake import Caches, Take
from tidegate.handlers.kopf_settings import kopf_settings
from tidegate.handlers.listening import Listening
from tidegate.handlers.login import connection_info, session_of
from tidegate.handlers.registry import registry_for
from tidegate.ports.errors import PortError

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 30.0
"""Seconds between sessions: doubled from the first to the longest, reset by a session that lasted longer."""
ASK_AGAIN: Final = 60.0
"""Seconds until it is asked again whether kinds that may not be watched now may be, and whether those not served now are."""
STREAMS: Final = "multidimensional multitasker"
"""Kopf's own name for the task that runs its streams (kopf/_core/reactor/running.py)."""
PATIENCE: Final = 3.0
"""Seconds in which Kopf ends once that task has. When one stream fails (a definition was deleted at the wrong moment), the
others wait for credentials that never come, and Kopf for them: nothing would be seen any more.
"""
GOODBYE: Final = 0.25
"""Seconds for connections to close (aiohttp's documentation, "Graceful Shutdown")."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def _nobody() -> None:
    """Who is told when nobody waits."""


class Watches:
    """The watch streams of the kinds in `takes`, in all namespaces served (none named: the whole cluster)."""

    def __init__(
        self,
        api: Api,
        caches: Caches,
        takes: Mapping[Resource, Take],
        namespaces: Sequence[str] = (),
        *,
        waits: tuple[float, float] = (FIRST_WAIT, LONGEST_WAIT),
        ask_again: float = ASK_AGAIN,
        patience: float = PATIENCE,
    ) -> None:
        """`waits`, `ask_again` and `patience` are in seconds, as the constants of this module."""
        self.begun: Callable[[], None] = _nobody
        """Called each time the streams begin again: what went while there were none must be looked for."""
        self._listening = Listening(api, caches, takes, namespaces)
        self._patience = patience
        self._first_wait, self._longest_wait = waits
        self._ask_again = ask_again
        self._api = api
        self._caches = caches
        self._takes = takes
        self._routes = frozenset(caches.routes.resources)
        self._namespaces = tuple(namespaces)
        self.refused: frozenset[Resource] = frozenset()
        """The kinds that may not be watched everywhere they are to be, as last asked."""

    async def run(self, stop: asyncio.Event) -> None:
        """Keeps the streams going until `stop` is set."""
        loop = asyncio.get_running_loop()
        wait, again = self._first_wait, False
        while not stop.is_set():
            allowed = await self._allowed()
            began = loop.time()
            self._caches.commands.watched = True
            if again:
                self.begun()
            again = True
            await self._session(allowed, stop)
            self._caches.unwatch()
            if loop.time() - began > self._longest_wait:
                wait = self._first_wait
            await _stopped_within(stop, wait)
            wait = min(2 * wait, self._longest_wait)

    async def _session(self, allowed: Sequence[Resource], stop: asyncio.Event) -> None:
        """One run of Kopf, until it ends by itself, `stop` is set, more or less may be watched, or a stream is deaf."""
        insights = Insights()
        ends: list[asyncio.Task[Any]] = [
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._permissions_changed(allowed)),
            asyncio.create_task(self._served_unwatched(allowed, insights)),
            asyncio.create_task(self._listening.until_deaf(allowed)),
        ]
        kopf_ended = asyncio.create_task(self._kopf(allowed, insights))
        try:
            await asyncio.wait([kopf_ended, *ends], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (kopf_ended, *ends):
                task.cancel()
            results = await asyncio.gather(kopf_ended, *ends, return_exceptions=True)
        if isinstance(results[0], Exception):
            _log.warning("watch streams ended, restarting them", error=f"{type(results[0]).__name__}: {results[0]}")

    async def _kopf(self, allowed: Sequence[Resource], insights: Insights) -> None:
        """Runs Kopf in a thread with a loop of its own, until it ends; cancelled, it ends at once.

        On our loop Kopf would take the signal handlers, and at its end cancel every task it has not seen start, our
        ticks among them. And a listing of ten thousand objects is digested without delaying a revert.
        """
        ours = asyncio.get_running_loop()
        ended: asyncio.Future[None] = ours.create_future()
        theirs: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]]
        theirs = concurrent.futures.Future()
        takes = {one: self._on(ours, resource) for resource in allowed for one in await self._versions(resource)}
        sessions: list[kopf.AiohttpSession] = []
        settings = kopf_settings(scanning=await self._may_scan())

        async def operator() -> None:
            registry = registry_for(takes)
            kopf.on.login(registry=registry, id="login", retries=1)(self._login(ours, sessions))
            running = asyncio.create_task(self._operator(registry, settings, insights))
            patience = asyncio.create_task(self._ended_with_its_streams(running))
            theirs.set_result((asyncio.get_running_loop(), running))
            try:
                await running
            finally:
                patience.cancel()
                await _closed(sessions)

        def run() -> None:
            error: BaseException | None = None
            try:
                asyncio.run(operator())
            except (Exception, asyncio.CancelledError) as caught:  # noqa: BLE001  (a thread's end: handed on)
                error = caught
            theirs.cancel()
            ours.call_soon_threadsafe(_settle, ended, error)

        thread = threading.Thread(target=run, name="watches", daemon=True)
        thread.start()
        try:
            await asyncio.shield(ended)
        finally:
            if not ended.done():
                loop, running = await asyncio.wrap_future(theirs)
                with suppress(RuntimeError):  # its loop has closed meanwhile: it has ended
                    loop.call_soon_threadsafe(running.cancel)
                await asyncio.wait([ended])
            thread.join()

    def _login(
        self, ours: asyncio.AbstractEventLoop, sessions: list[kopf.AiohttpSession]
    ) -> Callable[..., Coroutine[Any, Any, kopf.AiohttpSession]]:
        """Kopf's login: a session of the client's configuration, kept in `sessions` so that it can be closed."""

        async def login(**_: Any) -> kopf.AiohttpSession:  # noqa: ANN401  (Kopf's signature)
            asked = asyncio.run_coroutine_threadsafe(connection_info(self._api.configuration), ours)
            sessions.append(session_of(await asyncio.wrap_future(asked)))
            return sessions[-1]

        return login

    async def _versions(self, resource: Resource) -> tuple[Resource, ...]:
        """The kind in the version to watch it in: the one served, and where none is, in each that may be one day."""
        if not resource.older:
            return (resource,)
        try:
            served = await self._api.served(resource)
        except PortError:
            served = None
        return resource.versions if served is None else (served,)

    async def _ended_with_its_streams(self, running: asyncio.Task[None]) -> None:
        """Ends Kopf when what runs its streams has ended, and it has not done so by itself."""
        while not (streams := [task for task in asyncio.all_tasks() if task.get_name() == STREAMS]):  # noqa: ASYNC110
            await asyncio.sleep(self._first_wait)
        await asyncio.wait(streams)
        while not running.done():
            await asyncio.sleep(self._patience)
            running.cancel()  # once is not enough: Kopf waits in several places, one after the other

    async def _operator(
        self, registry: kopf.OperatorRegistry, settings: kopf.OperatorSettings, insights: Insights
    ) -> None:
        await kopf.operator(
            registry=registry,
            settings=settings,
            insights=insights,
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
        )

    def _on(self, loop: asyncio.AbstractEventLoop, resource: Resource) -> Take:
        """What takes in a kind, called from Kopf's thread and carried out on our loop, in the order of the calls."""
        take = self._takes[resource]

        def handed_over(event: str | None, raw: Mapping[str, Any]) -> None:
            self._listening.heard(resource)
            if resource not in self._routes:  # half of an object, and read of routes alone
                (raw.get("metadata") or {}).pop("managedFields", None)
            loop.call_soon_threadsafe(take, event, raw)

        return handed_over

    async def _may_scan(self) -> bool:
        """Whether Kopf may look for kinds and namespaces that come later. Refused, it would ask for nine seconds first."""
        needed = (DEFINITIONS, NAMESPACES) if self._namespaces else (DEFINITIONS,)
        return all(await asyncio.gather(*(may_watch(self._api, resource, None) for resource in needed)))

    async def _allowed(self) -> list[Resource]:
        """The kinds that may be watched everywhere they are to be."""
        refused = await self._refused_of(self._takes)
        self._say_refused(refused)
        return [resource for resource in self._takes if resource not in refused]

    async def _refused_of(self, resources: Iterable[Resource]) -> frozenset[Resource]:
        """Those that may not be watched somewhere."""
        places: tuple[str | None, ...] = self._namespaces or (None,)
        asked = [(resource, place) for resource in resources for place in (places if resource.namespaced else (None,))]
        answers = await asyncio.gather(*(may_watch(self._api, resource, place) for resource, place in asked))
        return frozenset(resource for (resource, _), allowed in zip(asked, answers, strict=True) if not allowed)

    def _say_refused(self, refused: frozenset[Resource]) -> None:
        """Says what has changed since it was last asked, and nothing of what is as it was."""
        for resource in sorted(refused - self.refused, key=str):
            _log.error(
                "not allowed to watch", kind=resource.kind, group=resource.group, role="deploy/cluster/rbac.yaml"
            )
        for resource in sorted(self.refused - refused, key=str):
            _log.info("allowed to watch again", kind=resource.kind, group=resource.group)
        self.refused = refused

    async def _permissions_changed(self, allowed: Sequence[Resource]) -> None:
        refused = frozenset(self._takes) - frozenset(allowed)
        if not refused:
            await asyncio.Event().wait()
        while True:
            await asyncio.sleep(self._ask_again)
            if await self._refused_of(refused) != refused:
                return

    async def _served_unwatched(self, allowed: Sequence[Resource], insights: Insights) -> None:
        """Returns once a kind is served that Kopf does not watch.

        Kopf looks for kinds when a definition changes, and may look before the API server's discovery lists a new one; where it
        may not watch definitions it never does. A kind counts when it was missed twice, so that Kopf has had its time.
        """
        before: set[Resource] = set()
        while True:
            await asyncio.sleep(self._ask_again)
            if not insights.ready_resources.is_set():
                continue
            known = {(one.group, one.version, one.plural) for one in tuple(insights.watched_resources)}
            missed = set()
            for resource in allowed:
                there = any((one.group, one.version, one.plural) in known for one in resource.versions)
                if not there and await self._is_served(resource):
                    missed.add(resource)
            if missed & before:
                _log.info("kinds are served that were not: watching them", kinds=sorted(one.kind for one in missed))
                return
            before = missed

    async def _is_served(self, resource: Resource) -> bool:
        try:
            return await self._api.served(resource) is not None
        except PortError:
            return False


async def _closed(sessions: Sequence[kopf.AiohttpSession]) -> None:
    """Closes the connections, and gives TLS the time to say goodbye, or the sockets stay open as long as their loop."""
    for session in sessions:
        await session.aiohttp_session.close()
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.sleep(GOODBYE)


def _settle(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if ended.done():
        return
    if isinstance(error, Exception):
        ended.set_exception(error)
    else:
        ended.set_result(None)


async def _stopped_within(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
