"""Runs the real tick over virtual time: for `tidegate simulate`, and for the tests."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.reconcile.specs import Check
from tidegate.reconcile.tick import Ticker
from tidegate.simulation.clock import VirtualClock

RETRY = 1.0
"""Seconds until a failed tick is tried again."""


@dataclass(order=True)
class Happening:
    """Something that happens in the world at an instant."""

    time: float
    order: int
    act: Callable[[], None] = field(compare=False)


@dataclass
class Runner:
    """Ticks one Rollout from event to event.

    With `attended` the time between two events counts as watched although nobody ticked in it: whatever is asked stays
    the same there, and the ticks in between would find nothing new. That is what makes thirteen days short.
    """

    world: World
    clock: VirtualClock
    name: str
    check: Check
    namespace: str = "shop"
    attended: bool = False
    ticker: Ticker = field(init=False)
    due: float = field(init=False)
    ticks: int = 0
    down: bool = False
    """No process runs: what happens wakes nobody until `restart`."""
    _happenings: list[Happening] = field(default_factory=list)
    _order: int = 0

    def __post_init__(self) -> None:
        """Starts now, with a fresh operator."""
        self.restart()

    def stop(self) -> None:
        """The process ends; what happens now is seen by none."""
        self.down = True
        self.due = math.inf

    def restart(self) -> None:
        """A new process: empty caches, no memory but status."""
        self.down = False
        self.ticker = Ticker(self.world, self.check, attended=self.attended)
        self.due = self.clock.now()

    def leap(self, seconds: float) -> None:
        """Sets the clock forward or back; nobody is called sooner or later for it."""
        self.clock.leap(seconds)
        self.due += seconds
        self._happenings = [Happening(one.time + seconds, one.order, one.act) for one in self._happenings]

    def at(self, time: float, act: Callable[[], None]) -> None:
        """Lets something happen at `time` (epoch seconds); the Rollout is woken for it."""
        heapq.heappush(self._happenings, Happening(time, self._order, act))
        self._order += 1

    def stand_still(self, begin: float, end: float) -> None:
        """No operator runs from `begin` to `end` (epoch seconds); then a new one starts, with an empty memory."""
        self.at(begin, self.stop)
        self.at(end, self.restart)

    @property
    def waiting(self) -> int:
        """Things that have not happened yet."""
        return len(self._happenings)

    async def run_until(self, end: float, stop: Callable[[], bool] = lambda: False) -> None:
        """Runs until `end` (epoch seconds), or until `stop` says so after a tick."""
        while not stop():
            upcoming = self._happenings[0].time if self._happenings else math.inf
            following = min(self.due, upcoming)
            if following > end or math.isinf(following):
                self.clock.advance_to(end)
                return
            self.clock.advance_to(following)
            while self._happenings and self._happenings[0].time <= self.clock.now():
                heapq.heappop(self._happenings).act()
                if not self.down:
                    self.due = self.clock.now()
            if self.due <= self.clock.now():
                await self.tick()

    async def tick(self) -> None:
        """One tick now; a failed one is tried again soon."""
        self.ticks += 1
        try:
            following = await self.ticker.tick(self.namespace, self.name)
        except PortError:
            following = self.clock.now() + RETRY
        self.due = math.inf if following is None else max(following, self.clock.now() + 1e-3)

    def run(self, end: float, stop: Callable[[], bool] = lambda: False) -> None:
        """`run_until` for callers without an event loop."""
        asyncio.run(self.run_until(end, stop))
