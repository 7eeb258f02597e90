"""Rollouts as they are stored: one by name, or a list by namespace and labels."""

from __future__ import annotations

from tidegate.adapters.kubernetes.client import JsonObject
from tidegate.adapters.kubernetes.kubeconfig import Connection
from tidegate.adapters.kubernetes.resources import ROLLOUTS
from tidegate.cli.errors import CommandError
from tidegate.cli.output import complete
from tidegate.ports.errors import Missing


async def the_rollout(cluster: Connection, name: str) -> JsonObject:
    """One Rollout, read live.

    Raises:
        CommandError: there is none of that name.
    """
    try:
        found = await cluster.api.get(ROLLOUTS, cluster.namespace, name)
    except Missing as error:
        raise CommandError(f"there is no Rollout {name} in namespace {cluster.namespace}") from error
    return complete(found, ROLLOUTS)


async def rollouts(cluster: Connection, *, everywhere: bool, selector: str) -> list[JsonObject]:
    """Those of the namespace, or of all namespaces, whose labels match, by namespace and name."""
    query = {"labelSelector": selector} if selector else {}
    found: list[JsonObject] = []
    async for page in cluster.api.pages(ROLLOUTS, None if everywhere else cluster.namespace, query):
        found += [complete(item, ROLLOUTS) for item in page]
    return sorted(found, key=lambda item: (str(item["metadata"].get("namespace", "")), str(item["metadata"]["name"])))
