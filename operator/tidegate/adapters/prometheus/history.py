"""One source's past: a question over a range of instants, for `tidegate backtest`. The operator itself never asks so."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from prometheus_api_client import PrometheusConnect
from requests import Response, Session
from requests.exceptions import ConnectionError as NotConnected
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from tidegate.adapters.prometheus.answers import NoAnswer, checked
from tidegate.adapters.prometheus.credentials import CredentialsUnreadable
from tidegate.adapters.prometheus.session import LONGEST_GET, Flight, QuestionSession
from tidegate.adapters.prometheus.source import CONNECT_TIMEOUT, SourceAddress
from tidegate.core.observed import Failed, FailedReason
from tidegate.ports.errors import PortError, Rejected, Unavailable

BODY_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of an answer, decompressed: 11,000 points of 64 series take about 20 MiB."""
_PIECE: Final = 256 * 1024


class RangeSeries(NamedTuple):
    """One series over time."""

    labels: tuple[tuple[str, str], ...]
    """Label pairs, sorted, without the metric's name."""
    points: list[tuple[float, float]]
    """Epoch seconds and value, ascending; an instant without a value is missing."""


class PrometheusHistory:
    """Asks one source for ranges. Used from one event loop; the threads are inside."""

    def __init__(self, address: SourceAddress) -> None:
        self._address = address
        self._threads = ThreadPoolExecutor(address.concurrency, thread_name_prefix="prometheus-history")
        self._own = threading.local()
        self._sessions: list[_RangeSession] = []

    async def range(self, promql: str, start: float, end: float, step: float) -> list[RangeSeries]:
        """The series of `promql` at `start`, `start + step`, ... up to `end` (epoch seconds).

        Raises:
            Unavailable: the source could not be reached, or did not answer in the address' `timeout`.
            Rejected: it answered, and not with series: a wrong question, no permission, no Prometheus.
        """
        flight = Flight()
        try:
            async with asyncio.timeout(self._address.timeout):
                return await asyncio.wrap_future(self._threads.submit(self._ask, flight, promql, (start, end, step)))
        except TimeoutError as error:
            message = f"no complete answer in {self._address.timeout:g} s"
            raise self._error(Failed(FailedReason.TIMEOUT, message), promql) from error
        except (NoAnswer, CredentialsUnreadable, RequestException, HTTPError, OSError, ValueError) as error:
            raise self._error(_failed(error), promql) from error
        finally:
            flight.cut()

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _ask(self, flight: Flight, promql: str, over: tuple[float, float, float]) -> list[RangeSeries]:
        start, end, step = over
        session, client = self._client()
        # The library rounds instants to whole seconds; what stands in `params` is sent as it is.
        exact = {"start": f"{start:.3f}", "end": f"{end:.3f}", "timeout": f"{self._address.timeout:g}s"}
        waits = (min(CONNECT_TIMEOUT, self._address.timeout), self._address.timeout)
        with session.ask(flight):
            found = client.custom_query_range(
                promql, _instant(start), _instant(end), f"{step:.3f}", params=exact, timeout=waits
            )
        return [_series(item) for item in found]

    def _client(self) -> tuple[_RangeSession, PrometheusConnect]:
        """This thread's own session and client: neither is safe to share."""
        found: tuple[_RangeSession, PrometheusConnect] | None = getattr(self._own, "client", None)
        if found is None:
            found = self._own.client = self._connect()
            self._sessions.append(found[0])
        return found

    def _connect(self) -> tuple[_RangeSession, PrometheusConnect]:
        address = self._address
        session = _RangeSession()
        session.verify = str(address.ca_file) if address.ca_file else True
        if address.client_cert_file:
            session.cert = (str(address.client_cert_file), str(address.client_key_file or address.client_cert_file))
        client = PrometheusConnect(
            url=address.url.rstrip("/"),
            headers=dict(address.headers) or None,
            auth=address.auth,
            session=session,
            retry=Retry(total=0, read=False),
        )
        return session, client

    def _error(self, failed: Failed, promql: str) -> PortError:
        kind = Unavailable if failed.reason in {FailedReason.TIMEOUT, FailedReason.REFUSED} else Rejected
        asked = f" (asked: {promql})" if failed.reason is FailedReason.BAD_QUERY else ""
        return kind(f"{self._address.url}: {failed.reason}: {failed.message}{asked}")


class _RangeSession(QuestionSession):
    """Takes `/api/v1/query_range` requests; raises `NoAnswer` for all but series over time."""

    def request(self, method: str, url: str, **kwargs: Any) -> Response:  # type: ignore[override]  # noqa: ANN401
        """As `requests.Session.request`, with the whole body read and checked."""
        params = kwargs.pop("params", None) or {}
        if len(params.get("query", "")) > LONGEST_GET:
            method, kwargs["data"] = "POST", params
        else:
            kwargs["params"] = params
        response = Session.request(self, method, url, stream=True, allow_redirects=False, **kwargs)
        try:
            body = _body(response)
        finally:
            response.close()
        answer = _Matrix()
        answer.status_code = 200
        answer.payload = _matrix(response.status_code, response.headers.get("Content-Type", ""), body)
        return answer


class _Matrix(Response):
    """A response whose JSON has been parsed and checked."""

    payload: dict[str, Any]

    def json(self, **_: object) -> dict[str, Any]:
        return self.payload


def _matrix(status: int, content_type: str, body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    if status == 200 and isinstance(payload, dict) and payload.get("status") == "success":
        data = payload.get("data")
        if isinstance(data, dict) and data.get("resultType") == "matrix" and isinstance(data.get("result"), list):
            return payload
        raise NoAnswer(Failed(FailedReason.BAD_ANSWER, "the answer to a range question must be series over time"))
    checked(status, content_type, body)
    raise NoAnswer(Failed(FailedReason.BAD_ANSWER, f"{status}: no series over time"))


def _body(response: Response) -> bytes:
    body = bytearray()
    for piece in response.iter_content(_PIECE):
        body += piece
        if len(body) > BODY_LIMIT:
            message = f"the answer is larger than {BODY_LIMIT >> 20} MiB: aggregate in the query"
            raise NoAnswer(Failed(FailedReason.BAD_ANSWER, message))
    return bytes(body)


def _series(item: dict[str, Any]) -> RangeSeries:
    """One series of a checked answer; a malformed one raises NoAnswer."""
    try:
        labels = tuple(sorted((key, str(value)) for key, value in item["metric"].items() if key != "__name__"))
        return RangeSeries(labels, [(float(time), float(value)) for time, value in item["values"]])
    except (TypeError, ValueError, KeyError) as error:
        histogram = "histograms" in item
        what = (
            "a native histogram: ask for histogram_quantile() of it"
            if histogram
            else f"{type(error).__name__}: {error}"
        )
        raise NoAnswer(Failed(FailedReason.BAD_ANSWER, f"a series without numbers: {what}")) from error


def _failed(error: Exception) -> Failed:
    text = " ".join(str(error).split())[:300]
    match error:
        case NoAnswer():
            return error.failed
        case CredentialsUnreadable():
            return Failed(FailedReason.DENIED, text)
        case Timeout():
            return Failed(FailedReason.TIMEOUT, text)
        case NotConnected():
            return Failed(FailedReason.REFUSED, text)
        case _:
            return Failed(FailedReason.BAD_ANSWER, f"{type(error).__name__}: {text}")


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
