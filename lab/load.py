"""A load generator: requests at a set rate through the gateway, and what each of them got, by version."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import aiohttp

from lab.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEPT = 100_000  # answers remembered: over eight minutes at 200 a second
IN_FLIGHT = 64
TIMEOUT_SECONDS = 5.0
MOST_LATE = 0.2  # seconds; a generator that was itself held up for longer does not send what it missed, all at once


@dataclass(frozen=True)
class Answer:
    """One request: `at` is the Unix time it was sent, `status` 0 when nothing came back, `version` "" when unknown."""

    at: float
    status: int
    version: str
    pod: str
    seconds: float

    @property
    def failed(self) -> bool:
        """As a client sees it."""
        return self.status == 0 or self.status >= 500


class Load:
    """An async context manager that sends `rate` requests a second while it lasts; none at rate 0 (see `send`).

    A request whose turn comes while 64 are under way is not sent, and counted in `skipped`.
    """

    def __init__(
        self,
        url: str,
        host: str,
        *,
        rate: float = 0,
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        keep_alive: bool = True,
    ) -> None:
        """`keep_alive`: connections are used again; without, each request has one of its own."""
        self._url = f"{url}{path}"
        self._headers = {"Host": host, **(headers or {})}
        self._rate = rate
        self._keep_alive = keep_alive
        self._under_way = Tasks()
        self._driver = Tasks()
        self.answers: deque[Answer] = deque(maxlen=KEPT)
        self.skipped = 0

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT, force_close=not self._keep_alive)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=connector, headers=self._headers)
        if self._rate:
            self._driver.start(self._drive())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._driver.end()
        await self._under_way.end()
        await self._session.close()

    async def send(self, count: int, *, at_once: int = 8) -> list[Answer]:
        """Sends `count` requests, `at_once` at a time, as fast as they are answered."""
        turns = iter(range(count))
        found: list[Answer] = []

        async def worker() -> None:
            found.extend([await self._one() for _ in turns])

        await asyncio.gather(*(worker() for _ in range(at_once)))
        return found

    def since(self, at: float = 0.0) -> list[Answer]:
        """The answers to requests sent at that Unix time or later."""
        return [answer for answer in self.answers if answer.at >= at]

    async def _drive(self) -> None:
        begun = time.monotonic()
        for turn in itertools.count(1):
            if len(self._under_way) < IN_FLIGHT:
                self._under_way.start(self._keep_one())
            else:
                self.skipped += 1
            early = begun + turn / self._rate - time.monotonic()
            if early < -MOST_LATE:
                begun -= early
            await asyncio.sleep(max(0.0, early))

    async def _keep_one(self) -> None:
        self.answers.append(await self._one())

    async def _one(self) -> Answer:
        at, begun = time.time(), time.monotonic()
        status, version, pod = 0, "", ""
        try:
            async with self._session.get(self._url) as response:
                await response.read()
                status = response.status
                version, pod = response.headers.get("x-version", ""), response.headers.get("x-pod", "")
        except (aiohttp.ClientError, TimeoutError):
            pass
        return Answer(at, status, version, pod, time.monotonic() - begun)


def by_version(answers: Iterable[Answer]) -> Counter[str]:
    """How many requests each version answered; "" are those that reached none."""
    return Counter(answer.version for answer in answers)


def failures(answers: Iterable[Answer]) -> Counter[tuple[str, int]]:
    """How many requests failed, by version and status."""
    return Counter((answer.version, answer.status) for answer in answers if answer.failed)
