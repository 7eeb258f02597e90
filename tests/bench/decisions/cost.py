"""What judging costs: processor time of the product's own arithmetic for ten metrics, one new window each; and of whole ticks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import product
from statistics import median

from tests.bench.decisions.tidegate_rules import ALPHA, LIMIT, MARGIN
from tests.bench.decisions.traffic import seeded
from tests.simulated.shop import Shop, spec
from tidegate.api.rollout.thresholds import Regression
from tidegate.api.values.scalars import Unit
from tidegate.core.count_tests.protocol import Closed
from tidegate.core.count_tests.regression import RegressionTest
from tidegate.core.count_tests.state import packed
from tidegate.core.model.answers import Answer, Matrix, Query
from tidegate.core.model.raw_samples import RawSeries
from tidegate.core.statistics.accumulators import Compared, Limited, detectable, together
from tidegate.core.statistics.confidence import rate_interval
from tidegate.core.statistics.windows import Counted, Sums, Window

METRICS = 10
SEGMENTS = 8
_REPEATS = 40
PODS = 4
"""Of each arm, with a series for each of two status codes."""
_SCRAPE, _INTERVAL = 15, 60
_REACH = 400
"""Seconds of raw samples: a window and the look-back."""


def judgements(seed: int) -> dict[str, float]:
    """Seconds (median) of judging `METRICS` lines after an hour of windows, by the form of line."""
    chance = seeded(seed)
    past = [Window(570, chance.randint(0, 6), 30, chance.randint(0, 1)) for _ in range(60)]
    counts, new = together(past), [Window(570, 3, 30, 1)]
    compared = Compared(MARGIN).after(past)
    candidate = Limited(LIMIT).after(past)

    def margin() -> None:
        after = compared.after(new)
        after.conclusion(ALPHA)
        after.possible(ALPHA)
        detectable(counts, MARGIN, ALPHA)

    def limit() -> None:
        compared.after(new).conclusion(ALPHA)
        candidate.after(new).conclusion(ALPHA, counts)
        rate_interval(counts.candidate, counts.candidate_bad, ALPHA)

    return {"`regression` (margin)": _seconds(margin), "`regression` (limit)": _seconds(limit)}


def by_segment(seed: int) -> dict[str, float]:
    """Seconds (median) of judging `METRICS` lines of `SEGMENTS` segments each after an hour of windows, by the kind of metric."""
    chance = seeded(seed)

    def shares() -> Counted:
        return Window(570, chance.randint(0, 6), 30, chance.randint(0, 1))

    def averages() -> Counted:
        return Sums(570, 57 * chance.uniform(0.9, 1.1), 30, 3 * chance.uniform(0.9, 1.1))

    return {
        "`regression` of a share": _by_segment(shares, None),
        "`regression` of an average": _by_segment(averages, Unit.SECONDS),
    }


def _by_segment(drawn: Callable[[], Counted], unit: Unit | None) -> float:
    tested = RegressionTest(Regression(), ALPHA, 0.0, grouped=True, unit=unit)
    windows = [{f'{{segment="{name}"}}': drawn() for name in range(SEGMENTS)} for _ in range(61)]
    for number, window in enumerate(windows[:-1]):
        tested = tested.after(Closed(window, 60.0 * number, 60.0 * number + 60))
    last = Closed(windows[-1], 3600.0, 3660.0)
    return _seconds(lambda: packed(tested.after(last).state()) and tested.result())


def _seconds(judge: Callable[[], object]) -> float:
    taken = []
    for _ in range(_REPEATS):
        before = time.process_time()
        for _ in range(METRICS):
            judge()
        taken.append(time.process_time() - before)
    return median(taken)


def ticks() -> float:
    """Seconds (median) of one whole tick, queries and status included, in which a window of ten metrics is counted and judged."""
    return asyncio.run(_ticks())


async def _ticks() -> float:
    names = [f"errors{number}" for number in range(METRICS)]
    selectors = {name: {"bad": f'{name}_bad{{w="$workload"}}', "total": f'{name}{{w="$workload"}}'} for name in names}
    shop, answering = Shop(), [0.0]
    shop.answer = lambda query, now: _samples(query, now, shop.start, answering)
    runner = shop.rollout(
        spec(
            interval=f"{_INTERVAL}s",
            metrics=[{"name": name, "ratio": ratio, "window": "1m"} for name, ratio in selectors.items()],
            guards=[{"metric": name, "regression": {"margin": "20%"}} for name in names],
            steps=[{"name": "canary", "weight": 10, "duration": "6h"}],
        )
    )
    await runner.run_until(shop.start + 10 * _INTERVAL)
    taken = []
    for number in range(_REPEATS):
        before, answered = time.process_time(), answering[0]
        await runner.run_until(shop.start + (11 + number) * _INTERVAL)
        taken.append(time.process_time() - before - answering[0] + answered)
    if shop.weight != 10:
        raise AssertionError(f"the run did not stay as it was: {shop.status.message}")
    return median(taken)


def _samples(query: Query, now: float, start: float, answering: list[float]) -> Answer | None:
    """Counters that grow steadily; the time this takes is none of the product's."""
    before = time.process_time()
    if not query.part.startswith("raw"):
        return None
    rate, codes = (1, ("503",)) if query.part == "raw-bad" else (100, ("200", "503"))
    scrapes = range(int((now - _REACH - start) // _SCRAPE) + 1, int((now - start) // _SCRAPE) + 1)
    samples = tuple((start + _SCRAPE * scrape, float(rate * (scrape + 1000))) for scrape in scrapes)
    labels = [(("code", code), ("pod", str(pod))) for code, pod in product(codes, range(PODS))]
    found = Matrix(tuple(RawSeries(one, samples) for one in labels))
    answering[0] += time.process_time() - before
    return found
