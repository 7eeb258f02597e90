"""Twenty minutes of a service with every mishap there is, replayed against a real Prometheus: each request counts once."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import pytest_asyncio

from tests.integration.counts.past import Then, prometheus, source, write
from tests.simulated.scraped import Scraped, Stage
from tests.simulated.shop import spec
from tidegate.core.model.answers import Matrix, Query
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.counter_increase import LOOKBACK
from tidegate.ports.protocols import MetricSource
from tidegate.simulation.clock import VirtualClock

LASTS = 1300.0
"""Seconds of the run."""
NAMES = {"bad": "errors", "total": "requests"}
WORKLOADS = {ArmName.BASELINE: "checkout", ArmName.CANDIDATE: "checkout-canary"}
METRIC = {
    "name": "errors",
    "ratio": {"bad": 'errors_total{workload="$workload"}', "total": 'requests_total{workload="$workload"}'},
    "window": "20s",
    "warmUp": "0s",
}
LINE = {"name": "worse", "metric": "errors", "regression": {}, "onBreach": "Warn"}


def rollout() -> dict[str, object]:
    steps = [{"name": "canary", "weight": 10, "duration": "1h"}]
    return spec(metrics=[METRIC], guards=[LINE], steps=steps)


def stage(begin: float) -> Stage:
    """The service; it has been there for five minutes and more when the Rollout comes."""
    made = Stage(rollout(), before=LOOKBACK + 60, clock=VirtualClock(begin))
    service, start = made.source, made.start
    service.shares(start - 400, baseline=0.01, candidate=0.0)
    service.shares(start + 150, candidate=0.03)  # the candidate's first bad request: a new series
    candidate, baseline = service.pods[ArmName.CANDIDATE], service.pods[ArmName.BASELINE]
    candidate[0].resets += [start + 303, start + 431]  # its process dies twice
    service.replaced(start + 521, ArmName.CANDIDATE)  # a new pod: a new series from zero, bad ones too
    service.unscraped.append((start + 600, start + 640))
    baseline[0].away.append((start + 700, start + 700 + LOOKBACK + 95))  # longer than any look-back sees
    service.replaced(start + 1150, ArmName.BASELINE)
    return made


@dataclass
class Past:
    """What was written, and where."""

    url: str
    begin: float


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def past(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Past]:
    begin = float(int(time.time() - LASTS - 60)) + 0.25
    service = stage(begin).source
    async with prometheus(tmp_path_factory.mktemp("prometheus")) as url:
        for arm in ArmName:
            for pod in service.pods[arm]:
                for part, name in NAMES.items():
                    samples = service.series(pod, arm, part, service.start - 1, begin + LASTS).samples
                    marker = [(samples[-1][0] + 5, None)] if samples and pod.end < begin + LASTS else []
                    await write(url, name, {"workload": WORKLOADS[arm], "pod": pod.name}, [*samples, *marker])
        yield Past(url, begin)


def truth(service: Scraped, begin: float, end: float) -> tuple[float, ...]:
    """What the processes counted between two instants, as far as it was ever scraped: life by life."""
    found = []
    for arm in (ArmName.BASELINE, ArmName.CANDIDATE):
        for part in ("total", "bad"):
            count = 0.0
            for pod in service.pods[arm]:
                lives = [pod.begin, *pod.resets, pod.end]
                for born, died in pairwise(lives):
                    last = service.series(pod, arm, part, born, min(died, end)).samples
                    first = service.series(pod, arm, part, born, min(died, begin)).samples
                    count += (last[-1][1] if last else 0.0) - (first[-1][1] if first else 0.0)
            found.append(count)
    return tuple(found)


def at_every(seconds: float) -> Callable[[Stage], None]:
    def restarts(one: Stage) -> None:
        at = seconds
        while at < LASTS:
            one.runner.at(one.start + at, one.runner.restart)
            at += seconds

    return restarts


def standing_still(*times: tuple[float, float]) -> Callable[[Stage], None]:
    def stands_still(one: Stage) -> None:
        for begin, end in times:
            one.runner.stand_still(one.start + begin, one.start + end)

    return stands_still


OPERATORS: dict[str, Callable[[Stage], None]] = {
    "undisturbed": lambda _stage: None,
    "restarted every 70 s": at_every(70.0),
    "away around each mishap": standing_still((290, 310), (425, 440), (515, 530), (590, 660), (1090, 1160)),
    "away for ten minutes": standing_still((500, 1130)),
}


@pytest.mark.parametrize("operator", OPERATORS)
async def test_each_request_is_counted_once(past: Past, operator: str) -> None:
    one = stage(past.begin)
    real = source(past.url)
    asked = Kept(Then(real, one.clock))
    try:
        one.shop.world = replace(one.shop.world, metrics=asked)
        one.runner.world = one.shop.world
        one.runner.restart()
        OPERATORS[operator](one)
        await one.until(LASTS - 30)
    finally:
        real.close()
    found = one.witness.evidence("worse")
    begin = found.start.timestamp()
    end = begin + found.windows * found.step
    assert LASTS - 30 - (end - one.start) <= 60, "the newest windows are counted as well"
    assert found.counts == truth(one.source, begin, end)
    assert found.counts[3] > 100
    assert one.shop.outcome == ""
    assert not one.witness.status.missing_data
    known = [query for query in asked.queries if query.part.startswith("known")]
    assert 0 < len(known) < len(asked.queries) / 10, "what was before the look-back is asked for only then"


@dataclass
class Kept:
    """A `MetricSource` that keeps what was asked."""

    real: MetricSource

    def __post_init__(self) -> None:
        self.queries: list[Query] = []

    async def sample(self, query: Query, *, timeout: float, rollout: str) -> object:
        self.queries.append(query)
        answer = await self.real.sample(query, timeout=timeout, rollout=rollout)
        assert isinstance(answer, Matrix) or not query.part.startswith("raw"), answer
        return answer
