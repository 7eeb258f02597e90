"""A slow second look at what would be lost for good if a watch stream had missed it: Rollouts and commands.

A stream that begins anew lists what there is, never what has gone meanwhile. So now and then everything is listed, and
what is no longer there counts as deleted.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog

from tidegate.adapters.kubernetes.cache import Key
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.leftovers import outdated
from tidegate.adapters.kubernetes.resources import COMMANDS, ROLLOUTS, Resource
from tidegate.handlers.intake import DELETED, Caches, Intake
from tidegate.ports.errors import PortError

RETRY: Final = 15.0
"""Seconds until a look that failed is tried again."""
SECOND_LOOK: Final = 5.0
"""Seconds from the beginning of streams until they have listed everything; what went in between is missed by both."""
EVERY: Final = 300.0
"""Seconds between two looks: as often as running Rollouts are read live."""


_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Resync:
    """Lists Rollouts and commands, and hands them to the intake as a watch stream would."""

    def __init__(
        self,
        api: Api,
        caches: Caches,
        intake: Intake,
        namespaces: Sequence[str] = (),
        *,
        now: Callable[[], float],
    ) -> None:
        """`now` gives epoch seconds."""
        self._now = now
        self._told = asyncio.Event()
        self._api = api
        self._caches = caches
        self._intake = intake
        self._places: tuple[str | None, ...] = tuple(namespaces) or (None,)

    def streams_began(self) -> None:
        """The watch streams begin anew: a look is due now, and another once they have listed everything themselves."""
        self._told.set()

    async def run(self) -> None:
        """Looks now and then, and when streams begin."""
        while True:
            told = self._told.is_set()
            self._told.clear()
            try:
                await self.once()
                wait = EVERY
            except PortError as error:
                _log.warning("rollouts not listed", error=str(error), retry=RETRY)
                wait = RETRY
            with suppress(TimeoutError):
                async with asyncio.timeout(SECOND_LOOK if told else wait):
                    await self._told.wait()

    async def once(self) -> None:
        """One look.

        Raises: the errors of ports/errors.py.
        """
        known = {key: view.uid for key, view in self._caches.rollouts.items()}
        listed = await self._list(ROLLOUTS)
        for raw in listed.values():
            self._intake.rollout(None, raw)
        for key in known.keys() - listed.keys():
            self._intake.rollout(DELETED, _gone(key))
        open_before = self._caches.commands.keys()
        commands = await self._list(COMMANDS)
        for raw in commands.values():
            self._intake.command(None, raw)
        for namespace in _crowded(commands, self._now()):
            self._caches.commands.concluded.add(namespace)
        for key in open_before - commands.keys():
            self._intake.command(DELETED, _gone(key))
        self._caches.commands.filled = True

    async def _list(self, resource: Resource) -> dict[Key, Mapping[str, Any]]:
        found: dict[Key, Mapping[str, Any]] = {}
        for place in self._places:
            async for page in self._api.pages(resource, place):
                found |= {(raw["metadata"]["namespace"], raw["metadata"]["name"]): raw for raw in page}
        return found


def _crowded(commands: Mapping[Key, Mapping[str, Any]], now: float) -> set[str]:
    """The namespaces in which commands are outdated."""
    by_namespace: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for (namespace, _), raw in commands.items():
        by_namespace[namespace].append(raw)
    return {namespace for namespace, found in by_namespace.items() if any(outdated(found, now))}


def _gone(key: Key) -> dict[str, Any]:
    namespace, name = key
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": ""}}
