"""A service with counters, scraped in virtual time, and the Prometheus HTTP API in front of its samples, over loopback.

It knows the queries the operator asks and no others: `vector(1)`, `sum(increase(selector[range]))`, a range selector
(answered with raw samples, at an instant) and `last_over_time(selector[range])`, each also with an offset, and a subquery of
the first.
"""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

from tests.bench.decisions.traffic import Cell, levels, noisy, poisson, seeded

SCRAPE = 15.0
"""Seconds."""
BEFORE = 600.0
"""Seconds of the baseline's past at the start of a run."""
GOOD, BAD = "200", "503"

_SELECTOR = r'requests_total\{workload="(?P<workload>[^"]+)"(?P<bad>,code=~"5\.\.")?\}'
_RANGE = r"\[(?P<range>\w+)\](?: offset (?P<offset>\w+))?"
_FORMS = {
    "increase": re.compile(rf"sum ?\(increase\({_SELECTOR}{_RANGE}\)\)"),
    "last": re.compile(rf"last_over_time\({_SELECTOR}{_RANGE}\)"),
    "samples": re.compile(_SELECTOR + _RANGE),
}
_PAST = re.compile(r"\((?P<inner>.*)\)\[(?P<reach>\w+):(?P<step>\w+)\](?: offset (?P<offset>\w+))?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

Samples = list[tuple[float, float]]


class Service:
    """Two workloads whose traffic follows the route's weights."""

    def __init__(self, cell: Cell, seed: str, now: float, share: Callable[[], float]) -> None:
        """Starts `BEFORE` seconds ago; `share`: the candidate's share of the traffic now, 0-1."""
        self._cell, self._chance, self._share = cell, seeded(seed), share
        self._scraped = now - BEFORE
        self._counters: dict[tuple[str, str], float] = {}
        self.series: dict[tuple[str, str], Samples] = {}
        """By workload and code."""
        self.traffic_since: float | None = None
        """Epoch seconds at which the candidate first got requests."""
        self.requests = 0.0
        """The candidate's, from the onset of the harm so far."""
        self._minute = -2
        self._noise = 1.0, 1.0

    def advance(self, now: float) -> None:
        """Serves and scrapes up to `now`, epoch seconds; the share is what it is now."""
        while self._scraped + SCRAPE <= now:
            self._scraped += SCRAPE
            self._serve()
            for key, value in self._counters.items():
                self.series.setdefault(key, []).append((self._scraped, value))

    def _serve(self) -> None:
        share = self._share()
        if share and self.traffic_since is None:
            self.traffic_since = self._scraped - SCRAPE
        minute = math.floor((self._scraped - self.traffic_since) / 60) if self.traffic_since is not None else -1
        if minute != self._minute:
            self._minute = minute
            self._noise = noisy(self._cell.noise, self._chance), noisy(self._cell.noise, self._chance)
        per_minute, base = levels(self._cell, minute)
        worse = self._cell.worse_from <= minute < self._cell.worse_until
        own = base * self._cell.ratio if worse else base
        all_requests = SCRAPE / 60 * per_minute / self._cell.share
        for workload, requests, mean_rate, noise in (
            ("checkout", all_requests * (1 - share), base, self._noise[0]),
            ("checkout-canary", all_requests * share, own, self._noise[1]),
        ):
            rate = min(mean_rate * noise, 1.0)
            for code, mean in ((GOOD, requests * (1 - rate)), (BAD, requests * rate)):
                count = poisson(mean, self._chance)
                if count:  # a counter's series is there from its first request on
                    key = (workload, code)
                    self._counters[key] = self._counters.get(key, 0.0) + count
                    self.requests += count if workload == "checkout-canary" and minute >= self._cell.onset else 0

    def total(self, workload: str) -> tuple[float, float]:
        """A workload's requests and bad ones so far."""
        bad = self._counters.get((workload, BAD), 0.0)
        return self._counters.get((workload, GOOD), 0.0) + bad, bad

    def answer(self, promql: str, now: float) -> tuple[str, list[object]]:
        """The type of the result and the result.

        Raises: ValueError for a query that nobody was expected to ask.
        """
        self.advance(now)
        if promql == "vector(1)":
            return "vector", [{"metric": {}, "value": [now, "1"]}]
        if past := _PAST.fullmatch(promql):
            return self._past(past["inner"], past, now)
        for form, pattern in _FORMS.items():
            if asked := pattern.fullmatch(promql):
                end = now - (seconds(asked["offset"]) if asked["offset"] else 0.0)
                found = dict(self._within(asked, end - seconds(asked["range"]), end))
                return _result(form, found, end, seconds(asked["range"]), now)
        raise ValueError(f"an unexpected query: {promql}")

    def _past(self, inner: str, asked: re.Match[str], now: float) -> tuple[str, list[object]]:
        """A subquery: its inner query at each multiple of the step."""
        end = now - (seconds(asked["offset"]) if asked["offset"] else 0.0)
        reach, step = seconds(asked["reach"]), seconds(asked["step"])
        values = []
        for place in range(math.floor((end - reach) / step) + 1, math.floor(end / step) + 1):
            _, found = self.answer(inner, place * step)
            values += [one["value"] for one in found if isinstance(one, dict)]
        return "matrix", [{"metric": {}, "values": values}] if values else []

    def _within(self, asked: re.Match[str], start: float, end: float) -> Iterator[tuple[tuple[str, str], Samples]]:
        for (workload, code), samples in self.series.items():
            if workload == asked["workload"] and (code == BAD or not asked["bad"]):
                inside = [one for one in samples if start < one[0] <= end]
                if inside:
                    yield (workload, code), inside


def _result(
    form: str, found: dict[tuple[str, str], Samples], end: float, reach: float, now: float
) -> tuple[str, list[object]]:
    named = [({"workload": workload, "code": code}, samples) for (workload, code), samples in found.items()]
    match form:
        case "samples":
            return "matrix", [
                {"metric": _named(labels), "values": [[at, repr(value)] for at, value in samples]}
                for labels, samples in named
            ]
        case "last":
            return "vector", [{"metric": labels, "value": [now, repr(samples[-1][1])]} for labels, samples in named]
        case _:
            grown = [increase(samples, end, reach) for _, samples in named if len(samples) > 1]
            return "vector", [{"metric": {}, "value": [now, repr(sum(grown))]}] if grown else []


def _named(labels: dict[str, str]) -> dict[str, str]:
    return {"__name__": "requests_total", **labels}


def increase(samples: Samples, end: float, reach: float) -> float:
    """As Prometheus' `increase()`: extrapolated to the range's ends, not far beyond the samples nor below zero."""
    (first, low), (last, high) = samples[0], samples[-1]
    resets = sum(before for (_, before), (_, after) in pairwise(samples) if after < before)
    grown, sampled = high - low + resets, last - first
    average = sampled / (len(samples) - 1)
    to_start, to_end = first - (end - reach), end - last
    to_start = average / 2 if to_start >= 1.1 * average else to_start
    to_end = average / 2 if to_end >= 1.1 * average else to_end
    if grown > 0:
        to_start = min(to_start, sampled * low / grown)
    return grown * (sampled + to_start + to_end) / sampled


def seconds(promql: str) -> float:
    """A duration of PromQL, such as `1m30s`."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdw])", promql))


class Prometheus:
    """The API, answering for whichever service is shown at the moment, at that service's time."""

    def __init__(self) -> None:
        self.shown: tuple[Service, Callable[[], float]] | None = None
        """A service, and its clock."""
        self.queries = 0
        self.unexpected: list[str] = []
        self._lock = threading.Lock()

    def reply(self, promql: str) -> tuple[int, bytes]:
        with self._lock:
            assert self.shown is not None
            service, clock = self.shown
            self.queries += 1
            try:
                kind, result = service.answer(promql, clock())
            except ValueError as error:
                self.unexpected.append(str(error))
                return 400, json.dumps({"status": "error", "errorType": "bad_data", "error": str(error)}).encode()
        return 200, json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


@contextmanager
def serving(prometheus: Prometheus) -> Iterator[str]:
    """Its address, while it answers."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._reply(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _reply(self, form: str) -> None:
            status, body = prometheus.reply(parse_qs(form)["query"][0])
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's name)
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
