"""Messages of `spec.notifications` on their way: outside of every tick, and each receiver for itself.

A receiver has a line of its own and takes one message at a time, in order. One that failed waits longer each time, and shares
few places with all others that fail, so that a hanging one delays nobody. What became of a message is kept until a tick has
recorded it in the status, and its id for a while longer: a status write that lands late may take the record back, and then the
outcome is recorded again and nothing is sent. A message is sent again when the process ends before its outcome is recorded, and
when a receiver's answer is lost (at least once): its id is the same each time, so a receiver can drop the repetition.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import structlog

from tidegate.api.rollout.notifications import Notification, NotifierKind
from tidegate.api.rollout.status import MessageStatus, RolloutStatus
from tidegate.core.model.message import Message, Notifying
from tidegate.core.model.world import RolloutObject
from tidegate.core.status.message_text import compose, message_id
from tidegate.core.status.messages import identity
from tidegate.ports.errors import PortError, Rejected
from tidegate.ports.world import World
from tidegate.reconcile import log_context
from tidegate.reconcile.index import Key
from tidegate.reconcile.log_context import LogContext

PLACES: Final = 16
"""Messages at a time, to receivers that have not failed."""
DOUBTFUL_PLACES: Final = 2
"""Messages at a time, to receivers that have: apart from the others."""
PLACES_OF_ONE: Final = 2
"""Messages at a time of one namespace."""

WAITING: Final = 2048
"""Messages that wait in all; one more is dropped, and its Rollout says so."""

DEALT_WITH: Final = 2048
"""Messages that are dealt with and remembered by id, the newest of all Rollouts: far more than in the seconds in which a write
that was given up may land."""

LINES: Final = 1024
"""Receivers that are remembered while nothing waits for them."""

PATIENCE: Final = 1800.0
"""Seconds after which a message is given up."""
RETRY: Final = (2.0, 300.0)
"""Seconds until a receiver that failed is tried again: the first wait, doubled each time, and the longest."""

Place: TypeAlias = tuple[str, str, str, NotifierKind]
"""A receiver: namespace, Secret, key and kind."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Waiting:
    """One message for one receiver."""

    key: Key
    identity: str
    id: str
    """As receivers get it."""
    receiver: Notification
    message: Message
    until: float
    """Monotonic seconds at which it is given up."""
    context: LogContext
    """What its log lines are of."""


@dataclass
class _Line:
    """What waits for one receiver."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    failures: int = 0
    """In a row."""
    again: float = 0.0
    """Monotonic seconds from which it is tried again."""
    proven: bool = False
    """It has taken a message."""
    sending: bool = False


@dataclass
class _Known:
    """What is known of the messages of one Rollout."""

    left: dict[str, int] = field(default_factory=dict)
    """Messages under way: how many receivers each is still to be sent to."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why one was not taken by a receiver."""
    outcomes: dict[str, str] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)
    """By receiver."""


def _nobody(_namespace: str, _name: str) -> None:
    """Whom news wakes when there is no scheduler."""


