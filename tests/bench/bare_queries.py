"""`python -m tests.bench.bare_queries URL QUERIES SECONDS`: what one query costs with nothing around it, at the pace of quiet ticks.

The client library asks on its own session, one query at a time with waits between, as a quiet operator does: a processor that
sleeps between two queries is slower at each than one that goes on. Prints seconds of processor time a query.
"""

from __future__ import annotations

import resource
import sys
import time

from prometheus_api_client import PrometheusConnect

QUERY = 'bench_value{namespace="bench",rollout="bare",deployment="bare"}'
WARM_UP = 20
"""Queries that are not counted: the connection is made, what is used is loaded."""


def main(url: str, queries: int, seconds: float) -> float:
    """Seconds of processor time a query."""
    library = PrometheusConnect(url=url)
    for _ in range(WARM_UP):
        library.custom_query(QUERY)
    began, before = time.monotonic(), _used()
    for number in range(1, queries + 1):
        library.custom_query(QUERY)
        time.sleep(max(began + number * seconds / queries - time.monotonic(), 0.0))
    return (_used() - before) / queries


def _used() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))  # noqa: T201  (read by the bench)
