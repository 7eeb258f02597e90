"""One Prometheus: queries in fair shares, on threads, each with a deadline that holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from tidegate.adapters.prometheus.answers import INSTANT, SAMPLES, vector
from tidegate.adapters.prometheus.connection import FAILURES, Connections, SourceAddress, failed, late
from tidegate.adapters.prometheus.fair_queue import FairQueue
from tidegate.adapters.prometheus.health import PROBE, PROBE_TIMEOUT, Asked, Health, Trouble
from tidegate.adapters.prometheus.samples import matrix
from tidegate.adapters.prometheus.session import Flight
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query

RAW: Final = "raw"
"""How `Query.part` begins where raw samples are asked for; every other part is of an instant."""
SPARE: Final = 4
"""Threads for each slot: a query that was cut off while its thread looks up a name leaves the thread behind for a while."""


class QueryObserver(Protocol):
    """Told of every query once it is over."""

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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`monotonic` gives seconds that never go back, `sleep` waits between probes."""
        self._name = name
        self._address = address
        self._observer = observer
        self._monotonic = monotonic
        self._queue = FairQueue(address.concurrency, monotonic)
        self._health = Health(name, self._probe, monotonic, sleep)
        self._threads = ThreadPoolExecutor(address.concurrency * SPARE, thread_name_prefix=f"prometheus-{name}")
        self._probing = ThreadPoolExecutor(1, thread_name_prefix=f"prometheus-{name}-probe")
        self._connections = Connections(address)
        self._flights: set[Flight] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def sample(self, query: Query, *, timeout: float, rollout: str = "") -> Answer:
        """The answer, or `Failed`, within `timeout` seconds. Cancelled, it lets go of the connection at once.

        Args:
            query: what to ask.
            timeout: seconds from now.
            rollout: who asks, for fair shares.

        Returns: a `Matrix` to a query whose part begins with `RAW`, to every other a `Vector`; what the source says
            that is not of that kind is `Failed`.
        """
        refusal = self._health.refusal()
        if refusal is not None:
            return refusal
        started = self._monotonic()
        timeout = min(timeout, self._address.timeout)
        answer, trouble = await self._in_turn(query, timeout, rollout)
        spent = self._monotonic() - started
        answer = await self._health.judged(answer, trouble, started, timeout - spent)
        outcome = str(answer.reason) if isinstance(answer, Failed) else "ok"
        self._observer(self._name, outcome, spent)
        return answer

    def close(self) -> None:
        """Cuts off what is under way and lets the threads end."""
        self._health.close()
        if self._timer is not None:
            self._timer.cancel()
        for flight in list(self._flights):
            flight.cut()
        for threads in (self._threads, self._probing):
            threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    async def _in_turn(self, query: Query, timeout: float, rollout: str) -> Asked:
        """Waits for the query's turn, then for its answer; `timeout` is for both."""
        asking = _Asking(self._address.concurrency)
        # Rendered text differs from time to time (`$elapsed`): the metric, arm and part are what stays.
        what = (query.metric, query.arm, query.part) if query.metric else query.promql
        turn = self._queue.enter(rollout, what, asking.start, asking.cut)
        self._look_again()
        timed_out = cancelled = False
        try:
            async with asyncio.timeout(timeout):
                await asking.turn
                return await self._flown(query, timeout, asking)
        except TimeoutError:
            timed_out = True
            return asking.overdue(timeout)
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            self._queue.leave(turn, timed_out=timed_out, cancelled=cancelled)
            self._look_again()

    async def _flown(self, query: Query, timeout: float, asking: _Asking) -> Asked:
        flight = asking.flight
        self._flights.add(flight)
        flying = asyncio.wrap_future(self._threads.submit(self._ask, query, timeout, flight))
        try:
            await asyncio.wait({flying, asking.cut_off}, return_when=asyncio.FIRST_COMPLETED)
            return flying.result() if flying.done() else asking.cut_off.result()
        finally:
            flying.cancel()
            flight.cut()
            self._flights.discard(flight)

    def _ask(self, query: Query, timeout: float, flight: Flight) -> Asked:
        if flight.cut_off:
            return Failed(FailedReason.OVERLOADED, "nothing waits for it any more"), Trouble.DOUBTFUL
        raw = query.part.startswith(RAW)
        try:
            found = self._connections.instant(query.promql, SAMPLES if raw else INSTANT, flight, timeout)
            return (matrix(*found) if raw else vector(*found)), Trouble.NONE
        except FAILURES as error:
            return failed(error, flight)

    async def _probe(self) -> Asked:
        """`PROBE`, beside the slots: no Rollout's query stands before it."""
        flight = Flight()
        timeout = min(PROBE_TIMEOUT, self._address.timeout)
        self._flights.add(flight)
        started = self._monotonic()
        try:
            async with asyncio.timeout(timeout):
                query = Query(self._name, PROBE)
                answer, trouble = await asyncio.wrap_future(self._probing.submit(self._ask, query, timeout, flight))
        except TimeoutError:
            answer, trouble = late(flight, timeout)
        finally:
            flight.cut()
            self._flights.discard(flight)
        outcome = "probe failed" if isinstance(answer, Failed) else "probe ok"
        self._observer(self._name, outcome, self._monotonic() - started)
        return answer, trouble

    def _look_again(self) -> None:
        """Has the queue look when the next query becomes slow, if one waits for that."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait = self._queue.wait()
        if wait is not None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._looked)

    def _looked(self) -> None:
        self._queue.look()
        self._look_again()


class _Asking:
    """One query between its coming and its answer."""

    def __init__(self, slots: int) -> None:
        loop = asyncio.get_running_loop()
        self.turn: asyncio.Future[None] = loop.create_future()
        self.cut_off: asyncio.Future[Asked] = loop.create_future()
        self.flight = Flight()
        self._slots = slots

    def start(self) -> None:
        """Its turn has come."""
        if not self.turn.done():
            self.turn.set_result(None)

    def cut(self, ran: float) -> None:
        """It makes room for others."""
        message = f"cut off after {ran:.1f} s: other queries wait, and slow queries may use at most half of {self._slots} slots"
        if not self.cut_off.done():
            self.cut_off.set_result((Failed(FailedReason.TIMEOUT, message), Trouble.DOUBTFUL))

    def overdue(self, timeout: float) -> Asked:
        """What it means that the time was up."""
        if self.turn.cancelled() or not self.turn.done():
            message = f"not started within {timeout:g} s: all {self._slots} slots of the source are in use"
            return Failed(FailedReason.OVERLOADED, message), Trouble.DOUBTFUL
        return late(self.flight, timeout)
