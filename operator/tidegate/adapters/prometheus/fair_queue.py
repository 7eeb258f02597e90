"""Fair shares of one source's slots: no Rollout's queries, be they many, heavy or hanging, hold up another's.

Each Rollout has a queue of its own, and they take turns, whoever was served least recently first. A query is `Pace.QUICK` until it has run for a second, then
`SLOW`, then `STUCK`; what is known of a query from its last time counts from its beginning. Where a quicker query waits, slow ones
may hold half of the slots and stuck ones a quarter: of what they hold beyond that, the longest running stuck one is cut off,
or else the slow one that began last. So a quick query waits about a second at most, and one that takes its time gets its turn
beside others that never end. While no quicker one waits they may begin in more, but for a few that are kept free.

Pure bookkeeping: time is asked for, nothing sleeps here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from tidegate.adapters.taking_turns import TakingTurns

SLOW_AFTER: Final = 1.0
"""Seconds after which a query is slow: usual ones take milliseconds, the API of Prometheus itself counts 1 s as slow."""
STUCK_AFTER: Final = 4.0
"""Seconds after which a query is stuck: it rarely ends before its deadline."""
GIVEN_UP_LATE: Final = 0.5
"""Seconds after which a query whose time is up, or that nobody waits for any more, counts as stuck. One that began too late to be
answered, because others went first, does not: it waited for longer than it ran, and has not had its turn."""
REMEMBERED: Final = 4096
"""Queries remembered as not quick: those of hundreds of Rollouts."""


class Pace(IntEnum):
    """How fast a query is answered."""

    QUICK = 0
    SLOW = 1
    STUCK = 2


PARTS: Final = {Pace.SLOW: 2, Pace.STUCK: 4}
"""Of how many slots one may be held by queries of a pace, or a slower one, while a quicker one waits."""
BEGINNING: Final = {Pace.SLOW: (7, 8), Pace.STUCK: (1, 2)}
"""Share of the slots in which queries of a pace, or a slower one, may begin: where everything is slow, half would be idle."""
KEPT_FOR_SLOW: Final = 8
"""Of how many slots one is given to slow queries although quick ones wait, so that they get their turn."""


@dataclass(eq=False, slots=True)
class Turn:
    """One query: waiting, running, or over."""

    rollout: str
    what: Hashable
    """Tells the query from others of its Rollout, at any time."""
    start: Callable[[], None]
    """Called when its turn has come."""
    cut: Callable[[float], None]
    """Called when it must end, with the seconds it has run: its slot is taken already."""
    pace: Pace
    """As known from its last time."""
    entered: float
    """Monotonic seconds."""
    started: float | None = None
    """Monotonic seconds; `None` while it waits."""


class FairQueue:
    """The queue of one source. `monotonic` gives seconds that never go back."""

    def __init__(self, slots: int, monotonic: Callable[[], float]) -> None:
        """`slots` is how many queries may run at the same time."""
        self._slots = slots
        self._monotonic = monotonic
        self._waiting = {pace: TakingTurns[Turn]() for pace in Pace}
        self._running: dict[Turn, None] = {}
        """In the order of their beginning."""
        self._known: OrderedDict[tuple[str, Hashable], Pace] = OrderedDict()

    def enter(self, rollout: str, what: Hashable, start: Callable[[], None], cut: Callable[[float], None]) -> Turn:
        """A query comes; `start` may be called before this returns. `leave` must be called when it is over."""
        turn = Turn(rollout, what, start, cut, self._known.get((rollout, what), Pace.QUICK), self._monotonic())
        self._waiting[turn.pace].put(rollout, turn)
        self.look()
        return turn

    def leave(self, turn: Turn, *, timed_out: bool = False, cancelled: bool = False) -> None:
        """A query is over, or nobody waits for it any more; one that has been cut off is over already."""
        if turn.started is None:
            self._waiting[turn.pace].discard(turn.rollout, turn)
        elif turn in self._running:
            del self._running[turn]
            ran = self._monotonic() - turn.started
            if not timed_out and not cancelled:
                self._remember(turn, _pace(ran))
            elif ran >= GIVEN_UP_LATE:
                self._remember(turn, Pace.STUCK)
            elif ran < turn.started - turn.entered:
                self._waiting[turn.pace].give_back(turn.rollout)
        self.look()

    def look(self) -> None:
        """Starts what can start, and cuts off what must make room for it."""
        while any(self._waiting.values()):
            turn = self._next()
            if turn is not None:
                turn.started = self._monotonic()
                self._running[turn] = None
                turn.start()
                continue
            victim = self._victim()
            if victim is None:
                return
            del self._running[victim]
            self._remember(victim, Pace.STUCK)
            victim.cut(self._monotonic() - (victim.started or 0.0))

    def wait(self) -> float | None:
        """Seconds until `look` may find something else; `None` when only a query that comes or goes changes anything."""
        if not any(self._waiting.values()):
            return None
        now = self._monotonic()
        ends = ((turn.started or 0.0) + limit - now for turn in self._running for limit in (SLOW_AFTER, STUCK_AFTER))
        return min((seconds for seconds in ends if seconds > 0), default=None)

    def _next(self) -> Turn | None:
        if len(self._running) >= self._slots:
            return None
        slow = self._held(Pace.SLOW)
        order = (Pace.SLOW, Pace.STUCK, Pace.QUICK) if slow < self._slots // KEPT_FOR_SLOW else tuple(Pace)
        for pace in order:
            if self._waiting[pace] and all(self._held(limit) < self._room(limit) for limit in PARTS if limit <= pace):
                return self._waiting[pace].pop()
        return None

    def _victim(self) -> Turn | None:
        """One of those that hold more than their part while a quicker one waits."""
        for pace in (Pace.QUICK, Pace.SLOW):
            if not self._waiting[pace]:
                continue
            for slower in PARTS:
                if slower > pace and self._held(slower) > self._slots // PARTS[slower]:
                    return self._most_hopeless(slower)
        return None

    def _most_hopeless(self, least: Pace) -> Turn:
        """The longest running that is stuck; else the one that began last: the others have come farther."""
        stuck = next((turn for turn in self._running if self._now(turn) is Pace.STUCK), None)
        return stuck or next(turn for turn in reversed(self._running) if self._now(turn) >= least)

    def _room(self, pace: Pace) -> int:
        above, below = BEGINNING[pace]
        return max(1, self._slots * above // below)

    def _held(self, pace: Pace) -> int:
        return sum(self._now(turn) >= pace for turn in self._running)

    def _now(self, turn: Turn) -> Pace:
        """The pace of one that runs: as slow as it was last time, or as it has proved to be by now."""
        return max(turn.pace, _pace(self._monotonic() - (turn.started or 0.0)))

    def _remember(self, turn: Turn, pace: Pace) -> None:
        key = (turn.rollout, turn.what)
        self._known.pop(key, None)
        if pace is not Pace.QUICK:
            self._known[key] = pace
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def _pace(seconds: float) -> Pace:
    if seconds >= STUCK_AFTER:
        return Pace.STUCK
    return Pace.SLOW if seconds >= SLOW_AFTER else Pace.QUICK
