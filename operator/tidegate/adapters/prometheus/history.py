"""One source's past: a question over a range of instants, for `tidegate backtest`. The operator itself never asks so."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from tidegate.adapters.prometheus.answers import MALFORMED, NoAnswer, Wanted, labels
from tidegate.adapters.prometheus.connection import FAILURES, Connections, SourceAddress, failed, waits
from tidegate.adapters.prometheus.session import Flight
from tidegate.core.observed import Failed, FailedReason
from tidegate.ports.errors import PortError, Rejected, Unavailable

RANGE: Final = Wanted(
    frozenset({"matrix"}),
    "the answer to a range question must be series over time",
    64 * 1024 * 1024,  # 11,000 points of 64 series take about 20 MiB
    "aggregate in the query",
)


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
            Rejected: it answered, and not with series: a wrong question, no permission, no Prometheus.
        """
        flight = Flight()
        try:
            async with asyncio.timeout(self._address.timeout):
                return await asyncio.wrap_future(self._threads.submit(self._ask, flight, promql, (start, end, step)))
        except TimeoutError as error:
            message = f"no complete answer in {self._address.timeout:g} s"
            raise self._error(Failed(FailedReason.TIMEOUT, message), promql) from error
        except FAILURES as error:
            raise self._error(failed(error), promql) from error
        finally:
            flight.cut()

    def close(self) -> None:
        """Lets the threads end."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._connections.close()

    def _ask(self, flight: Flight, promql: str, over: tuple[float, float, float]) -> list[RangeSeries]:
        start, end, step = over
        session, client = self._connections.mine()
        # The library rounds instants to whole seconds; what stands in `params` is sent as it is.
        exact = {"start": f"{start:.3f}", "end": f"{end:.3f}", "timeout": f"{self._address.timeout:g}s"}
        with session.ask(flight, RANGE):
            found = client.custom_query_range(
                promql,
                _instant(start),
                _instant(end),
                f"{step:.3f}",
                params=exact,
                timeout=waits(self._address.timeout),
            )
        return [_series(item) for item in found]

    def _error(self, failed: Failed, promql: str) -> PortError:
        kind = Unavailable if failed.reason in {FailedReason.TIMEOUT, FailedReason.REFUSED} else Rejected
        asked = f" (asked: {promql})" if failed.reason is FailedReason.BAD_QUERY else ""
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
