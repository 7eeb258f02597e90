"""RolloutCommands: those still without an outcome, and writing the outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from tidegate.adapters.kubernetes.cache import Cache, Key
from tidegate.adapters.kubernetes.client import COMMANDS, Api, JsonObject
from tidegate.adapters.kubernetes.leftovers import clear_up
from tidegate.adapters.kubernetes.rollouts import epoch
from tidegate.api.command import Action
from tidegate.core.instants import instant
from tidegate.core.observed import Command
from tidegate.ports.errors import Conflict, Missing, PortError
from tidegate.ports.protocols import Manager


class CommandCache:
    """The open commands of every Rollout, as the watch stream has brought them."""

    def __init__(self) -> None:
        self._open: Cache[tuple[str, Command]] = Cache()
        self.filled = False
        """Everything there was has been listed once; until then, what is not here may still exist."""

    def put(self, raw: Mapping[str, Any], *, watched: bool) -> str | None:
        """Takes in a command. Returns: the Rollout it concerns, if it is open and was not known so."""
        metadata = raw["metadata"]
        key = (metadata["namespace"], metadata["name"])
        parsed = command_of(raw)
        if parsed is None:
            self._open.drop(key, metadata["resourceVersion"])
            return None
        return parsed[0] if self._open.put(key, metadata["resourceVersion"], parsed, watched=watched) else None

    def drop(self, namespace: str, name: str, resource_version: str = "") -> None:
        """Forgets a command that is gone or has its outcome."""
        self._open.drop((namespace, name), resource_version)

    def keys(self) -> set[Key]:
        """Namespace and name of every open command."""
        return {key for key, _ in self._open.items()}

    def of(self, namespace: str, rollout: str) -> list[Command]:
        """The open commands of one Rollout, oldest first."""
        found = (
            command
            for (where, _), (concerned, command) in self._open.items()
            if (where, concerned) == (namespace, rollout)
        )
        return sorted(found, key=lambda command: (command.created, command.name))


def command_of(raw: Mapping[str, Any]) -> tuple[str, Command] | None:
    """The Rollout's name and the command; `None` when it has its outcome or asks for what this version does not know."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    action = spec.get("action")
    if (raw.get("status") or {}).get("phase") or action not in set(Action) or metadata.get("deletionTimestamp"):
        return None
    return spec.get("rollout") or "", Command(
        uid=metadata["uid"],
        name=metadata["name"],
        action=Action(action),
        run=spec.get("run") or "",
        reason=spec.get("reason") or "",
        requester=spec.get("requester") or "",
        created=epoch(metadata.get("creationTimestamp") or ""),
    )


class KubernetesCommands:
    """The `Commands` port on the Kubernetes API. `now` gives epoch seconds."""

    def __init__(self, api: Api, cache: CommandCache, now: Callable[[], float]) -> None:
        self._api = api
        self._cache = cache
        self._now = now

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        """Those without an outcome, oldest first. As long as the watch stream has not listed them all, read live."""
        if not self._cache.filled:
            try:
                async for page in self._api.pages(COMMANDS, namespace):
                    for raw in page:
                        self._cache.put(raw, watched=False)
            except PortError:
                return self._cache.of(namespace, rollout)
        return self._cache.of(namespace, rollout)

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        """Writes the outcome, unless one is there already or the command is gone; clears up what is outdated."""
        status = {
            "phase": "Done" if done else "Refused",
            "message": message,
            "completionTime": instant(self._now()).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        operations: list[JsonObject] = [
            {"op": "test", "path": "/metadata/uid", "value": command.uid},
            {"op": "test", "path": "/status", "value": None},
            {"op": "add", "path": "/status", "value": status},
        ]
        with suppress(Conflict, Missing):
            await self._api.patch(
                COMMANDS, namespace, command.name, operations, manager=Manager.FORWARD, subresource="status"
            )
        self._cache.drop(namespace, command.name)
        await clear_up(self._api, namespace, self._now())
