"""Names that only a cluster or a kubeconfig knows, for completion. Whatever goes wrong, there are none: nobody asked for an error."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeAlias

from tidegate.adapters.kubernetes import kubeconfig
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.resources import ROLLOUTS, Resource
from tidegate.ports.errors import PortError

Completer: TypeAlias = Callable[..., list[str]]

PATIENCE: Final = 2.0
"""Seconds that somebody at a keyboard waits at most."""
NAMESPACES: Final = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


def complete(action: argparse.Action, completer: Completer) -> None:
    """Lets an argument be completed: argcomplete looks for this attribute."""
    action.completer = completer  # type: ignore[attr-defined]


def rollouts(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Those of the namespace that the command line names so far."""
    return asyncio.run(_listed(parsed_args, ROLLOUTS))


def approvals(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Those that the gates of the Rollout ask for: of the step that is awaited, or named; of all steps where neither is."""
    found = asyncio.run(_read(parsed_args, ROLLOUTS))
    gate = (found.get("status") or {}).get("gate") or {}
    meant = getattr(parsed_args, "step", "") or gate.get("step", "")
    steps = [one for one in (found.get("spec") or {}).get("steps") or () if not meant or one.get("name") == meant]
    return list(dict.fromkeys(one["name"] for step in steps for one in (step.get("gate") or {}).get("approvals") or ()))


def namespaces(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Those of the cluster."""
    return asyncio.run(_listed(parsed_args, NAMESPACES))


def contexts(parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Those of the kubeconfig."""
    return kubeconfig.contexts(getattr(parsed_args, "kubeconfig", None))


async def _listed(parsed_args: argparse.Namespace, resource: Resource) -> list[str]:
    given = vars(parsed_args)
    try:
        async with asyncio.timeout(PATIENCE):
            found = await kubeconfig.connect(given.get("kubeconfig"), given.get("context"))
            try:
                namespace = (given.get("namespace") or found.namespace) if resource.namespaced else None
                return [str(item["metadata"]["name"]) async for item in _items(found.api, resource, namespace)]
            finally:
                await found.api.close()
    except (PortError, TimeoutError):
        return []


async def _read(parsed_args: argparse.Namespace, resource: Resource) -> JsonObject:
    """The object that the command line names so far; empty when it cannot be read."""
    given = vars(parsed_args)
    try:
        async with asyncio.timeout(PATIENCE):
            found = await kubeconfig.connect(given.get("kubeconfig"), given.get("context"))
            try:
                return await found.api.get(resource, given.get("namespace") or found.namespace, str(given.get("name")))
            finally:
                await found.api.close()
    except (PortError, TimeoutError):
        return {}


async def _items(api: Api, resource: Resource, namespace: str | None) -> AsyncIterator[JsonObject]:
    async for page in api.pages(resource, namespace):
        for item in page:
            yield item
