"""What becomes of commands outside every tick: those nobody can carry out are refused, outdated ones are deleted.

A round is bounded, and without anything to do it makes no request.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final, NamedTuple, TypeVar

import structlog

from tidegate.adapters.kubernetes.cache import Cache, Key
from tidegate.adapters.kubernetes.client import Api
from tidegate.adapters.kubernetes.commands import CommandCache, KubernetesCommands
from tidegate.adapters.kubernetes.leftovers import clear_up
from tidegate.adapters.kubernetes.resources import ROLLOUTS
from tidegate.api.commands import Action
from tidegate.core.model.world import Command, RolloutObject
from tidegate.ports.errors import Missing, PortError
from tidegate.ports.protocols import Clock

EVERY: Final = 5.0
"""Seconds between two rounds."""
APPLIED_TOGETHER: Final = 10.0
"""Seconds a command waits for a Rollout that is not there: both may have been applied together."""
REFUSED_A_ROUND: Final = 20
"""Commands refused in one round at most."""
NAMESPACES_A_ROUND: Final = 2
"""Namespaces cleared up in one round at most: one list each."""
DELETED_A_NAMESPACE: Final = 50
"""Outdated commands deleted in one namespace in one round at most."""

LONGEST_WAIT: Final = 60.0
"""Seconds a namespace in which something failed is left alone at most."""

T = TypeVar("T")

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class CommandUpkeep:
    """See the module."""

    def __init__(
        self, api: Api, commands: KubernetesCommands, cache: CommandCache, rollouts: Cache[RolloutObject], clock: Clock
    ) -> None:
        self._api = api
        self._commands = commands
        self._cache = cache
        self._rollouts = rollouts
        self._clock = clock
        self._missing: dict[Key, float] = {}
        """Rollouts that commands name and nobody has seen: since when (monotonic seconds)."""
        self._failed: dict[str, _Failure] = {}
        """By namespace."""

    async def once(self) -> None:
        """One round. What fails is logged and tried again, later each time; it holds up no other namespace."""
        await self._refuse_unknown_actions()
        await self._refuse_for_missing_rollouts()
        await self._clear_up()

    async def _refuse_unknown_actions(self) -> None:
        known = ", ".join(Action)
        for key, command in self._due(self._cache.unknown.items(), REFUSED_A_ROUND):
            message = f"action {command.action!r} is not known to operator {version('tidegate')}; it knows {known}"
            await self._attempt(key[0], self._refuse(key, command.uid, message))

    async def _refuse_for_missing_rollouts(self) -> None:
        now = self._clock.monotonic()
        missing = [key for key in self._cache.rollouts() if self._rollouts.last(key) is None]
        self._missing = {key: self._missing.get(key, now) for key in missing}
        waited = [(key, since) for key, since in self._missing.items() if now - since >= APPLIED_TOGETHER]
        left = REFUSED_A_ROUND
        for key, _ in self._due(waited, REFUSED_A_ROUND):
            commands = self._cache.of(*key)[:left]
            left -= len(commands)
            if commands:
                await self._attempt(key[0], self._refuse_all(key, commands))

    async def _refuse_all(self, rollout: Key, commands: Sequence[Command]) -> None:
        namespace, name = rollout
        if not await self._is_gone(namespace, name):
            return
        for command in commands:
            message = f"there is no Rollout {name!r} in namespace {namespace!r}"
            await self._refuse((namespace, command.name), command.uid, message)

    async def _is_gone(self, namespace: str, rollout: str) -> bool:
        """Asked live: what the watch streams have not brought may still be there."""
        if not rollout:
            return True
        try:
            await self._api.get(ROLLOUTS, namespace, rollout)
        except Missing:
            return True
        return False

    async def _refuse(self, key: Key, uid: str, message: str) -> None:
        namespace, name = key
        await self._commands.write_outcome(key, uid, done=False, message=message)
        _log.warning("command refused", namespace=namespace, command=name, message=message)

    async def _clear_up(self) -> None:
        crowded = (((namespace, ""), None) for namespace in sorted(self._cache.concluded))
        for (namespace, _), _ in self._due(crowded, NAMESPACES_A_ROUND):
            await self._attempt(namespace, self._clear_up_in(namespace))

    async def _clear_up_in(self, namespace: str) -> None:
        self._cache.concluded.discard(namespace)  # not afterwards: what is concluded meanwhile may not be in the list
        done = False
        try:
            done = await clear_up(self._api, namespace, self._clock.now(), DELETED_A_NAMESPACE)
        finally:
            if not done:
                self._cache.concluded.add(namespace)

    def _due(self, items: Iterable[tuple[Key, T]], most: int) -> list[tuple[Key, T]]:
        """Those whose namespace is not waiting after a failure, at most `most`."""
        now = self._clock.monotonic()
        ready = [item for item in items if (failed := self._failed.get(item[0][0])) is None or now >= failed.again]
        return ready[:most]

    async def _attempt(self, namespace: str, work: Coroutine[Any, Any, None]) -> None:
        """Carries out `work`; after a failure its namespace is left alone for a while, and a new message is logged."""
        before = self._failed.get(namespace)
        try:
            await work
        except PortError as error:
            wait = min(2 * before.wait, LONGEST_WAIT) if before is not None else EVERY
            self._failed[namespace] = _Failure(str(error), wait, self._clock.monotonic() + wait)
            if before is None or before.message != str(error):
                _log.warning("commands cannot be processed", namespace=namespace, error=str(error))
        else:
            self._failed.pop(namespace, None)


class _Failure(NamedTuple):
    message: str
    wait: float
    """Seconds."""
    again: float
    """Monotonic seconds of the next try."""
