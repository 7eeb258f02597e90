"""When each Rollout is looked at: a heap of due times, one task for each Rollout in work, wakes coalesced.

Start-up, an event and a missed event take the same path: the Rollout is looked at. One at rest is in no heap and costs
nothing.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from tidegate.ports.errors import Rejected
from tidegate.ports.world import World
from tidegate.reconcile.index import Index, Key
from tidegate.reconcile.tick import RETRY, Ticker

BACKOFF: Final = (0.2, 30.0)
"""Seconds: the first wait after a failed tick, doubled each time, and the longest: an API server that is overloaded is relieved."""

REFUSED_BACKOFF: Final = 5.0
"""Seconds: the longest wait after a refusal, which may be lifted at any moment and costs the API server little."""

LOOKS: Final = 32
"""Rollouts without a run that are looked at at once. A thousand at once, at a start or a release, would be a thousand half done:
memory that is never given back."""

LOOK_COUNTS: Final = 1.0
"""Seconds after which a look that has not ended stands before no other any more: its calls hang."""

ROOM_AGAIN: Final = 0.02
"""Seconds until it is looked again whether there is room: a look that turned out to be of a run under way counts no longer."""

LAST_WORDS: Final = 5.0
"""Seconds that announcements are given at the end."""

LEAP: Final = 0.5
"""Seconds by which the clock is off after a tick from which on it was set: one that is merely slewed is off by less."""

HEARTBEAT: Final = 5.0
"""Seconds in which the loop comes round at least once; probes fail when it does not."""


@dataclass
class _Work:
    """A Rollout in work."""

    task: asyncio.Task[None]
    interrupt: asyncio.Event
    again: bool = False
    """Something happened since the tick began: look again as soon as it ends."""


@dataclass
class Scheduler:
    """See the module."""

    world: World
    ticker: Ticker
    index: Index
    heartbeat: float = field(default=-math.inf)
    """Monotonic seconds of the loop's last turn."""

    def __post_init__(self) -> None:
        """Starts with nothing due."""
        self._heap: list[tuple[float, Key]] = []
        self._due: dict[Key, float] = {}
        self._work: dict[Key, _Work] = {}
        self._failures: dict[Key, int] = {}
        self._held_back: dict[Key, float] = {}
        self.ticker.outbox.wake = self.ticker.desk.wake = self.rollout_woken
        self._news = asyncio.Event()
        self._sleeps_until = -math.inf
        """Monotonic seconds; what is due later than that is no news for the loop."""
        self._lined_up: OrderedDict[Key, None] = OrderedDict()
        """Due Rollouts without a run, for which there is no room yet."""
        self._looks: OrderedDict[Key, float] = OrderedDict()
        """Those that are being looked at, and the monotonic seconds until which they count."""

    def rollout_changed(self, namespace: str, name: str) -> None:
        """A Rollout appeared, changed, is being deleted, or is gone: wakes it, and those that wait for what it holds."""
        self._wake((namespace, name))
        for key in self.index.watchers("Rollout", namespace, name):
            self._wake(key)

    def rollout_woken(self, namespace: str, name: str) -> None:
        """Something that a Rollout waits for has been done."""
        self._wake((namespace, name))

    def object_changed(self, kind: str, namespace: str, name: str) -> None:
        """An object changed: wakes the Rollouts that look at it. The `name` of a command or a Job is its Rollout's.

        `namespace` is empty for an object in none.
        """
        if kind in {"RolloutCommand", "Job"}:
            self._wake((namespace, name))
            return
        for key in self.index.watchers(kind, namespace, name):
            self._wake(key)

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set, then lets the ticks in work end."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                self.heartbeat = self.world.clock.monotonic()
                self._start_due()
                await self._until_next(stopping)
        finally:
            stopping.cancel()
            await self._end_work()

    def _wake(self, key: Key) -> None:
        work = self._work.get(key)
        if work is not None:
            work.again = True
            work.interrupt.set()
            return
        wait = self._held_back.get(key, 0.0) - self.world.clock.monotonic()
        self._schedule(key, wait)

    def _schedule(self, key: Key, wait: float) -> None:
        """Makes `key` due in `wait` seconds, which no leap of the clock makes longer or shorter."""
        if math.isinf(wait):
            return
        due = self.world.clock.monotonic() + max(wait, 0.0)
        if due < self._due.get(key, math.inf):
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
            if due < self._sleeps_until:
                self._news.set()

    def _start_due(self) -> None:
        now = self.world.clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) != due or key in self._work:
                continue
            if self.ticker.under_way(key):
                self._start(key)
            else:
                self._lined_up[key] = None
        while self._lined_up and self._room(now):
            key, _ = self._lined_up.popitem(last=False)
            self._looks[key] = now + LOOK_COUNTS
            self._start(key)

    def _start(self, key: Key) -> None:
        interrupt = asyncio.Event()
        task = asyncio.create_task(self._tick(key, self._due.pop(key), interrupt))
        self._work[key] = _Work(task, interrupt)

    def _room(self, now: float) -> bool:
        """Whether one more Rollout without a run may be looked at."""
        if len(self._looks) < LOOKS:
            return True
        over = [key for key, until in self._looks.items() if until <= now or self.ticker.under_way(key)]
        for key in over:
            del self._looks[key]
        return bool(over)

    async def _tick(self, key: Key, due: float, interrupt: asyncio.Event) -> None:
        clock = self.world.clock
        began, ahead = clock.monotonic(), clock.now() - clock.monotonic()
        wait: float | None = None
        try:
            following = await self.ticker.tick(*key, interrupt)
            wait = self._wait(following, ahead) if following is not None else None
            self._failures.pop(key, None)
            self._held_back.pop(key, None)
        except Exception as error:  # noqa: BLE001  (the outermost loop: one Rollout's trouble must not stop the others)
            wait = self._failed(key, error)
        finally:
            work = self._work.pop(key, None)
            if self._looks.pop(key, None) is not None and self._lined_up:
                self._news.set()
            self.world.telemetry.ticked(late=max(began - due, 0.0), seconds=clock.monotonic() - began)
        if work is not None and work.again:
            wait = max(self._held_back.get(key, 0.0) - clock.monotonic(), 0.0)
        if wait is not None:
            self._schedule(key, wait)

    def _wait(self, following: float, ahead: float) -> float:
        """Seconds until `following` (epoch seconds); none when the clock leapt during the tick, which reckoned by the one before.

        `ahead` is by how much the clock was ahead of monotonic time when the tick began.
        """
        clock = self.world.clock
        leapt = clock.now() - clock.monotonic() - ahead
        return following - clock.now() if abs(leapt) <= LEAP else 0.0

    def _failed(self, key: Key, error: Exception) -> float:
        """Seconds until the next try."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest = REFUSED_BACKOFF if isinstance(error, Rejected) else BACKOFF[1]
        longest = RETRY if self.ticker.reverting(key) else longest
        due = self.ticker.next_evaluation(key) - self.world.clock.now()
        retry = min(BACKOFF[0] * 2.0 ** min(failures, 16), longest, max(due, BACKOFF[0]))
        # What happens meanwhile wakes it sooner, but a storm of events does not make a failing tick run hot.
        self._held_back[key] = self.world.clock.monotonic() + BACKOFF[0]
        self.world.telemetry.failed(*key, error, retry=retry)
        return retry

    async def _until_next(self, stopping: asyncio.Future[Any]) -> None:
        now = self.world.clock.monotonic()
        left = min(self._heap[0][0] - now, HEARTBEAT) if self._heap else HEARTBEAT
        if self._lined_up:
            left = min(left, ROOM_AGAIN)
        if left <= 0:
            await asyncio.sleep(0)
            return
        self._sleeps_until = now + left
        sleep: asyncio.Future[Any] = asyncio.ensure_future(self.world.clock.sleep(left))
        news: asyncio.Future[Any] = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({sleep, news, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sleeps_until = -math.inf
            sleep.cancel()
            news.cancel()
        self._news.clear()

    async def _end_work(self) -> None:
        tasks = [work.task for work in self._work.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=HEARTBEAT)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ticker.outbox.drained(), LAST_WORDS)
        self.ticker.outbox.abandon()  # what begins now would find its connections and processes closed
        self.ticker.desk.abandon()
