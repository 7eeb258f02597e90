"""The scheduler on a real event loop, with a clock that tests turn."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import cast

import pytest

from tests.simulated.shop import Shop
from tidegate.api.rollout.notifications import Notification, NotificationEvent, NotificationSecret
from tidegate.api.rollout.status import MessageStatus, RolloutStatus
from tidegate.core.model import cadence
from tidegate.core.model.message import Place
from tidegate.core.model.plan import Decision
from tidegate.core.model.world import RolloutObject
from tidegate.ports.errors import Rejected, Unavailable
from tidegate.ports.protocols import Announcer, Notifier
from tidegate.ports.world import World
from tidegate.reconcile import scheduler as scheduler_module
from tidegate.reconcile.index import Index, Key
from tidegate.reconcile.jobs import JobDesk
from tidegate.reconcile.outbox import Outbox
from tidegate.reconcile.scheduler import LOOK_COUNTS, LOOKS, ROOM_AGAIN, Scheduler
from tidegate.reconcile.tick import Ticker


@dataclass
class TurnedClock:
    """Time passes only when a test says so; sleepers wake when their instant has come."""

    time: float = 1000.0
    leapt: float = 0.0
    _sleepers: list[tuple[float, asyncio.Event]] = field(default_factory=list)

    def now(self) -> float:
        return self.time + self.leapt

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        wake = asyncio.Event()
        self._sleepers.append((self.time + seconds, wake))
        await wake.wait()

    async def turn(self, seconds: float) -> None:
        """Lets time pass, and everything that follows from it happen."""
        self.time += seconds
        for due, wake in self._sleepers:
            if due <= self.time:
                wake.set()
        await settle()


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


@dataclass
class FakeTicker:
    """Counts ticks; may be held in one, may fail, says when it wants to be called again."""

    clock: TurnedClock
    ticks: Counter[str] = field(default_factory=Counter)
    at: list[tuple[float, str]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    hold: asyncio.Event | None = None
    fail: int = 0
    error: Exception = field(default_factory=lambda: Unavailable("the API server sleeps"))
    again: Callable[[str, float], float | None] = lambda _name, _now: None
    interrupts: list[asyncio.Event] = field(default_factory=list)
    ending: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    """Whose first tick has shown that a run is in progress."""
    evaluation: float = math.inf
    outbox: Outbox = field(default_factory=lambda: Outbox(Shop().world))
    desk: JobDesk = field(default_factory=lambda: JobDesk(Shop().world))

    def reverting(self, key: Key) -> bool:
        return key[1] in self.ending

    def under_way(self, key: Key) -> bool:
        return key[1] in self.found

    def next_evaluation(self, _key: Key) -> float:
        return self.evaluation

    async def tick(self, _namespace: str, name: str, interrupt: asyncio.Event) -> float | None:
        assert name not in self.running, "two ticks of one Rollout at once"
        self.running.add(name)
        if name.startswith("run"):
            self.found.add(name)
        self.ticks[name] += 1
        self.at.append((self.clock.time, name))
        self.interrupts.append(interrupt)
        try:
            if self.hold is not None:
                await self.hold.wait()
            if self.fail:
                self.fail -= 1
                raise self.error
            return self.again(name, self.clock.now())
        finally:
            self.running.discard(name)


@asynccontextmanager
async def scheduled() -> AsyncIterator[tuple[Scheduler, FakeTicker, TurnedClock]]:
    clock = TurnedClock()
    world = World(**{**vars(Shop().world), "clock": clock})
    ticker = FakeTicker(clock)
    scheduler = Scheduler(world, cast("Ticker", ticker), Index())
    stop = asyncio.Event()
    running = asyncio.ensure_future(scheduler.run(stop))
    await settle()
    try:
        yield scheduler, ticker, clock
    finally:
        stop.set()
        if ticker.hold is not None:
            ticker.hold.set()
        await running


async def test_wakes_before_a_tick_are_one_tick() -> None:
    async with scheduled() as (scheduler, ticker, _):
        for _ in range(10):
            scheduler.rollout_changed("shop", "a")
        await settle()
        assert ticker.ticks["a"] == 1


async def test_wakes_during_a_tick_are_one_more_and_never_two_at_once() -> None:
    async with scheduled() as (scheduler, ticker, _):
        ticker.hold = asyncio.Event()
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(10):
            scheduler.rollout_changed("shop", "a")
        await settle()
        assert ticker.ticks["a"] == 1
        ticker.hold.set()
        await settle()
        assert ticker.ticks["a"] == 2


async def test_a_crowd_without_runs_is_looked_at_a_few_at_a_time_and_each_once() -> None:
    async with scheduled() as (scheduler, ticker, _):
        ticker.hold = asyncio.Event()
        names = [f"a{number:03}" for number in range(3 * LOOKS)]
        for name in [*names, *names]:
            scheduler.rollout_changed("shop", name)
        await settle()
        assert ticker.running == set(names[:LOOKS])
        ticker.hold.set()
        await settle()
        assert ticker.ticks == Counter(names)


async def test_no_run_waits_for_a_crowd_without_runs() -> None:
    async with scheduled() as (scheduler, ticker, _):
        ticker.hold = asyncio.Event()
        for number in range(2 * LOOKS):
            scheduler.rollout_changed("shop", f"a{number}")
        ticker.found.add("run1")
        scheduler.rollout_changed("shop", "run1")
        await settle()
        assert "run1" in ticker.running


async def test_after_a_restart_no_run_waits_for_others_that_hang() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.hold = asyncio.Event()
        names = {f"run{number}" for number in range(10 * LOOKS)}
        for name in names:
            scheduler.rollout_changed("shop", name)
        await settle()
        for _ in range(11):
            await clock.turn(ROOM_AGAIN)
        assert ticker.running == names


async def test_one_that_is_due_twice_at_the_same_instant_is_looked_at_once() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        instant = clock.now() + 100
        ticker.again = lambda _name, now: instant if now < instant else None
        for _ in range(2):
            scheduler.rollout_changed("shop", "a")
            await clock.turn(1)
        await clock.turn(200)
        assert ticker.ticks["a"] == 3
        scheduler.rollout_changed("shop", "a")
        await settle()
        assert ticker.ticks["a"] == 4, "it still works"


async def test_looks_that_hang_hold_up_the_others_for_a_second_only() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.hold = asyncio.Event()
        names = [f"a{number:03}" for number in range(LOOKS + 1)]
        for name in names:
            scheduler.rollout_changed("shop", name)
        await settle()
        await clock.turn(LOOK_COUNTS - 0.1)
        assert names[-1] not in ticker.running
        await clock.turn(0.2)
        assert ticker.running == set(names)


async def test_whatever_changes_interrupts_the_tick_under_way() -> None:
    async with scheduled() as (scheduler, ticker, _):
        ticker.hold = asyncio.Event()
        scheduler.index.put(("shop", "a"), [("Deployment", "checkout")])
        scheduler.rollout_changed("shop", "a")
        await settle()
        for change in (
            lambda: scheduler.object_changed("Deployment", "shop", "checkout"),
            lambda: scheduler.object_changed("RolloutCommand", "shop", "a"),
            lambda: scheduler.rollout_changed("shop", "a"),
        ):
            assert not ticker.interrupts[0].is_set()
            change()
            assert ticker.interrupts[0].is_set()
            ticker.interrupts[0].clear()


async def test_a_failing_tick_is_tried_again_later_and_later() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.fail = 12
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(1200):
            await clock.turn(0.1)
        times = [time for time, _ in ticker.at]
        waits = [round(after - before, 1) for before, after in pairwise(times)]
        assert waits[:7] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8]
        assert all(wait <= 30.1 for wait in waits)


async def test_a_tick_that_was_refused_is_tried_again_within_seconds() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.fail, ticker.error = 12, Rejected("denied by policy")
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(600):
            await clock.turn(0.1)
        times = [time for time, _ in ticker.at]
        assert len(times) >= 12
        assert all(after - before <= 5.1 for before, after in pairwise(times))


async def test_a_failing_revert_is_tried_again_every_second() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.fail, ticker.ending = 12, {"a"}
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(200):
            await clock.turn(0.1)
        times = [time for time, _ in ticker.at]
        assert all(after - before <= 1.05 for before, after in pairwise(times))


async def test_a_failing_tick_does_not_put_off_the_next_evaluation() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.fail = 8
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(40):
            ticker.evaluation = clock.now() + 1.0
            await clock.turn(0.1)
        times = [time for time, _ in ticker.at]
        assert len(times) >= 5
        assert all(after - before <= 1.15 for before, after in pairwise(times))


async def test_a_storm_of_events_does_not_make_a_failing_tick_run_hot() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.fail = 1000
        scheduler.index.put(("shop", "a"), [("Deployment", "checkout")])
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(200):
            scheduler.object_changed("Deployment", "shop", "checkout")
            await clock.turn(0.01)
        assert ticker.ticks["a"] <= 12


async def test_the_end_of_a_rollout_wakes_those_that_wait_for_what_it_holds() -> None:
    async with scheduled() as (scheduler, ticker, _):
        scheduler.index.put(("shop", "b"), [("Rollout", "a")])
        scheduler.index.put(("mall", "b"), [("Rollout", "a")])
        scheduler.rollout_changed("shop", "a")
        await settle()
        assert ticker.at == [(1000.0, "a"), (1000.0, "b")]


async def test_after_a_good_tick_the_back_off_starts_anew() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        for _ in range(2):
            ticker.fail = 1
            scheduler.rollout_changed("shop", "a")
            await settle()
            before = ticker.ticks["a"]
            await clock.turn(0.2)
            assert ticker.ticks["a"] == before + 1


async def test_a_leap_of_the_clock_neither_delays_nor_hurries() -> None:
    for leap in (-7200.0, 7200.0):
        async with scheduled() as (scheduler, ticker, clock):
            ticker.again = lambda _name, now: now + 10
            scheduler.rollout_changed("shop", "a")
            await settle()
            clock.leapt = leap
            await clock.turn(9)
            assert ticker.ticks["a"] == 1
            await clock.turn(1)
            assert ticker.ticks["a"] == 2


async def test_a_rollout_at_rest_is_in_no_heap_until_an_object_it_looks_at_changes() -> None:
    async with scheduled() as (scheduler, ticker, clock):
        ticker.again = lambda _name, _now: float("inf")
        scheduler.index.put(("shop", "a"), [("Deployment", "checkout")])
        scheduler.rollout_changed("shop", "a")
        await settle()
        for _ in range(10):
            await clock.turn(3600)
        assert ticker.ticks["a"] == 1
        scheduler.object_changed("Deployment", "shop", "checkout")
        await settle()
        assert ticker.ticks["a"] == 2


async def test_one_slow_rollout_keeps_none_waiting() -> None:
    async with scheduled() as (scheduler, ticker, _):
        ticker.hold = asyncio.Event()
        scheduler.rollout_changed("shop", "slow")
        await settle()
        hold, ticker.hold = ticker.hold, None
        scheduler.rollout_changed("shop", "quick")
        await settle()
        assert ticker.ticks["quick"] == 1
        hold.set()


def test_many_rollouts_are_spread_over_the_interval() -> None:
    seconds = Counter(int(cadence.following(f"uid-{number}", 30.0, 0.0)) for number in range(3000))
    assert max(seconds.values()) < 2 * 3000 / 30
    assert len(seconds) >= 30


class Hanging:
    """Every port that tells, none of which answers."""

    off, place = "", Place()

    def __init__(self) -> None:
        self.begun: list[str] = []

    async def announce(self, *_: object) -> None:
        self.begun.append("event")
        await asyncio.Event().wait()

    async def send(self, *_: object) -> None:
        self.begun.append("message")
        await asyncio.Event().wait()


async def test_nothing_is_under_way_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "LAST_WORDS", 0.01)
    hanging = Hanging()
    async with scheduled() as (_, ticker, clock):
        told = cast("Announcer", hanging), cast("Notifier", hanging)
        ticker.outbox = Outbox(replace(Shop().world, announcer=told[0], notifier=told[1], clock=clock))
        rollout = RolloutObject(
            "shop", "checkout", "uid", 1, "1", 0.0, deleting=False, finalizers=(), spec={}, status={}
        )
        ticker.outbox.announce(rollout, Decision("Reverted", "errors"))
        message = MessageStatus(event="Reverted", since=datetime.fromtimestamp(0, UTC))
        receivers = [
            Notification(secret=NotificationSecret(name=name), events=(NotificationEvent.REVERTED,)) for name in "abcd"
        ]
        ticker.outbox.messages.offer(rollout, RolloutStatus(), [message], receivers)
        await settle()
    await settle()
    assert set(hanging.begun) == {"event", "message"}
    assert not ticker.outbox.busy
