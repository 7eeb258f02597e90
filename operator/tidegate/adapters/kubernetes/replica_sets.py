"""Lists the ReplicaSets that have pods: those of one Deployment, or all of a namespace at once where many wait for theirs.

The API server goes through all ReplicaSets of a namespace for each list with a selector. When an operator starts beside a
thousand runs of one namespace, two thousand such lists would be two thousand times two thousand.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.adapters.kubernetes.client import REPLICA_SETS, Api
from tidegate.adapters.kubernetes.deployments import DeploymentView, ReplicaSets, current_replica_sets
from tidegate.adapters.kubernetes.together import Crowds, Listed


class ReplicaSetLists:
    """See the module. Used from one event loop."""

    def __init__(self, api: Api, known: ReplicaSets) -> None:
        """`known` takes in what was listed."""
        self._api = api
        self._known = known
        self._crowds: Crowds[DeploymentView, frozenset[str]] = Crowds(self._of_one, self._of_all)

    async def of(self, namespace: str, deployment: DeploymentView) -> frozenset[str]:
        """The names of a Deployment's ReplicaSets with pods, as listed since it was seen in this state.

        Raises:
            PortError: they could not be listed.
        """
        known = self._known.names(deployment)
        return known if known is not None else await self._crowds.ask(namespace, deployment)

    async def _of_one(self, namespace: str, deployment: DeploymentView) -> frozenset[str]:
        listed = await self._list(namespace, frozenset({deployment}), {"labelSelector": deployment.selector})
        return listed.answers[deployment]

    async def _of_all(
        self, namespace: str, deployments: frozenset[DeploymentView]
    ) -> Listed[DeploymentView, frozenset[str]]:
        return await self._list(namespace, deployments, {})

    async def _list(
        self, namespace: str, deployments: frozenset[DeploymentView], query: Mapping[str, str]
    ) -> Listed[DeploymentView, frozenset[str]]:
        found: dict[str, list[str]] = {deployment.uid: [] for deployment in deployments}
        length = 0
        async for page in self._api.pages(REPLICA_SETS, namespace, query):
            for uid, name in current_replica_sets(found, page):
                found[uid].append(name)
            length += len(page)
        names = {deployment: self._known.put(deployment, found[deployment.uid]) for deployment in deployments}
        return Listed(names, length)
