"""The way to one source: where it is, each thread's own client of it, and what a question that fails means."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prometheus_api_client import PrometheusConnect
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from tidegate.adapters.prometheus.answers import NoAnswer, Wanted
from tidegate.adapters.prometheus.credentials import CredentialsUnreadable, FileAuth
from tidegate.adapters.prometheus.partial import heeded
from tidegate.adapters.prometheus.session import Flight, QuestionSession
from tidegate.core.observed import Failed, FailedReason

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
    """Seconds a question may take at most, whatever the caller allows."""
    concurrency: int = 16
    """Questions at the same time."""
    trust_partial: bool = False
    """Whether an answer counts although the source says that parts of its data were missing."""


class Connections:
    """One session and client of a source for each thread that asks: neither is safe to share."""

    def __init__(self, address: SourceAddress) -> None:
        self._address = address
        self._own = threading.local()
        self._sessions: list[QuestionSession] = []

    def mine(self) -> tuple[QuestionSession, PrometheusConnect]:
        """This thread's own."""
        found: tuple[QuestionSession, PrometheusConnect] | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = self._connect()
            self._sessions.append(found[0])
        return found

    def instant(
        self, promql: str, wanted: Wanted, flight: Flight, timeout: float, at: float | None = None
    ) -> tuple[list[Any], tuple[str, ...]]:
        """The answer's `result` and its warnings to an instant question, asked on this thread.

        Args:
            promql: the question.
            wanted: what it must be answered with.
            flight: cuts it off.
            timeout: seconds for each wait, and for the source itself.
            at: epoch seconds to ask for; `None` for the source's own now.

        Raises: one of `FAILURES`.
        """
        session, client = self.mine()
        trusted = self._address.trust_partial
        # Thanos then says itself that parts are missing; Prometheus has no such parameter, and takes no notice.
        params = {"timeout": f"{timeout:g}s", "partial_response": "true" if trusted else "false"}
        if at is not None:
            params["time"] = f"{at:.3f}"
        with session.ask(flight, wanted) as asking:
            result = client.custom_query(promql, params=params, timeout=waits(timeout))
        return result, heeded(asking.payload, trusted=trusted)

    def close(self) -> None:
        """Closes every thread's."""
        for session in self._sessions:
            session.close()

    def _connect(self) -> tuple[QuestionSession, PrometheusConnect]:
        address = self._address
        session = QuestionSession()
        session.verify = str(address.ca_file) if address.ca_file else True
        if address.client_cert_file:
            session.cert = (str(address.client_cert_file), str(address.client_key_file or address.client_cert_file))
        client = PrometheusConnect(
            url=address.url.rstrip("/"),
            headers=dict(address.headers) or None,
            auth=address.auth,
            session=session,
            # Without one the library would make its own, which asks up to three times more without saying so.
            retry=Retry(total=0, read=False),
        )
        return session, client


def waits(timeout: float) -> tuple[float, float]:
    """Seconds to wait for a connection, and for each piece of the answer."""
    return min(CONNECT_TIMEOUT, timeout), timeout


def failed(error: Exception) -> Failed:
    """What one of `FAILURES` means."""
    text = f"{type(error).__name__}: {_short(error)}"
    match error:
        case NoAnswer():
            return error.failed
        case CredentialsUnreadable():
            return Failed(FailedReason.DENIED, str(error))
        case Timeout():
            return Failed(FailedReason.TIMEOUT, text)
        case NotConnected():
            return Failed(FailedReason.REFUSED, _short(_cause(error)))
        case _:
            return Failed(FailedReason.BAD_ANSWER, text)


def _cause(error: NotConnected) -> object:
    """Why there was no connection: what is around it says the whole question, and would be cut off before the reason."""
    around = error.args[0] if error.args else error
    return getattr(around, "reason", None) or error


def _short(error: object) -> str:
    """In one line, without the names of our own classes."""
    return _OURS.sub("", " ".join(str(error).split()))[:300]
