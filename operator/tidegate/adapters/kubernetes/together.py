"""Reads what is asked for one by one while few wait, and with one list where many of a namespace do.

When an operator starts beside a thousand runs of one namespace, thousands of single reads would be most of its start. A list
that is begun after a question was put is as new an answer to it as a single read.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from tidegate.ports.errors import PortError, Unavailable

AT_A_TIME: Final = 16
"""Calls under way in one namespace."""
MANY: Final = 64
"""Questions of one namespace that wait: from so many on one list answers all of them."""
WORTH: Final = 8
"""Objects of a list that cost about as much as one single read: a list that is longer than so many times those who wait is not
worth it."""
PATIENCE: Final = 3.0
"""Seconds after which a question that still waits is put at once: what hangs must not hold up what might be answered."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Listed(Generic[K, V]):
    """What a list answers."""

    answers: Mapping[K, V]
    length: int
    """Objects in it."""


class Together(Generic[K, V]):
    """Questions on one namespace. Used from one event loop."""

    def __init__(
        self,
        one: Callable[[K], Coroutine[Any, Any, V]],
        all_: Callable[[frozenset[K]], Coroutine[Any, Any, Listed[K, V]]],
        idle: Callable[[], object],
    ) -> None:
        """Nobody waits.

        Args:
            one: answers one question.
            all_: answers many at once, but for those that only `one` can.
            idle: called when nobody waits any more.
        """
        self._one = one
        self._idle = idle
        self._all = all_
        self._many: float = MANY
        self._listing = False
        self._waiting: dict[K, asyncio.Future[V | PortError]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def ask(self, question: K) -> V:
        """The answer, by a call that is begun from now on.

        Raises:
            PortError: there is none.
        """
        answer = self._waiting.get(question)
        if answer is None:
            answer = self._waiting[question] = asyncio.get_running_loop().create_future()
            self._employ()
        await asyncio.wait({answer}, timeout=PATIENCE)
        if not answer.done() and self._waiting.get(question) is answer:
            await self._put_to_one(self._waiting.pop(question), question)
        found = await asyncio.shield(answer)
        if isinstance(found, PortError):
            raise found
        return found

    def _employ(self) -> None:
        if len(self._workers) < AT_A_TIME:
            worker = asyncio.create_task(self._work(), name="together")
            self._workers.add(worker)
            worker.add_done_callback(self._ended)

    async def _work(self) -> None:
        while self._waiting:
            if self._listing or len(self._waiting) < self._many:
                question = next(iter(self._waiting))
                await self._put_to_one(self._waiting.pop(question), question)
            else:
                waits, self._waiting = self._waiting, {}
                await self._put_to_all(waits)

    async def _put_to_one(self, answer: asyncio.Future[V | PortError], question: K) -> None:
        found: V | PortError = Unavailable("the call was given up")
        try:
            found = await self._one(question)
        except PortError as error:
            found = error
        finally:
            if not answer.done():
                answer.set_result(found)

    async def _put_to_all(self, waits: Mapping[K, asyncio.Future[V | PortError]]) -> None:
        """Answers with one list; what that does not answer waits for a call of its own."""
        found: Mapping[K, V] = {}
        self._listing = True
        try:
            listed = await self._all(frozenset(waits))
            found, self._many = listed.answers, max(MANY, listed.length // WORTH)
        except PortError:  # it may not list, or not so many at once
            self._many = math.inf
        finally:
            self._listing = False
            for question, answer in waits.items():
                if question in found and not answer.done():
                    answer.set_result(found[question])
                elif not answer.done():
                    self._put_back(question, answer)

    def _put_back(self, question: K, answer: asyncio.Future[V | PortError]) -> None:
        """Waits again; where the same was asked meanwhile, for the same answer."""
        asked = self._waiting.setdefault(question, answer)
        if asked is not answer:
            asked.add_done_callback(partial(_hand_on, answer))

    def _ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not self._workers and not self._waiting:
            self._idle()


class Crowds(Generic[K, V]):
    """Questions on any number of namespaces: see `Together`."""

    def __init__(
        self,
        one: Callable[[str, K], Coroutine[Any, Any, V]],
        all_: Callable[[str, frozenset[K]], Coroutine[Any, Any, Listed[K, V]]],
    ) -> None:
        """As `Together`'s, with the namespace."""
        self._one = one
        self._all = all_
        self._crowds: dict[str, Together[K, V]] = {}

    def __len__(self) -> int:
        """Namespaces on which somebody waits."""
        return len(self._crowds)

    async def ask(self, namespace: str, question: K) -> V:
        """As `Together.ask`."""
        crowd = self._crowds.get(namespace)
        if crowd is None:
            one, all_ = partial(self._one, namespace), partial(self._all, namespace)
            idle = partial(self._crowds.pop, namespace, None)
            crowd = self._crowds[namespace] = Together(one, all_, idle)
        return await crowd.ask(question)


def _hand_on(answer: asyncio.Future[V | PortError], known: asyncio.Future[V | PortError]) -> None:
    if not answer.done():
        answer.set_result(known.result())
