"""The way to one source: where it is, the clients that ask it, and what a query that fails means."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from prometheus_api_client import PrometheusConnect
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from tidegate.adapters.prometheus.answers import NoAnswer, Wanted
from tidegate.adapters.prometheus.credentials import CredentialsUnreadable, FileAuth
from tidegate.adapters.prometheus.health import Trouble
from tidegate.adapters.prometheus.partial import heeded
from tidegate.adapters.prometheus.session import Flight, QuerySession
from tidegate.adapters.prometheus.tls import Certificates, CertificatesUnreadable
from tidegate.core.model.answers import Failed, FailedReason

CONNECT_TIMEOUT: Final = 3.0
"""Seconds for a connection to come about, at most: within a cluster it takes milliseconds or never comes."""
_OURS: Final = re.compile(r"^_\w+\(host='[^']*', port=\d+\): ")
FAILURES: Final = (NoAnswer, CredentialsUnreadable, RequestException, HTTPError, OSError, ValueError)
"""What asking may raise; `failed` says what it means."""


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
    """Seconds a query may take at most, whatever the caller allows."""
    concurrency: int = 16
    """Queries at the same time."""
    trust_partial: bool = False
    """Whether an answer counts although the source says that parts of its data were missing."""


class Connections:
    """Sessions and clients of a source, each lent to one thread at a time: neither is safe to share."""

    def __init__(self, address: SourceAddress) -> None:
        self._address = address
        self._certificates = Certificates(address.ca_file, address.client_cert_file, address.client_key_file)
        self._lock = threading.Lock()
        self._idle: list[Client] = []
        self._closed = False

    @contextmanager
    def lent(self) -> Iterator[Client]:
        """One for this thread: the one that was used last, so that as few as possible are kept open."""
        with self._lock:
            client = self._idle.pop() if self._idle else None
        client = client or self._connect()
        try:
            yield client
        finally:
            with self._lock:
                keep = not self._closed and len(self._idle) < self._address.concurrency
                if keep:
                    self._idle.append(client)
            if not keep:
                client.session.close()

    def instant(
        self, promql: str, wanted: Wanted, flight: Flight, timeout: float, at: float | None = None
    ) -> tuple[list[Any], tuple[str, ...]]:
        """The answer's `result` and its warnings to an instant query, asked on this thread.

        Args:
            promql: the query.
            wanted: what it must be answered with.
            flight: cuts it off.
            timeout: seconds for each wait, and for the source itself.
            at: epoch seconds to ask for; `None` for the source's own now.

        Raises: one of `FAILURES`.
        """
        trusted = self._address.trust_partial
        # Thanos then says itself that parts are missing; Prometheus has no such parameter, and takes no notice.
        params = {"timeout": in_milliseconds(timeout), "partial_response": "true" if trusted else "false"}
        if at is not None:
            params["time"] = f"{at:.3f}"
        with self.lent() as client, client.session.ask(flight, wanted) as asking:
            result = client.library.custom_query(promql, params=params, timeout=waits(timeout))
        return result, heeded(asking.payload, trusted=trusted)

    def close(self) -> None:
        """Closes those that nobody uses now, and the others once they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.session.close()

    def _connect(self) -> Client:
        address = self._address
        session = QuerySession(self._certificates)
        library = PrometheusConnect(
            url=address.url.rstrip("/"),
            headers=dict(address.headers) or None,
            auth=address.auth,
            session=session,
            # Without one the library would make its own, which asks up to three times more without saying so.
            retry=Retry(total=0, read=False),
        )
        return Client(session, library)


class Client(NamedTuple):
    """The client library's connection, on a session of ours."""

    session: QuerySession
    library: PrometheusConnect


def in_milliseconds(timeout: float) -> str:
    """Seconds as Prometheus' HTTP API takes a duration: a whole number of a unit; "0.998s" is a bad parameter there."""
    return f"{max(round(timeout * 1000), 1)}ms"


def waits(timeout: float) -> tuple[float, float]:
    """Seconds to wait for a connection, and for each piece of the answer."""
    return min(CONNECT_TIMEOUT, timeout), timeout


def failed(error: Exception, flight: Flight) -> tuple[Failed, Trouble]:
    """What one of `FAILURES` means, and whose trouble it may be."""
    text = f"{type(error).__name__}: {_short(error)}"
    trouble = Trouble.DOUBTFUL if flight.connected else Trouble.UNREACHED
    match error:
        case NoAnswer():
            return error.failed, error.trouble
        case CredentialsUnreadable() | CertificatesUnreadable():
            return Failed(FailedReason.DENIED, str(error)), Trouble.DOUBTFUL
        case Timeout() if flight.connected:
            return Failed(FailedReason.TIMEOUT, text), trouble
        case Timeout():
            return Failed(FailedReason.REFUSED, text), trouble
        case NotConnected():
            reason = FailedReason.ERROR if flight.connected else FailedReason.REFUSED
            return Failed(reason, _short(_cause(error))), trouble
        case _:
            return Failed(FailedReason.BAD_ANSWER, text), trouble


def late(flight: Flight, seconds: float) -> tuple[Failed, Trouble]:
    """What it means that no complete answer came within `seconds`."""
    if flight.connected:
        return Failed(FailedReason.TIMEOUT, f"no complete answer in {seconds:g} s"), Trouble.DOUBTFUL
    return Failed(FailedReason.REFUSED, f"no connection in {seconds:g} s"), Trouble.UNREACHED


def _cause(error: NotConnected) -> object:
    """Why there was no connection: what is around it says the whole query, and would be cut off before the reason."""
    around = error.args[0] if error.args else error
    return getattr(around, "reason", None) or error


def _short(error: object) -> str:
    """In one line, without the names of our own classes."""
    return _OURS.sub("", " ".join(str(error).split()))[:300]
