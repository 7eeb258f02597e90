"""One Prometheus: questions on a bounded pool of threads, each with a deadline that holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from tidegate.adapters.prometheus.answers import INSTANT, SAMPLES, vector
from tidegate.adapters.prometheus.breaker import Breaker
from tidegate.adapters.prometheus.connection import FAILURES, Connections, SourceAddress, failed
from tidegate.adapters.prometheus.samples import matrix
from tidegate.adapters.prometheus.session import Flight
from tidegate.core.observed import Answer, Failed, FailedReason, Question

RAW: Final = "raw"
"""How `Question.part` begins where raw samples are asked for; every other part is of an instant."""


class QueryObserver(Protocol):
    """Told of every question once it is over."""

    def __call__(self, source: str, outcome: str, seconds: float) -> None:
        """`outcome` is `ok` or the reason of the failure."""
        ...


def _nobody(source: str, outcome: str, seconds: float) -> None:
    """The observer when nobody looks."""


class PrometheusSource:
    """Asks one source. Used from one event loop; the threads are inside."""

    def __init__(
        self,
        name: str,
        address: SourceAddress,
        observer: QueryObserver = _nobody,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._address = address
        self._observer = observer
        self._breaker = Breaker(monotonic)
        self._threads = ThreadPoolExecutor(address.concurrency, thread_name_prefix=f"prometheus-{name}")
        self._connections = Connections(address)
        self._flights: set[Flight] = set()

    async def sample(self, question: Question, *, timeout: float, rollout: str = "") -> Answer:
        """The answer, or `Failed`, within `timeout` seconds. Cancelled, it lets go of the connection at once.

        Returns: a `Matrix` to a question whose part begins with `RAW`, to every other a `Vector`; what the source says
            that is not of that kind is `Failed`.
        """
        del rollout
        refusal = self._breaker.refusal()
        if refusal is not None:
            return refusal
        started = time.monotonic()
        answer = await self._put(question, min(timeout, self._address.timeout))
        self._breaker.record(answer)
        outcome = str(answer.reason) if isinstance(answer, Failed) else "ok"
        self._observer(self._name, outcome, time.monotonic() - started)
        return answer

    def close(self) -> None:
        """Cuts off what is under way and lets the threads end."""
        for flight in list(self._flights):
            flight.cut()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    async def _put(self, question: Question, timeout: float) -> Answer:
        flight = Flight()
        self._flights.add(flight)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.wrap_future(self._threads.submit(self._ask, question, timeout, flight))
        except TimeoutError:
            if not flight.begun:
                message = f"{self._address.concurrency} questions at a time did not get to this one in {timeout:g} s"
                return Failed(FailedReason.OVERLOADED, message)
            return Failed(FailedReason.TIMEOUT, f"no complete answer in {timeout:g} s")
        finally:
            flight.cut()
            self._flights.discard(flight)

    def _ask(self, question: Question, timeout: float, flight: Flight) -> Answer:
        flight.begun = True
        if flight.cut_off:
            return Failed(FailedReason.OVERLOADED, "nobody waits for it any more")
        raw = question.part.startswith(RAW)
        try:
            found = self._connections.instant(question.promql, SAMPLES if raw else INSTANT, flight, timeout)
            return matrix(*found) if raw else vector(*found)
        except FAILURES as error:
            return failed(error)
