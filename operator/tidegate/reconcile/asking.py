"""The questions of one tick: asked together, answered one by one, left open when something more urgent comes."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable
from typing import Any

from tidegate.core.observed import Answer, Failed, FailedReason, Question
from tidegate.core.samples import Asked
from tidegate.ports.world import World

QUESTION_LIFE = 10.0
"""Seconds from when a question was due until its answer comes too late."""


class Asking:
    """See the module."""

    def __init__(self, world: World, interrupt: asyncio.Event | None, rollout: str) -> None:
        """Nothing asked yet; `interrupt` ends the waiting for answers, `rollout` (`namespace/name`) asks."""
        self._rollout = rollout
        self._world = world
        self._interrupt = interrupt
        self._answers: dict[Question, Answer | None] = {}
        self._tasks: dict[asyncio.Task[Answer], Question] = {}
        self._worked_out: dict[Hashable, Any] = {}
        self.begun = False
        """The tick's questions were asked."""
        self.answered: float | None = None
        """Monotonic seconds of the last answer."""

    @property
    def open(self) -> bool:
        """Whether an answer is still out."""
        return bool(self._tasks)

    def asked(self) -> Asked:
        """The questions with the answers so far."""
        return Asked(dict(self._answers), self._worked_out)

    def ask(self, questions: Iterable[Question]) -> None:
        """Asks those that were not asked yet, without waiting; one that is open already may be given less time."""
        self.begun = True
        for question in questions:
            if question in self._answers:
                self._hurry(question)
                continue
            self._answers[question] = None
            life = QUESTION_LIFE if question.life is None else question.life
            task = asyncio.ensure_future(self._world.metrics.sample(question, timeout=life, rollout=self._rollout))
            self._tasks[task] = question

    def _hurry(self, question: Question) -> None:
        task = next((task for task, asked in self._tasks.items() if asked == question), None)
        if task is None or question.life is None or self._tasks[task].life is not None:
            return
        del self._tasks[task]
        self._tasks[asyncio.ensure_future(_within(task, question.life))] = question

    def forget(self) -> None:
        """The answers were about another weight: they judge nothing any more."""
        self._answers.clear()
        self._worked_out.clear()

    async def wait(self) -> bool:
        """Waits for at least one answer, or for an interruption; whether it was one."""
        waiting: set[asyncio.Future[Any]] = set(self._tasks)
        stop = asyncio.ensure_future(self._interrupt.wait()) if self._interrupt is not None else None
        if stop is not None:
            waiting.add(stop)
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if stop is not None:
                stop.cancel()
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


async def _within(task: asyncio.Task[Answer], seconds: float) -> Answer:
    try:
        return await asyncio.wait_for(task, seconds)
    except TimeoutError:
        return Failed(FailedReason.TIMEOUT, f"no answer within the {seconds:g}s that a revert waits for it")