class Deliveries:
    """See the module. Used from one event loop; costs nothing until something is offered."""

    def __init__(self, world: World) -> None:
        """Nothing is under way."""
        self._world = world
        self._lines: OrderedDict[Place, _Line] = OrderedDict()
        self._known: dict[Key, _Known] = {}
        self._dealt_with: OrderedDict[str, str] = OrderedDict()
        """What became of messages, by the id that receivers get."""
        self._gone: set[Key] = set()
        self._waiting = 0
        self._sending: Counter[str] = Counter()
        """Messages that are being sent, by namespace."""
        self._doubtful = 0
        """Places taken by receivers that have failed."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Task[None] | None = None
        self.failure: BaseException | None = None
        """What ended a delivery that no port may raise: a mistake, or the end of a simulated process."""
        self.wake: Callable[[str, str], None] = _nobody
        """Called with namespace and name of a Rollout when there is news of its messages."""

    @property
    def busy(self) -> bool:
        """Whether a message is being sent."""
        return bool(self._tasks)

    async def drained(self) -> None:
        """Waits until nothing is being sent; what waits to be tried again is left."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def abandon(self) -> None:
        """Gives up what is under way."""
        self._lines.clear()
        self._known.clear()
        for task in (*self._tasks, *((self._timer,) if self._timer is not None else ())):
            task.cancel()

    def known(self, key: Key) -> Notifying:
        """What is known of the messages of a Rollout."""
        known = self._known.get(key)
        if known is None:
            return Notifying(off=self._world.notifier.off)
        return Notifying(self._world.notifier.off, dict(known.outcomes), "; ".join(known.trouble.values()))

    def gone(self, key: Key) -> None:
        """The Rollout is gone: what waits is sent, and nothing is remembered."""
        if key in self._known:
            self._gone.add(key)
            self._forget_gone(key)

    def offer(
        self,
        rollout: RolloutObject,
        status: RolloutStatus,
        messages: Iterable[MessageStatus],
        receivers: Iterable[Notification],
    ) -> None:
        """Sends what is not in progress already.

        Args:
            rollout: whose messages they are.
            status: as recorded.
            messages: those without an outcome in it.
            receivers: of `spec.notifications`.
        """
        key, wanted = (rollout.namespace, rollout.name), {identity(one): one for one in messages}
        self._gone.discard(key)
        known = self._known.setdefault(key, _Known()) if wanted else self._known.get(key)
        if known is None:
            return
        known.outcomes = {one: outcome for one, outcome in known.outcomes.items() if one in wanted}
        receivers = tuple(receivers)
        for one, told in wanted.items():
            if one not in known.left and one not in known.outcomes:
                self._take(rollout, status, told, [each for each in receivers if told.event in each.events])
        if not (wanted or known.left or known.trouble):
            del self._known[key]
        self._pump()

    def _take(
        self, rollout: RolloutObject, status: RolloutStatus, told: MessageStatus, receivers: list[Notification]
    ) -> None:
        key, name = (rollout.namespace, rollout.name), identity(told)
        known, sent = self._known[key], message_id(rollout, told)
        if sent in self._dealt_with:  # a late write of the status has taken the record of it back
            known.outcomes[name] = self._dealt_with[sent]
            self.wake(*key)
            return
        if not receivers:  # the event, or its receiver, was taken out of the spec meanwhile
            known.outcomes[name] = ""
            return
        if self._waiting + len(receivers) > WAITING:
            known.outcomes[name] = f"{WAITING} messages wait: dropped"
            for one in receivers:
                self._tell(one, "dropped", key, known.outcomes[name])
            return
        message = compose(rollout, status, told, self._world.notifier.place)
        known.left[name] = len(receivers)
        until = self._world.clock.monotonic() + PATIENCE
        for one in receivers:
            place = (rollout.namespace, one.secret.name, one.secret.key, one.kind)
            self._line(place).waiting.append(_Waiting(key, name, sent, one, message, until, log_context.current()))
            self._waiting += 1

    def _line(self, place: Place) -> _Line:
        """The line of a receiver; of many that nothing waits for, the oldest are forgotten."""
        if place not in self._lines and len(self._lines) >= LINES:
            idle = [known for known, line in self._lines.items() if not line.waiting and not line.sending]
            for known in idle[: len(idle) // 2 + 1]:
                del self._lines[known]
        return self._lines.setdefault(place, _Line())

    def _pump(self) -> None:
        """Begins whatever may be sent now, a receiver's turn each, and wakes for what may be sent later."""
        now, later = self._world.clock.monotonic(), float("inf")
        failing = {place[0] for place, line in self._lines.items() if line.failures}
        for place in list(self._lines):
            line = self._lines[place]
            if line.sending or not line.waiting:
                continue
            if line.again > now:
                later = min(later, line.again)
                continue
            doubtful = line.failures > 0 or (not line.proven and place[0] in failing)
            if not self._room(place[0], doubtful=doubtful):
                continue
            self._lines.move_to_end(place)
            self._begin(place, line, doubtful=doubtful)
        self._sleep_until(later)

    def _room(self, namespace: str, *, doubtful: bool) -> bool:
        if self._sending[namespace] >= PLACES_OF_ONE:
            return False
        taken = self._doubtful if doubtful else self._sending.total() - self._doubtful
        return taken < (DOUBTFUL_PLACES if doubtful else PLACES)

    def _begin(self, place: Place, line: _Line, *, doubtful: bool) -> None:
        line.sending = True
        self._sending[place[0]] += 1
        self._doubtful += doubtful

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            line.sending = False
            self._sending[place[0]] -= 1
            self._doubtful -= doubtful
            if not self._sending[place[0]]:
                del self._sending[place[0]]
            if done.cancelled():
                return
            if (error := done.exception()) is not None:  # a mistake: not at once again
                self.failure = error
                self._put_off(line)
                self._give_up_old(line)
                _log.error("notification failed", error=f"{type(error).__name__}: {error}")
            self._pump()

        self._tasks.add(log_context.start_unbound(self._send(place, line), "notification", ended))

    async def _send(self, place: Place, line: _Line) -> None:
        """Sends the first message of a line."""
        one = line.waiting[0]
        try:
            with log_context.of(one.context):
                await self._world.notifier.send(place[0], one.receiver, one.message)
        except Rejected as error:
            self._done(line, one, str(error))
        except PortError as error:
            self._put_off(line)
            if line.again >= one.until:
                self._done(line, one, f"given up after {PATIENCE / 60:g} minutes: {error}")
            else:
                self._trouble(one, str(error))
        else:
            line.failures, line.again, line.proven = 0, 0.0, True
            self._done(line, one, "")
        self._give_up_old(line)

    def _put_off(self, line: _Line) -> None:
        """Tries a receiver again later, later each time."""
        line.again = self._world.clock.monotonic() + min(RETRY[0] * 2.0 ** min(line.failures, 16), RETRY[1])
        line.failures += 1

    def _give_up_old(self, line: _Line) -> None:
        """Gives up what will be too old when the receiver is tried again."""
        while line.waiting and line.waiting[0].until <= line.again:
            self._done(line, line.waiting[0], f"given up after {PATIENCE / 60:g} minutes: the receiver does not answer")

    def _done(self, line: _Line, one: _Waiting, failure: str) -> None:
        """One receiver has it, or will never have it."""
        line.waiting.remove(one)
        self._waiting -= 1
        with log_context.of(one.context):
            self._tell(one.receiver, "failed" if failure else "sent", one.key, failure)
        known = self._known.get(one.key)
        if known is None or one.identity not in known.left:
            return
        known.trouble.pop(one.receiver.label, None)
        if failure:
            known.failures[one.identity] = f"{one.receiver.label}: {failure}"
        known.left[one.identity] -= 1
        if not known.left[one.identity]:
            del known.left[one.identity]
            known.outcomes[one.identity] = known.failures.pop(one.identity, "")
            self._dealt_with[one.id] = known.outcomes[one.identity]
            if len(self._dealt_with) > DEALT_WITH:
                self._dealt_with.popitem(last=False)
            self._forget_gone(one.key)
            self.wake(*one.key)

    def _trouble(self, one: _Waiting, failure: str) -> None:
        with log_context.of(one.context):
            self._tell(one.receiver, "retried", one.key, failure)
        known, words = self._known.get(one.key), f"{one.receiver.label}: {failure}"
        if known is not None and known.trouble.get(one.receiver.label) != words:
            known.trouble[one.receiver.label] = words
            self.wake(*one.key)

    def _tell(self, receiver: Notification, outcome: str, key: Key, failure: str) -> None:
        self._world.telemetry.notified(str(receiver.kind), outcome)
        if failure:
            _log.warning(
                f"notification {outcome}", namespace=key[0], rollout=key[1], receiver=receiver.label, error=failure
            )

    def _forget_gone(self, key: Key) -> None:
        known = self._known.get(key)
        if key in self._gone and known is not None and not known.left:
            del self._known[key]
            self._gone.discard(key)

    def _sleep_until(self, later: float) -> None:
        """Comes back when a receiver is to be tried again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if later < float("inf"):
            self._timer = asyncio.create_task(self._wait(later), name="notifications again")

    async def _wait(self, later: float) -> None:
        await self._world.clock.sleep(later - self._world.clock.monotonic())
        self._timer = None
        self._pump()
