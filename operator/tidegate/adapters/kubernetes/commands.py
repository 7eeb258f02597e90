"""RolloutCommands: those still without an outcome, and writing the outcome."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import structlog

from tidegate.adapters.kubernetes.cache import Cache, Key
from tidegate.adapters.kubernetes.client import Api, JsonObject
from tidegate.adapters.kubernetes.listings import Listings
from tidegate.adapters.kubernetes.resources import COMMANDS
from tidegate.adapters.kubernetes.rollouts import epoch
from tidegate.api.commands import Action
from tidegate.api.values.text import printable
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import Command
from tidegate.ports.errors import Conflict, Missing, PortError
from tidegate.ports.protocols import Manager

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Refusable(NamedTuple):
    """A command that asks for an action this version does not know."""

    uid: str
    action: str


class CommandCache:
    """The open commands of every Rollout, as the watch stream has brought them."""

    def __init__(self) -> None:
        self._open: Cache[tuple[str, Command]] = Cache()
        self._by_rollout: defaultdict[Key, set[Key]] = defaultdict(set)
        self.unknown: dict[Key, Refusable] = {}
        """Open commands that ask for what this version does not know, by namespace and name."""
        self.concluded: set[str] = set()
        """Namespaces in which a command got its outcome since they were last cleared up."""
        self.filled = False
        """Everything there was has been listed since the watch streams began."""
        self.watched = False
        """Watch streams bring what comes."""

    @property
    def complete(self) -> bool:
        """Whether what is not here does not exist."""
        return self.filled and self.watched

    def put(self, raw: Mapping[str, Any], *, watched: bool) -> str | None:
        """Takes in a command. Returns: the Rollout it concerns, if it is open and was not known so."""
        metadata = raw["metadata"]
        key = (metadata["namespace"], metadata["name"])
        parsed = command_of(raw)
        if parsed is None or isinstance(parsed, Refusable):
            if self.drop(*key, metadata["resourceVersion"]) and parsed is None:
                self.concluded.add(key[0])
            if parsed is not None:
                self.unknown[key] = parsed
            return None
        news = self._open.put(key, metadata["resourceVersion"], parsed, watched=watched)
        if self._open.last(key) is not None:
            self._by_rollout[key[0], parsed[0]].add(key)
        return parsed[0] if news else None

    def drop(self, namespace: str, name: str, resource_version: str = "") -> bool:
        """Forgets a command that is gone or has its outcome. Returns: whether it was open."""
        key = (namespace, name)
        self.unknown.pop(key, None)
        before = self._open.last(key)
        known = self._open.drop(key, resource_version)
        if known and before is not None:
            of_rollout = self._by_rollout[namespace, before[0]]
            of_rollout.discard(key)
            if not of_rollout:
                del self._by_rollout[namespace, before[0]]
        return known

    def keys(self) -> set[Key]:
        """Namespace and name of every open command."""
        return {key for key, _ in self._open.items()} | self.unknown.keys()

    def has(self, key: Key) -> bool:
        """Whether a command is known to be open."""
        return key in self.unknown or self._open.last(key) is not None

    def rollouts(self) -> list[Key]:
        """Namespace and name of every Rollout that open commands name, whether it exists or not."""
        return list(self._by_rollout)

    def of(self, namespace: str, rollout: str) -> list[Command]:
        """The open commands of one Rollout, oldest first."""
        known = (self._open.last(key) for key in self._by_rollout.get((namespace, rollout), ()))
        return sorted((entry[1] for entry in known if entry is not None), key=_age)


def _age(command: Command) -> tuple[float, str]:
    return command.created, command.name


def command_of(raw: Mapping[str, Any]) -> tuple[str, Command] | Refusable | None:
    """The Rollout's name and the command; `None` when it has its outcome, `Refusable` when its action is not known."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    action = spec.get("action")
    if (raw.get("status") or {}).get("phase") or metadata.get("deletionTimestamp"):
        return None
    if action not in set(Action):
        return Refusable(metadata["uid"], str(action))
    return spec.get("rollout") or "", Command(
        uid=metadata["uid"],
        name=metadata["name"],
        action=Action(action),
        run=spec.get("run") or "",
        reason=spec.get("reason") or "",
        requester=spec.get("requester") or "",
        created=epoch(metadata.get("creationTimestamp") or ""),
        step=spec.get("step") or "",
        approval=spec.get("name") or "",
        step_hash=spec.get("stepHash") or "",
    )


class KubernetesCommands:
    """The `Commands` port on the Kubernetes API. `now` gives epoch seconds."""

    def __init__(
        self,
        api: Api,
        cache: CommandCache,
        now: Callable[[], float],
        verified: Callable[[float], bool] = lambda _: False,
    ) -> None:
        """`verified` says whether the API server checked the requester of a command created at an instant (epoch seconds)."""
        self._api = api
        self._verified = verified
        self._cache = cache
        self._now = now
        self._listings = Listings(self._list)
        self._unlisted: dict[str, str] = {}
        """Why the commands of a namespace could not be listed, while they cannot: it is logged once."""

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        """Those without an outcome, oldest first. While no watch stream tells of them all, their namespace is listed."""
        if not self._cache.complete:
            await self._listings.ensure(namespace)
        found = self._cache.of(namespace, rollout)
        return [replace(one, verified=self._verified(one.created)) if one.action.of_approval else one for one in found]

    async def _list(self, namespace: str) -> None:
        try:
            async for page in self._api.pages(COMMANDS, namespace):
                for raw in page:
                    self._cache.put(raw, watched=False)
        except PortError as error:
            if self._unlisted.get(namespace) != str(error):
                self._unlisted[namespace] = str(error)
                _log.warning("commands not listed", namespace=namespace, error=str(error))
        else:
            self._unlisted.pop(namespace, None)

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        """Writes the outcome, unless one is there already or the command is gone."""
        await self.write_outcome((namespace, command.name), command.uid, done=done, message=message)

    async def write_outcome(self, key: Key, uid: str, *, done: bool, message: str) -> None:
        """As `conclude`, for a command by its namespace and name, and its uid."""
        status = {
            "phase": "Done" if done else "Refused",
            "message": printable(message),
            "completionTime": instant(self._now()).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        operations: list[JsonObject] = [
            {"op": "test", "path": "/metadata/uid", "value": uid},
            {"op": "test", "path": "/status", "value": None},
            {"op": "add", "path": "/status", "value": status},
        ]
        with suppress(Conflict, Missing):
            await self._api.patch(COMMANDS, *key, operations, manager=Manager.FORWARD, subresource="status")
        if self._cache.drop(*key):
            self._cache.concluded.add(key[0])
