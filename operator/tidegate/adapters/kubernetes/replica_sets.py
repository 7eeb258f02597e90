"""Lists the ReplicaSets that have pods: those of one Deployment, or all of a namespace at once where many ask for theirs.

The API server goes through all ReplicaSets of a namespace for each list with a selector. When an operator starts beside a
thousand runs of one namespace, two thousand such lists would be two thousand times two thousand.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final

from tidegate.adapters.kubernetes.cache import Cache
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.deployments import DeploymentView, ReplicaSets, current_replica_sets
from tidegate.adapters.kubernetes.resources import REPLICA_SETS
from tidegate.ports.errors import PortError

ALONE: Final = 16
"""Lists for one Deployment each that are under way in a namespace; who comes then, or while such a list is under way,
shares a list of the namespace."""

SHARED_WAITS: Final = 5.0
"""Seconds that a list of the namespace is waited for; one that hangs must not stand before all. Once it has lasted so long nobody
joins it, or the next, while there is room for a list of its own: on a namespace whose list always takes longer each would wait."""

_All = Mapping[str, list[str]]
"""Names by the Deployment's uid."""


class ReplicaSetLists:
    """See the module. Used from one event loop."""

    def __init__(self, api: Api, known: ReplicaSets, deployments: Cache[DeploymentView]) -> None:
        """`known` takes in what was listed; a list of a namespace is for all of its `deployments`."""
        self._api = api
        self._known = known
        self._deployments = deployments
        self._alone: Counter[str] = Counter()
        self._next: dict[str, asyncio.Task[_All]] = {}
        """The list of each namespace that has not begun: who joins it gets an answer that is newer than the query."""
        self._under_way: dict[str, asyncio.Task[_All]] = {}
        self._slow: set[str] = set()
        """Namespaces whose list that is under way has been waited for in vain."""

    async def of(self, namespace: str, deployment: DeploymentView) -> frozenset[str]:
        """The names of a Deployment's ReplicaSets with pods, as listed since it was seen in this state.

        Raises:
            PortError: they could not be listed.
        """
        known = self._known.names(deployment)
        if known is not None:
            return known
        shared = namespace not in self._slow and (namespace in self._next or namespace in self._under_way)
        if shared or self._alone[namespace] >= ALONE:
            try:
                async with asyncio.timeout(SHARED_WAITS):
                    return await self._shared(namespace, deployment)
            except TimeoutError:
                if namespace in self._under_way:
                    self._slow.add(namespace)
            except PortError:
                pass  # it may have been too much at once
        self._alone[namespace] += 1
        try:
            found = await self._list(namespace, {"labelSelector": deployment.selector})
            return self._known.put(deployment, found.get(deployment.uid, ()))
        finally:
            self._alone[namespace] -= 1
            if not self._alone[namespace]:
                del self._alone[namespace]

    async def _shared(self, namespace: str, deployment: DeploymentView) -> frozenset[str]:
        """By the list of the namespace that is under way, if that is for this Deployment too; else by the next."""
        if namespace in self._under_way:
            await asyncio.wait({self._under_way[namespace]})
            known = self._known.names(deployment)
            if known is not None:
                return known
        found = await asyncio.shield(self._join(namespace))
        return self._known.put(deployment, found.get(deployment.uid, ()))

    def _join(self, namespace: str) -> asyncio.Task[_All]:
        task = self._next.get(namespace)
        if task is None:
            task = self._next[namespace] = asyncio.create_task(self._list_all(namespace), name="replica sets")
            task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        return task

    async def _list_all(self, namespace: str) -> _All:
        """Lists the namespace, once the list before has ended."""
        if namespace in self._under_way:
            await asyncio.wait({self._under_way[namespace]})
        self._under_way[namespace] = self._next.pop(namespace)
        try:
            seen = [view for (place, _), view in self._deployments.items() if place == namespace]
            found = await self._list(namespace, {})
            for view in seen:
                self._known.put(view, found.get(view.uid, ()))
            return found
        finally:
            del self._under_way[namespace]
            self._slow.discard(namespace)

    async def _list(self, namespace: str, query: Mapping[str, str]) -> _All:
        found: defaultdict[str, list[str]] = defaultdict(list)
        async for page in self._api.pages(REPLICA_SETS, namespace, query):
            for uid, name in current_replica_sets(page):
                found[uid].append(name)
        return found
