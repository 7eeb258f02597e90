"""What leaves the tick: announcements and outcomes of commands. No tick ever waits for one.

Each Rollout has a queue of its own, and a few deliveries go on at a time, in turn over the Rollouts: an API that hangs delays
announcements, never an evaluation. An outcome that cannot be written is offered again by a later tick, which remembers it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from tidegate.core.model.plan import ConcludeCommand, Decision
from tidegate.core.model.world import RolloutObject
from tidegate.ports.errors import PortError, Rejected
from tidegate.ports.world import World
from tidegate.reconcile import log_context
from tidegate.reconcile.index import Key
from tidegate.reconcile.log_context import LogContext
from tidegate.reconcile.notifying import Deliveries
from tidegate.reconcile.reporting import Reporting

DELIVERIES: Final = 4
"""Deliveries at a time: enough for thousands a minute, few beside what moves traffic."""

KEPT: Final = 64
"""Deliveries that wait for one Rollout, at most. More announcements than that are given up, the oldest first."""

RETRY: Final = (1.0, 60.0)
"""Seconds until an outcome that could not be written is tried again: the first wait, doubled each time, and the longest."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass
class _Refusal:
    """Outcomes of a Rollout's commands that could not be written."""

    message: str
    wait: float
    again: float
    """Monotonic seconds from which they are tried again."""


@dataclass
class _Queue:
    """What waits for one Rollout."""

    waiting: deque[tuple[str, Callable[[], Coroutine[Any, Any, None]], LogContext]] = field(default_factory=deque)
    """The uid of the command (empty for an announcement), what delivers it, and what its log lines are of."""
    outcomes: set[str] = field(default_factory=set)
    """Commands whose outcome waits or is being written."""


def _nobody(_namespace: str, _name: str) -> None:
    """Whom a delivered outcome wakes when there is no scheduler."""


class Outbox:
    """See the module. Used from one event loop."""

    def __init__(self, world: World) -> None:
        """Nothing to deliver."""
        self._world = world
        self._queues: OrderedDict[Key, _Queue] = OrderedDict()
        self._refusals: dict[Key, _Refusal] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.messages = Deliveries(world)
        """Those of `spec.notifications`, which wait for nothing here, and for which nothing here waits."""
        self.messages.wake = self._news
        self.reports = Reporting(world, self.announce)
        """Of ended runs; they wait for nothing here either."""
        self._failure: BaseException | None = None
        self.wake: Callable[[str, str], None] = _nobody
        """Called with namespace and name of a Rollout when the last outcome that waited for it has been written, and when there is
        news of its messages."""

    @property
    def failure(self) -> BaseException | None:
        """What ended a delivery that no port may raise: a mistake, or the end of a simulated process."""
        return self._failure or self.messages.failure or self.reports.failure

    def announce(self, rollout: RolloutObject, decision: Decision) -> None:
        """Tells people of a decision, soon."""
        queue = self._queue((rollout.namespace, rollout.name))
        if len(queue.waiting) >= KEPT:
            self._give_up_one(rollout, queue)
        queue.waiting.append(("", lambda: self._world.announcer.announce(rollout, decision), log_context.current()))
        self._start()

    def conclude(self, rollout: RolloutObject, outcome: ConcludeCommand) -> None:
        """Writes a command's outcome, soon; one that waits already, or was refused just now, is not queued again."""
        key, uid = (rollout.namespace, rollout.name), outcome.command.uid
        refusal = self._refusals.get(key)
        if refusal is not None and self._world.clock.monotonic() < refusal.again:
            return
        queue = self._queue(key)
        if uid not in queue.outcomes:
            queue.outcomes.add(uid)
            queue.waiting.append((uid, lambda: self._conclude(key, outcome), log_context.current()))
            self._start()

    def refused(self, key: Key) -> str:
        """Why outcomes of a Rollout's commands could not be written; empty when nothing is known against it."""
        refusal = self._refusals.get(key)
        return refusal.message if refusal is not None else ""

    def retry_in(self, key: Key) -> float:
        """Seconds until outcomes that could not be written are tried again; infinite when there are none."""
        refusal = self._refusals.get(key)
        return max(refusal.again - self._world.clock.monotonic(), 0.0) if refusal is not None else float("inf")

    def forget(self, key: Key) -> None:
        """The Rollout is gone: its announcements are delivered, nothing is remembered."""
        self._refusals.pop(key, None)

    @property
    def busy(self) -> bool:
        """Whether anything waits to be delivered."""
        return bool(self._tasks) or self.messages.busy or self.reports.busy

    async def drained(self) -> None:
        """Waits until nothing waits to be delivered."""
        while self._tasks:
            await asyncio.gather(*self._tasks)
        await self.messages.drained()
        await self.reports.drained()

    def abandon(self) -> None:
        """Gives up what has not been delivered."""
        if left := sum(len(queue.waiting) for queue in self._queues.values()):
            _log.warning(
                "stopped before everything was delivered: announcements are lost, outcomes are written again", left=left
            )
        self._queues.clear()
        self.messages.abandon()
        self.reports.abandon()
        for task in self._tasks:
            task.cancel()

    def _news(self, namespace: str, name: str) -> None:
        self.wake(namespace, name)

    def _queue(self, key: Key) -> _Queue:
        return self._queues.setdefault(key, _Queue())

    def _start(self) -> None:
        if sum(not task.done() for task in self._tasks) < DELIVERIES:  # one that has just ended delivers no more
            self._tasks.add(log_context.start_unbound(self._deliver(), "outbox", self._ended))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            _log.error("delivery failed", error=f"{type(error).__name__}: {error}")

    async def _deliver(self) -> None:
        """Delivers one after the other, a Rollout's turn each, until nothing waits."""
        while (found := self._next()) is not None:
            key, uid, deliver, context = found
            with log_context.of({**context, "namespace": key[0], "rollout": key[1]}):
                try:
                    await deliver()
                except PortError as error:
                    _log.warning("not delivered", error=str(error))
                finally:
                    self._delivered(key, uid)

    def _next(self) -> tuple[Key, str, Callable[[], Coroutine[Any, Any, None]], LogContext] | None:
        for key, queue in self._queues.items():
            if queue.waiting:
                self._queues.move_to_end(key)
                return (key, *queue.waiting.popleft())
        return None

    def _delivered(self, key: Key, uid: str) -> None:
        queue = self._queues.get(key)
        if queue is None:
            return
        queue.outcomes.discard(uid)
        if uid and not queue.outcomes:
            self.wake(*key)
        if not queue.waiting and not queue.outcomes:
            del self._queues[key]

    async def _conclude(self, key: Key, outcome: ConcludeCommand) -> None:
        before = self._refusals.get(key)
        if before is not None and self._world.clock.monotonic() < before.again:
            return  # one of them was refused just now: the others wait for the same
        try:
            await self._world.commands.conclude(key[0], outcome.command, done=outcome.done, message=outcome.message)
        except PortError as error:
            before = self._refusals.get(key)
            wait = min(2 * before.wait, RETRY[1]) if before is not None else RETRY[0]
            told = isinstance(error, Rejected) or before is not None
            message = f"outcomes of commands cannot be written: {error}" if told else ""
            self._refusals[key] = _Refusal(message, wait, self._world.clock.monotonic() + wait)
            raise
        self._refusals.pop(key, None)

    def _give_up_one(self, rollout: RolloutObject, queue: _Queue) -> None:
        for place, (uid, *_) in enumerate(queue.waiting):
            if not uid:
                del queue.waiting[place]
                _log.warning("announcement given up", namespace=rollout.namespace, rollout=rollout.name, waiting=KEPT)
                return
