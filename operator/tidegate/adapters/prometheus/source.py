"""One Prometheus: questions on a bounded pool of threads, each with a deadline that holds."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from prometheus_api_client import PrometheusConnect
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from tidegate.adapters.prometheus.answers import NoAnswer, vector
from tidegate.adapters.prometheus.breaker import Breaker
from tidegate.adapters.prometheus.credentials import CredentialsUnreadable, FileAuth
from tidegate.adapters.prometheus.session import Flight, QuestionSession
from tidegate.core.observed import Answer, Failed, FailedReason

CONNECT_TIMEOUT: Final = 3.0
"""Seconds for a connection to come about, at most: within a cluster it takes milliseconds or never comes."""


@dataclass(frozen=True)
class SourceAddress:
    """Where a source is and how to be let in."""

    url: str
    auth: FileAuth = field(default_factory=FileAuth)
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    """Seconds a question may take at most, whatever the caller allows."""
    concurrency: int = 16
    """Questions at the same time."""


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
        self._own = threading.local()
        self._sessions: list[QuestionSession] = []
        self._flights: set[Flight] = set()

    async def sample(self, promql: str, timeout: float) -> Answer:
        """The answer, or `Failed`, within `timeout` seconds. Cancelled, it lets go of the connection at once."""
        refusal = self._breaker.refusal()
        if refusal is not None:
            return refusal
        started = time.monotonic()
        answer = await self._put(promql, min(timeout, self._address.timeout))
        self._breaker.record(answer)
        outcome = str(answer.reason) if isinstance(answer, Failed) else "ok"
        self._observer(self._name, outcome, time.monotonic() - started)
        return answer

    def close(self) -> None:
        """Cuts off what is under way and lets the threads end."""
        for flight in list(self._flights):
            flight.cut()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.close()

    async def _put(self, promql: str, timeout: float) -> Answer:
        flight = Flight()
        self._flights.add(flight)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.wrap_future(self._threads.submit(self._ask, promql, timeout, flight))
        except TimeoutError:
            if not flight.begun:
                message = f"{self._address.concurrency} questions at a time did not get to this one in {timeout:g} s"
                return Failed(FailedReason.OVERLOADED, message)
            return Failed(FailedReason.TIMEOUT, f"no complete answer in {timeout:g} s")
        finally:
            flight.cut()
            self._flights.discard(flight)

    def _ask(self, promql: str, timeout: float, flight: Flight) -> Answer:
        flight.begun = True
        if flight.cut_off:
            return Failed(FailedReason.OVERLOADED, "nobody waits for it any more")
        try:
            session, client = self._client()
            with session.ask(flight):
                waits = (min(CONNECT_TIMEOUT, timeout), timeout)
                result = client.custom_query(promql, params={"timeout": f"{timeout:g}s"}, timeout=waits)
            return vector(result)
        except NoAnswer as error:
            return error.failed
        except CredentialsUnreadable as error:
            return Failed(FailedReason.DENIED, str(error))
        except Timeout as error:
            return Failed(FailedReason.TIMEOUT, _short(error))
        except NotConnected as error:
            return Failed(FailedReason.REFUSED, _short(error))
        except (RequestException, HTTPError, OSError, ValueError) as error:
            return Failed(FailedReason.BAD_ANSWER, _short(error))

    def _client(self) -> tuple[QuestionSession, PrometheusConnect]:
        """This thread's own session and client: neither is safe to share."""
        found: tuple[QuestionSession, PrometheusConnect] | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = self._connect()
            self._sessions.append(found[0])
        return found

    def _connect(self) -> tuple[QuestionSession, PrometheusConnect]:
        address = self._address
        session = QuestionSession()
        session.verify = str(address.ca_file) if address.ca_file else True
        if address.client_cert_file:
            key = address.client_key_file or address.client_cert_file
            session.cert = (str(address.client_cert_file), str(key))
        client = PrometheusConnect(
            url=address.url.rstrip("/"),
            headers=dict(address.headers) or None,
            auth=address.auth,
            session=session,
            # Without one the library would make its own, which asks up to three times more without saying so.
            retry=Retry(total=0, read=False),
        )
        return session, client


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"
