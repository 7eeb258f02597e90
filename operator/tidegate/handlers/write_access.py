"""Asks now and then whether what a revert writes may still be written: a revert must not be the first to learn of it.

One request a minute for each kind of route, and for Deployments that a revert scales to 0, in each namespace with a run under
way; none at rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.permissions import WriteAccess, may_patch
from tidegate.adapters.kubernetes.resources import DEPLOYMENTS, Resource
from tidegate.handlers.intake import Caches
from tidegate.handlers.waker import Waker
from tidegate.ports.errors import PortError

EVERY: Final = 15.0
"""Seconds between two rounds."""
ASKED_EVERY: Final = 4
"""Rounds in which every kind and namespace is asked for once: a minute."""
MOST: Final = 32
"""Requests of one round: where more namespaces have runs under way, each is asked for less often."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class WriteAccessWatch:
    """See the module. Used from one event loop."""

    def __init__(self, api: Api, caches: Caches, access: WriteAccess, waker: Waker) -> None:
        self._api = api
        self._caches = caches
        self._access = access
        self._waker = waker
        self._round = 0

    async def run(self) -> None:
        """Asks for as long as it is not cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.once()

    async def once(self) -> None:
        """One round: a share of what is in use."""
        used = self._used()
        share = sorted(used, key=lambda one: (one[1], one[0].kind))[self._round % ASKED_EVERY :: ASKED_EVERY][:MOST]
        self._round += 1
        for resource, namespace in share:
            await self._ask(resource, namespace)

    async def _ask(self, resource: Resource, namespace: str) -> None:
        try:
            allowed = await may_patch(self._api, resource, namespace)
        except PortError as error:
            _log.info("not known whether routes may be written", namespace=namespace, error=str(error))
            return
        if self._access.note(resource, namespace, allowed=allowed):
            log = _log.info if allowed else _log.error
            log(
                "routes may be written" if allowed else "routes may not be written",
                kind=resource.kind,
                namespace=namespace,
            )
            for where, name in self._under_way():
                if where == namespace:
                    self._waker.rollout_changed(where, name)

    def _used(self) -> set[tuple[Resource, str]]:
        """The kinds of route that runs under way have, and Deployments that their ends scale to 0, with their namespaces."""
        found: set[tuple[Resource, str]] = set()
        for namespace, name in self._under_way():
            rollout = self._caches.rollouts.last((namespace, name))
            targets = rollout.status.get("targets") if rollout is not None else None
            run = rollout.status.get("run") if rollout is not None else None
            if isinstance(run, dict) and run.get("scalesToZeroFrom") is not None:
                found.add((DEPLOYMENTS, namespace))
            for target in targets if isinstance(targets, list) else ():
                kind = target.get("kind") if isinstance(target, dict) else None
                found |= {(row.patched, namespace) for row in self._caches.routes.every if row.kind == kind}
        return found

    def _under_way(self) -> Iterable[tuple[str, str]]:
        return [key for key, rollout in self._caches.rollouts.items() if rollout.status.get("run")]
