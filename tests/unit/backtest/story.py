"""The week that docs/backtest.md tells of, behind a Prometheus that is made up: the same numbers every time."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from tests.unit.adapters.fake_server import FakeServer, Reader, Writer, http, running, success
from tests.unit.backtest.past import START, Given, Past, Series
from tidegate.simulation.backtest.raw import AskRaw

DAY = 86400.0
MONDAY = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
INCIDENT = (2 * DAY + 14 * 3600, 2 * DAY + 14 * 3600 + 1200)
"""Wednesday at 14:00, for 20 minutes: a database was slow, and every version with it."""
SLOW = (4 * DAY + 9 * 3600, 4 * DAY + 9 * 3600 + 420)
"""Friday at 9:00, for 7 minutes."""
SILENT = (5 * DAY + 3 * 3600, 5 * DAY + 3 * 3600 + 300)
"""Saturday night, for 5 minutes: nothing was scraped."""


def noise(place: float, name: str) -> float:
    """-1 to 1, the same for each minute."""
    return random.Random(f"{name}{round(place / 60)}").uniform(-1, 1)  # noqa: S311  (a dice, not a key)


def _since_monday(told: Callable[[float], float]) -> Callable[[float], Given]:
    def answer(since_start: float) -> Given:
        place = since_start + START - MONDAY
        return None if SILENT[0] <= place < SILENT[1] else told(place)

    return answer


def requests(place: float) -> float:
    return round(6000 + 5000 * math.sin((place / DAY - 0.35) * 2 * math.pi))


def bad(place: float) -> float:
    share = 0.07 if INCIDENT[0] <= place < INCIDENT[1] else 0.004 + 0.002 * noise(place, "bad")
    return round(requests(place) * share)


def latency(place: float) -> float:
    wave = 0.15 + 0.02 * math.sin((place / DAY - 0.35) * 2 * math.pi)
    return wave + 0.012 * noise(place, "latency") + (0.11 if SLOW[0] <= place < SLOW[1] else 0.0)


WEEK = Past(
    {
        'deployment="checkout-canary"': lambda _: None,
        'pod=~"checkout-canary': lambda _: None,
        'code=~"5.."': _since_monday(bad),
        "http_requests_total": _since_monday(requests),
        "histogram_quantile": _since_monday(latency),
    }
)


_RAW = re.compile(r"(.*)\[(\d+)s\]", re.DOTALL)


@asynccontextmanager
async def prometheus(past: Past, raw: AskRaw | None = None) -> AsyncIterator[FakeServer]:
    """`past` over HTTP, and its raw samples."""

    async def reply(_: Reader, writer: Writer) -> None:
        given = {name: values[0] for name, values in fake.asked[-1].parameters.items()}
        selected = _RAW.fullmatch(given["query"])
        series: Sequence[Series]
        if "start" in given:
            series = await past(given["query"], float(given["start"]), float(given["end"]), float(given["step"]))
        elif raw is not None and selected is not None:
            found = await raw(selected[1], float(selected[2]), float(given["time"]))
            series = [(one.labels, one.samples) for one in found.series]
        else:
            raise AssertionError(f"nobody asks {given}")
        matrix = [
            {"metric": dict(labels), "values": [[time, repr(value)] for time, value in points]}
            for labels, points in series
        ]
        writer.write(http(200, json.dumps(success("matrix", matrix)).encode()))

    async with running(reply) as fake:
        yield fake
