"""One source's past: queries over a range of instants, and raw samples before one, for `tidegate backtest`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, TypeVar

from tidegate.adapters.prometheus.answers import MALFORMED, SAMPLES, NoAnswer, Wanted, labels
from tidegate.adapters.prometheus.connection import (
    FAILURES,
    Connections,
    SourceAddress,
    failed,
    in_milliseconds,
    late,
    waits,
)
from tidegate.adapters.prometheus.samples import matrix
from tidegate.adapters.prometheus.session import Flight
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Failed, FailedReason, Matrix
from tidegate.ports.errors import PortError, Rejected, Unavailable

RANGE: Final = Wanted(
    frozenset({"matrix"}),
    "the answer to a range query must be series over time",
    64 * 1024 * 1024,  # 11,000 points of 64 series take about 20 MiB
    "aggregate in the query",
)
LONG_SAMPLES: Final = SAMPLES._replace(limit=RANGE.limit)
PASSING: Final = frozenset({FailedReason.REFUSED, FailedReason.TIMEOUT, FailedReason.ERROR, FailedReason.PARTIAL})
"""Failures that may be over soon."""

T = TypeVar("T")


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
        self._connections = Connections(address)

    async def range(self, promql: str, start: float, end: float, step: float) -> list[RangeSeries]:
        """The series of `promql` at `start`, `start + step`, ... up to `end` (epoch seconds).

        Raises:
            Unavailable: the source could not be reached, or did not answer in the address' `timeout`.
            Rejected: it answered, and not with series: a wrong query, no permission, no Prometheus.
        """
        return await self._asked(promql, lambda flight: self._range(flight, promql, (start, end, step)))

    async def raw(self, selector: str, range_seconds: float, at: float) -> Matrix:
        """The samples that `selector` has in the `range_seconds` before `at`, as they were scraped.

        Args:
            selector: of one metric, such as `http_requests_total{namespace="shop"}`, without a range.
            range_seconds: seconds, to the millisecond, at least one. Whether a sample right at its beginning belongs to it is the source's
                own (to Prometheus 3 it does not).
            at: epoch seconds, to the millisecond; a sample right at it belongs to it.

        Raises:
            Unavailable: as `range`; also when the source says that parts of its data are missing, unless the address
                trusts it.
            Rejected: as `range`; also when the selector matches several metrics that only their names tell apart.
        """
        promql = f"{selector}[{promql_duration(range_seconds)}]"
        timeout = self._address.timeout

        def samples(flight: Flight) -> Matrix:
            return matrix(*self._connections.instant(promql, LONG_SAMPLES, flight, timeout, at))

        return await self._asked(promql, samples)

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._connections.close()

    async def _asked(self, promql: str, ask: Callable[[Flight], T]) -> T:
        """What `ask` returns on a thread, within the address' `timeout`; what it raises is put in words of `promql`."""
        flight = Flight()
        try:
            async with asyncio.timeout(self._address.timeout):
                return await asyncio.wrap_future(self._threads.submit(ask, flight))
        except TimeoutError as error:
            raise self._error(late(flight, self._address.timeout)[0], promql) from error
        except FAILURES as error:
            raise self._error(failed(error, flight)[0], promql) from error
        finally:
            flight.cut()

    def _range(self, flight: Flight, promql: str, over: tuple[float, float, float]) -> list[RangeSeries]:
        start, end, step = over
        # The library rounds instants to whole seconds; what stands in `params` is sent as it is.
        exact = {"start": f"{start:.3f}", "end": f"{end:.3f}", "timeout": in_milliseconds(self._address.timeout)}
        with self._connections.lent() as client, client.session.ask(flight, RANGE):
            found = client.library.custom_query_range(
                promql,
                _instant(start),
                _instant(end),
                f"{step:.3f}",
                params=exact,
                timeout=waits(self._address.timeout),
            )
        return [_series(item) for item in found]

    def _error(self, failed: Failed, promql: str) -> PortError:
        kind = Unavailable if failed.reason in PASSING else Rejected
        asked = f" (query: {promql})" if failed.reason is FailedReason.BAD_QUERY else ""
        return kind(f"{self._address.url}: {failed.reason}: {failed.message}{asked}")


def _series(item: dict[str, Any]) -> RangeSeries:
    """One series of a checked answer; a malformed one raises NoAnswer."""
    try:
        return RangeSeries(labels(item), [(float(time), float(value)) for time, value in item["values"]])
    except MALFORMED as error:
        histogram = "histograms" in item
        what = (
            "a native histogram: ask for histogram_quantile() of it"
            if histogram
            else f"{type(error).__name__}: {error}"
        )
        raise NoAnswer(Failed(FailedReason.BAD_ANSWER, f"a series without numbers: {what}")) from error


def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
