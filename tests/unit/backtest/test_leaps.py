"""The ticks that are left out would have changed nothing: with and without them every run is the same."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.backtest.past import START, Given, run, spec
from tidegate.simulation.backtest.run import PastRun

METRICS: list[dict[str, Any]] = [
    {
        "name": "errors",
        "ratio": {"bad": 'r{d="$workload",c="5"}', "total": 'r{d="$workload"}'},
        "window": "30s",
        "minimumRequests": 50,
    },
    {"name": "latency", "query": 'lat{d="$workload"}[$window]', "unit": "seconds", "window": "20s"},
    {"name": "slower", "query": 'lat{d="$workload"}[$window]', "unit": "seconds", "window": "20s", "warmUp": "1m"},
    {"name": "alerts", "query": 'ALERTS{d="$workload"}', "whenEmpty": "Zero"},
]
GUARDS: list[dict[str, Any]] = [
    {"metric": "errors", "max": "5%", "for": "1m"},
    {"metric": "slower", "maxIncrease": "20%", "floor": "100ms", "for": "40s"},
    {"metric": "latency", "max": "800ms", "onBreach": "Hold"},
    {"metric": "alerts", "max": 2, "onBreach": "Warn"},
]
STEPS: list[dict[str, Any]] = [
    {"name": "nothing", "weight": 0, "duration": "40s"},
    {
        "name": "canary",
        "weight": 10,
        "duration": "5m3s",
        "checkpoints": [{"every": "47s"}],
        "thresholds": [{"metric": "errors", "max": "3%", "onBreach": "Hold"}],
        "guards": [{"metric": "latency", "max": "700ms", "for": "15s", "onBreach": "Hold", "afterHold": "Restart"}],
    },
    {"name": "half", "weight": 50, "duration": "4m", "gate": {"sinceStep": {"step": "canary", "elapsed": "7m"}}},
    {"name": "all", "weight": 100, "duration": "3m", "thresholds": [{"metric": "errors", "max": "4%"}]},
]
BLIND = {"noData": {"after": "1m30s", "then": "Revert"}, "sourceDown": {"after": "1h", "then": "Hold"}}


class Story:
    """A value that stays for a while and then is another one, drawn anew for each stretch."""

    def __init__(self, seed: str, usual: float, odd: tuple[Given, ...], share: float) -> None:
        self._dice = random.Random(seed)  # noqa: S311  (a dice, not a key)
        self._points: list[tuple[float, Given]] = [(0.0, usual)]
        while self._points[-1][0] < 3600:
            value = self._dice.choice(odd) if self._dice.random() < share else usual
            self._points.append((self._points[-1][0] + self._dice.choice([10, 20, 50, 120, 300]), value))

    def __call__(self, seconds: float) -> Given:
        return next(value for since, value in reversed(self._points) if since <= max(seconds, 0.0))


def told(past: PastRun) -> PastRun:
    """Without what may differ: how often it ticked, and the values of an instant that only a message shows."""
    plain = tuple(replace(one, time=round(one.time, 1), message="") for one in past.told)
    spans = tuple(replace(one, begin=round(one.begin, 1), end=round(one.end, 1)) for one in past.spans)
    return replace(past, ticks=0, message="", told=plain, spans=spans, end=round(past.end, 1))


@pytest.mark.parametrize("seed", range(12))
async def test_leaving_out_quiet_ticks_changes_nothing(seed: int) -> None:
    share = (0.1, 0.3, 0.6)[seed % 3]
    two = {"a": 0.2, "b": 0.9}
    past = {
        'c="5"': Story(f"bad{seed}", 5, (50.0, 35.0, 120.0, None), share),
        'r{d="': Story(f"total{seed}", 1000, (20.0, None, 400.0), share / 2),
        'lat{d="shop-canary"': Story(f"lat{seed}", 0.2, (0.23, 0.3, 0.75, 0.9, math.nan, math.inf, None, two), share),
        'lat{d="shop"': Story(f"base{seed}", 0.2, (0.1, 0.0, None, math.nan), share / 3),
        "ALERTS": Story(f"alerts{seed}", 0, (1.0, 3.0, None), share),
    }
    promotion = {"strategy": "CopyTemplate", "settle": "0s"}
    of = spec(metrics=METRICS, guards=GUARDS, steps=STEPS, missingData=BLIND, promotion=promotion)
    leaping = await run(past, of, 2200, every=400)
    ticking = await run(past, of, 2200, every=400, leap=False)
    assert [told(one) for one in leaping.runs] == [told(one) for one in ticking.runs]
    assert sum(one.ticks for one in leaping.runs) <= sum(one.ticks for one in ticking.runs) - (seed % 3 == 0)


async def test_a_guard_that_begins_with_a_step_is_judged_at_once() -> None:
    steps = [
        {"name": "canary", "weight": 10, "duration": "5m"},
        {"name": "half", "weight": 50, "duration": "1d", "guards": [{"metric": "errors", "max": "0.5%"}]},
    ]
    answers = {"shop-canary": lambda _: 0.01, "shop": lambda _: 0.0}
    (past,) = (await run(answers, spec(steps=steps), 2000)).runs
    assert past.outcome == "Reverted"
    assert past.spans[-1].end - past.spans[-1].begin <= 10


async def test_what_is_due_at_a_point_of_the_grid_is_not_found_one_point_later() -> None:
    gate = {"sinceStep": {"step": "canary", "elapsed": "6m53s"}}
    steps = [
        {"name": "canary", "weight": 10, "duration": "5m3s"},
        {"name": "half", "weight": 50, "duration": "4m", "gate": gate},
    ]
    of = spec(steps=steps, missingData=BLIND)
    ends = set()
    for leap in (True, False):
        found = await run({"shop": lambda t: None if t >= 380 else 0.01}, of, 2200, every=173, leap=leap)
        ends.add(tuple(round(past.end, 1) for past in found.runs))
        assert found.runs[0].reason == "NoData"
    assert len(ends) == 1


async def test_a_segment_that_only_the_baseline_has_again_is_noticed_although_the_candidate_is_as_before() -> None:
    """Idle in both arms it is left out; with requests of the baseline alone nothing is decided until the candidate has some."""
    ratio = {"bad": 'bad{d="$workload"}', "total": 'all{d="$workload"}', "by": ["pod"]}
    idle = {"a": 1000.0, "b": 0.0}
    past = {
        "bad{": lambda _: {"a": 1.0, "b": 0.0},
        'all{d="shop-canary"': lambda _: idle,
        'all{d="shop"': lambda t: {"a": 1000.0, "b": 1000.0} if 150 < t < 1000 else idle,
    }
    steps = [
        {"name": "canary", "weight": 10, "duration": "5m", "checkpoints": [{"at": "2m"}]},
        {"name": "half", "weight": 50, "duration": "5m"},
    ]
    of = spec(
        metrics=[{"name": "errors", "ratio": ratio, "window": "30s"}],
        guards=[],
        thresholds=[{"metric": "errors", "max": "5%"}],
        steps=steps,
        promotion={"strategy": "CopyTemplate", "settle": "0s"},
    )
    leaping, ticking = [(await run(past, of, 2200, leap=leap)).runs for leap in (True, False)]
    assert [told(one) for one in leaping] == [told(one) for one in ticking]
    assert leaping[0].outcome == "Succeeded"
    assert 1000 < leaping[0].end - START < 1700
