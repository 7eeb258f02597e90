"""The queries of one tick: sent together, answered one by one, given up when the next evaluation is due."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from tidegate.core.judging.judge import pods_of
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query
from tidegate.core.model.observation import Observation
from tidegate.core.model.samples import Asked
from tidegate.core.model.world import ArmName
from tidegate.ports.world import World
from tidegate.reconcile.waiting import within

QUERY_LIFE: Final = 10.0
"""Seconds from when a query was due until its answer comes too late, however long the interval is."""

SHORTEST_LIFE: Final = 0.5
"""Seconds a query is given at least: a checkpoint may fall just before the next evaluation."""


class Asking:
    """See the module."""

    def __init__(
        self, world: World, interrupt: asyncio.Event | None, rollout: str, until: float = float("inf")
    ) -> None:
        """Nothing asked yet.

        Args:
            world: the ports.
            interrupt: ends the waiting for answers when set.
            rollout: namespace and name, for the fair share of each source.
            until: monotonic seconds at which the next evaluation is due: no query lives longer.
        """
        self._world = world
        self._interrupt = interrupt
        self._rollout = rollout
        self._until = until
        self._answers: dict[Query, Answer | None] = {}
        self._tasks: dict[asyncio.Task[Answer], Query] = {}
        self._worked_out: dict[Hashable, Any] = {}
        self._pods: Mapping[ArmName, str] | None = None
        self.begun = False
        """The tick's queries were sent."""
        self.answered: float | None = None
        """Monotonic seconds of the last answer."""

    @property
    def open(self) -> bool:
        """Whether an answer is still out."""
        return bool(self._tasks)

    def asked(self) -> Asked:
        """The queries with the answers so far."""
        return Asked(dict(self._answers), self._pods, self._worked_out)

    def seen(self, observed: Observation) -> Observation:
        """The observation with the answers so far."""
        return replace(observed, asked=self.asked())

    def begin(self, observed: Observation, queries: Iterable[Query]) -> None:
        """Sends the tick's queries, without waiting; what `$pods` stands for in them is kept."""
        self.begun = True
        self._pods = pods_of(observed)
        self.ask(queries)

    def ask(self, queries: Iterable[Query]) -> None:
        """Sends those that were not sent yet, without waiting; one that is open already may be given less time."""
        for query in queries:
            if query in self._answers:
                self._hurry(query)
                continue
            self._answers[query] = None
            life = min(self._life(), QUERY_LIFE if query.life is None else query.life)
            task = asyncio.ensure_future(self._world.metrics.sample(query, timeout=life, rollout=self._rollout))
            self._tasks[task] = query

    def _life(self) -> float:
        return min(QUERY_LIFE, max(self._until - self._world.clock.monotonic(), SHORTEST_LIFE))

    def _hurry(self, query: Query) -> None:
        task = next((task for task, asked in self._tasks.items() if asked == query), None)
        if task is None or query.life is None or self._tasks[task].life is not None:
            return
        del self._tasks[task]
        self._tasks[asyncio.ensure_future(self._within(task, query.life))] = query

    async def _within(self, task: asyncio.Task[Answer], seconds: float) -> Answer:
        try:
            if await within(self._world.clock, task, seconds):
                return task.result()
            return Failed(FailedReason.TIMEOUT, f"no answer within the {seconds:g}s that a revert waits for it")
        finally:
            task.cancel()

    def forget(self) -> None:
        """The answers were about another weight: they judge nothing any more."""
        self._answers.clear()
        self._worked_out.clear()

    async def wait(self, until: float = math.inf, other: asyncio.Future[Any] | None = None) -> bool:
        """Waits for at least one answer, for `until` (monotonic seconds), for another call or for an interruption.

        Returns: whether it was an interruption.
        """
        waits: list[asyncio.Future[Any]] = []
        if self._interrupt is not None:
            waits.append(asyncio.ensure_future(self._interrupt.wait()))
        if not math.isinf(until):
            waits.append(asyncio.ensure_future(self._world.clock.sleep(until - self._world.clock.monotonic())))
        try:
            both = {*self._tasks, *waits, *([other] if other is not None else ())}
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        for task in [task for task in self._tasks if task in done]:
            self._answers[self._tasks.pop(task)] = task.result()
            self.answered = self._world.clock.monotonic()
        if self._interrupt is None or not self._interrupt.is_set():
            return False
        self._interrupt.clear()
        return True

    async def end(self) -> None:
        """Leaves what is still open."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
