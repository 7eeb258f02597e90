"""Runs the real tick over virtual time: for `tidegate simulate`, and for the tests."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tidegate.core.model.pace import EVERY_POINT, Pace
from tidegate.ports.errors import PortError
from tidegate.ports.world import World
from tidegate.reconcile.specs import Check
from tidegate.reconcile.tick import Ticker
from tidegate.simulation.clock import VirtualClock

TURNS = 40
"""Turns of the event loop after which a tick that has not ended waits for virtual time."""

REAL = 0.001
"""Real seconds for which a tick that waits for no virtual time is waited for."""

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

    With the pace `FROM_CHANGE_TO_CHANGE` the time between two events counts as watched although nobody ticked in it:
    whatever is asked stays the same there, and the ticks in between would find nothing new.
    """

    world: World
    clock: VirtualClock
    name: str
    check: Check
    namespace: str = "shop"
    pace: Pace = EVERY_POINT
    ticker: Ticker = field(init=False)
    due: float = field(init=False)
    ticks: int = 0
    down: bool = False
    """No process runs: what happens wakes nobody until `restart`."""
    _woken: bool = False
    """Something happened that the tick under way may not have seen."""
    _happenings: list[Happening] = field(default_factory=list)
    _order: int = 0

    def __post_init__(self) -> None:
        """Starts now, with a fresh operator."""
        self.restart()

    def stop(self) -> None:
        """The process ends; what happens now is seen by none."""
        self.down = True
        self.due = math.inf
        self.ticker.outbox.abandon()
        self.ticker.desk.abandon()

    def restart(self) -> None:
        """A new process: empty caches, no memory but status."""
        self.down = False
        self.ticker = Ticker(self.world, self.check, pace=self.pace)
        self.ticker.outbox.wake = self.ticker.desk.wake = self._wake
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
            wake = self.clock.next_wake()
            following = min(self.due, upcoming, wake if wake is not None else math.inf)
            if following > end or math.isinf(following):
                self.clock.advance_to(end)
                return
            self.clock.advance_to(following)
            if wake is not None and wake <= self.clock.now():
                await asyncio.sleep(0)  # for what waited until now to begin
                await self._deliver()
            while self._happenings and self._happenings[0].time <= self.clock.now():
                heapq.heappop(self._happenings).act()
                if not self.down:
                    self.due = self.clock.now()
            if self.due <= self.clock.now():
                await self.tick()

    async def tick(self) -> None:
        """One tick now; a failed one is tried again soon. What a call takes of virtual time passes meanwhile."""
        self.ticks += 1
        interrupt = asyncio.Event()
        task = asyncio.ensure_future(self._tick(interrupt))
        try:
            while not task.done():
                for _ in range(TURNS):
                    await asyncio.sleep(0)
                    if task.done():
                        break
                else:
                    if not self._pass_time(interrupt):  # it is still at work, or waits for something real
                        await asyncio.wait({task}, timeout=REAL)
            await task
        finally:
            task.cancel()
        await self._deliver()

    async def _tick(self, interrupt: asyncio.Event) -> None:
        self._woken = False
        try:
            following = await self.ticker.tick(self.namespace, self.name, interrupt)
        except PortError:
            following = self.clock.now() + RETRY
        self.due = math.inf if following is None else max(following, self.clock.now() + 1e-3)

    async def _deliver(self) -> None:
        """Lets what left the tick be delivered, as far as that takes no time."""
        outbox, desk = self.ticker.outbox, self.ticker.desk
        for _ in range(TURNS):
            if not outbox.busy and not desk.busy:
                break
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # what waits for later begins to
        failure = outbox.failure or desk.failure
        if failure is not None:
            raise failure
        if self._woken:
            self._woken = False
            self.due = self.clock.now()

    def _pass_time(self, interrupt: asyncio.Event) -> bool:
        """Sets the clock to whatever comes next while a tick waits for an answer; whether anything does."""
        wake = self.clock.next_wake()
        if wake is None:
            return False
        upcoming = self._happenings[0].time if self._happenings else math.inf
        self.clock.advance_to(min(wake, upcoming))
        if upcoming <= wake:
            heapq.heappop(self._happenings).act()
            self._wake()
            interrupt.set()
        return True

    def _wake(self, _namespace: str = "", _name: str = "") -> None:
        self._woken = True

    def run(self, end: float, stop: Callable[[], bool] = lambda: False) -> None:
        """`run_until` for callers without an event loop."""
        asyncio.run(self.run_until(end, stop))
