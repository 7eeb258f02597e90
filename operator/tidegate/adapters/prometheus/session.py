"""A `requests` session whose queries end when we say so.

`requests`' own `timeout` bounds each wait for bytes, not their sum, and nothing bounds a body's size. So a query is
a `Flight` that another thread can cut off at the deadline (whatever the thread is waiting for: handshake, headers or
body), and the body is read in pieces up to a limit. Redirects are not followed: an address is the administrator's word.
"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any, Final, Self

from requests import PreparedRequest, Response, Session
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tidegate.adapters.prometheus.answers import NoAnswer, Wanted, checked
from tidegate.adapters.prometheus.health import Trouble
from tidegate.adapters.prometheus.tls import Certificates
from tidegate.core.model.answers import Failed, FailedReason

LONGEST_GET: Final = 2000
"""Characters of PromQL sent with GET, which every read-only proxy lets through; longer ones go as a form with POST."""
_PIECE: Final = 64 * 1024


class Flight:
    """One query under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self.begun = False
        """A thread has taken it up."""
        self.connected = False
        """A connection stands, TLS and all: what fails from now on need not be the source's failure."""
        self.cut_off = False
        """Nobody waits for the answer any more."""

    def board(self, line: socket.socket) -> None:
        """Says which connection the query uses, so that it can be cut."""
        with self._lock:
            self._line = line
            if self.cut_off:
                _shut(line)

    def leave(self) -> None:
        """The connection is no longer this query's."""
        with self._lock:
            self._line = None

    def cut(self) -> None:
        """Ends the query now, from any thread."""
        with self._lock:
            self.cut_off = True
            if self._line is not None:
                _shut(self._line)


class _Current(threading.local):
    """The query each thread is on."""

    flight: Flight | None = None


_current = _Current()


class QuerySession(Session):
    """One thread's session with one source: takes what is asked within `ask`; raises `NoAnswer` for all but an answer."""

    def __init__(self, certificates: Certificates) -> None:
        super().__init__()
        # The environment's proxies, CA bundle and .netrc are not the administrator's word on this source.
        self.trust_env = False
        self._certificates = certificates
        self._adapter = _CuttableAdapter(None)
        self._asking: Asking | None = None

    def get_adapter(self, url: str | bytes) -> BaseAdapter:
        """Always ours, whatever the client library mounts (it mounts one that retries by itself).

        Raises: CertificatesUnreadable.
        """
        context = self._certificates.context() if str(url).lower().startswith("https") else None
        if context is not self._adapter.context:
            self._adapter.close()
            self._adapter = _CuttableAdapter(context)
        return self._adapter

    def close(self) -> None:
        """Closes the connection."""
        self._adapter.close()
        super().close()

    def ask(self, flight: Flight, wanted: Wanted) -> Asking:
        """A context in which this thread's request belongs to `flight` and must be answered with what is wanted."""
        self._asking = Asking(flight, wanted)
        return self._asking

    def request(self, method: str, url: str, **kwargs: Any) -> Response:  # type: ignore[override]  # noqa: ANN401
        """As `requests.Session.request`, with the whole body read and checked; no cookie is kept from one query to the next."""
        if self._asking is None:
            raise RuntimeError("a query is asked within `ask`")
        wanted = self._asking.wanted
        params = kwargs.pop("params", None) or {}
        if len(params.get("query", "")) > LONGEST_GET:
            method, kwargs["data"] = "POST", params
        else:
            kwargs["params"] = params
        # Not `requests.Session.request`: merging a session's defaults, cookies and hooks into each request is a third of its cost.
        prepared = PreparedRequest()
        prepared.prepare(
            method,
            url,
            {**self.headers, **(kwargs.get("headers") or {})},
            data=kwargs.get("data"),
            params=kwargs.get("params"),
            auth=kwargs.get("auth"),
        )
        response = self.get_adapter(url).send(prepared, stream=True, timeout=kwargs.get("timeout"))
        try:
            body = _body(response, wanted)
        finally:
            response.close()
        answer = _Checked()
        answer.status_code = 200
        answer.payload = checked(response.status_code, response.headers.get("Content-Type", ""), body, wanted)
        self._asking.payload = answer.payload
        return answer


class _Checked(Response):
    """A response whose JSON has been parsed and checked."""

    payload: dict[str, Any]

    def json(self, **_: object) -> dict[str, Any]:
        return self.payload


class Asking:
    """One request of a session, from before it is sent until its answer has been taken."""

    def __init__(self, flight: Flight, wanted: Wanted) -> None:
        self._flight = flight
        self.wanted = wanted
        self.payload: dict[str, Any] = {}
        """The whole checked answer: the client library hands on only its `result`."""

    def __enter__(self) -> Self:
        _current.flight = self._flight
        return self

    def __exit__(self, *_: object) -> None:
        _current.flight = None
        self._flight.leave()


def _body(response: Response, wanted: Wanted) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > wanted.limit:
            message = f"the answer is larger than {wanted.limit >> 20} MiB: {wanted.smaller}"
            trouble = Trouble.NONE if response.status_code == 200 else Trouble.DOUBTFUL
            raise NoAnswer(Failed(FailedReason.BAD_ANSWER, message), trouble)
    return bytes(body)


class _Lifeline(HTTPConnection):
    """Keeps a second handle on its socket: shutting it down wakes whoever waits on the first, TLS or not."""

    _line: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        self._line = connected.dup()
        self._board()
        return connected

    def putrequest(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (urllib3's signature)
        if self.sock is not None:
            self._board()
            self._connected()
        super().putrequest(*args, **kwargs)

    def connect(self) -> None:
        super().connect()
        self._connected()

    def close(self) -> None:
        super().close()
        if self._line is not None:
            self._line.close()
            self._line = None

    def _connected(self) -> None:
        if _current.flight is not None:
            _current.flight.connected = True

    def _board(self) -> None:
        if _current.flight is not None and self._line is not None:
            _current.flight.board(self._line)


class _PlainLifeline(_Lifeline):
    pass


class _TlsLifeline(_Lifeline, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainLifeline


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsLifeline


class _CuttableAdapter(HTTPAdapter):
    """Connections that can be cut, with a TLS context of ours (`None`: no TLS is spoken)."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.context = context
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (requests' signature)
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def cert_verify(self, conn: Any, *_: object, **__: object) -> None:  # noqa: ANN401  (requests' signature)
        """The context has the certificates: `requests` would read them again for each connection."""
        conn.cert_reqs = "CERT_REQUIRED"


def _shut(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # closed already: that was what was wanted
