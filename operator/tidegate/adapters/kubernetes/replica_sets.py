"""Lists the ReplicaSets that have pods: those of one Deployment, or all of a namespace at once where many wait for theirs.

The API server goes through all ReplicaSets of a namespace for each list with a selector. When an operator starts beside a
thousand runs of one namespace, two thousand such lists would be two thousand times two thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.adapters.kubernetes.client import REPLICA_SETS, Api
from tidegate.adapters.kubernetes.deployments import DeploymentView, ReplicaSets, current_replica_sets
from tidegate.ports.errors import PortError, Unavailable

AT_A_TIME: Final = 16
"""Lists under way in one namespace."""
MANY: Final = 64
"""Deployments of one namespace that wait: from so many on one list of the namespace serves all of them."""

_State: TypeAlias = tuple[str, tuple[int, int, int]]
"""A Deployment's uid and its `pods_state`."""


@dataclass(frozen=True)
class _Wait:
    deployment: DeploymentView
    answer: asyncio.Future[frozenset[str] | PortError]


class ReplicaSetLists:
    """See the module. Used from one event loop."""

    def __init__(self, api: Api, known: ReplicaSets) -> None:
        """`known` takes in what was listed."""
        self._api = api
        self._known = known
        self._waiting: dict[str, dict[_State, _Wait]] = {}
        self._workers: dict[str, set[asyncio.Task[None]]] = {}

    async def of(self, namespace: str, deployment: DeploymentView) -> frozenset[str]:
        """The names of a Deployment's ReplicaSets with pods, as listed since it was seen in this state.

        Raises:
            PortError: they could not be listed.
        """
        known = self._known.names(deployment)
        if known is not None:
            return known
        waiting = self._waiting.setdefault(namespace, {})
        state = (deployment.uid, deployment.pods_state)
        wait = waiting.get(state)
        if wait is None:
            wait = waiting[state] = _Wait(deployment, asyncio.get_running_loop().create_future())
            self._employ(namespace)
        answer = await asyncio.shield(wait.answer)
        if isinstance(answer, PortError):
            raise answer
        return answer

    def _employ(self, namespace: str) -> None:
        workers = self._workers.setdefault(namespace, set())
        if len(workers) < AT_A_TIME:
            worker = asyncio.create_task(self._work(namespace), name="replica sets")
            workers.add(worker)
            worker.add_done_callback(lambda ended: self._ended(namespace, ended))

    def _ended(self, namespace: str, worker: asyncio.Task[None]) -> None:
        workers = self._workers[namespace]
        workers.discard(worker)
        if not workers and not self._waiting.get(namespace):
            del self._workers[namespace]
            self._waiting.pop(namespace, None)

    async def _work(self, namespace: str) -> None:
        while waiting := self._waiting.get(namespace):
            if len(waiting) < MANY:
                wait = waiting.pop(next(iter(waiting)))
                await self._answer(namespace, [wait], {"labelSelector": wait.deployment.selector})
            else:
                waits = list(waiting.values())
                waiting.clear()
                await self._answer(namespace, waits, {})

    async def _answer(self, namespace: str, waits: list[_Wait], query: Mapping[str, str]) -> None:
        """Lists, and tells all who wait."""
        failure: PortError = Unavailable("the list of ReplicaSets was given up")
        found: dict[str, list[str]] | None = None
        try:
            found = await self._list(namespace, {wait.deployment.uid for wait in waits}, query)
        except PortError as error:
            failure = error
        finally:
            for wait in waits:
                names = self._known.put(wait.deployment, found[wait.deployment.uid]) if found is not None else None
                if not wait.answer.done():
                    wait.answer.set_result(failure if names is None else names)

    async def _list(self, namespace: str, uids: set[str], query: Mapping[str, str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {uid: [] for uid in uids}
        async for page in self._api.pages(REPLICA_SETS, namespace, query):
            for uid, name in current_replica_sets(uids, page):
                found[uid].append(name)
        return found
