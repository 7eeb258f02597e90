"""A past made up by a test: for each query, by a part of its text, what it gave over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.backtest import Backtest, backtest
from tidegate.simulation.backtest.order import Order
from tidegate.simulation.backtest.raw import AskRaw
from tidegate.simulation.backtest.run import Span

START = 1_700_000_000.0

Given: TypeAlias = float | Mapping[str, float] | None
"""A value, nothing, or a value for each `pod`."""


Series: TypeAlias = tuple[tuple[tuple[str, str], ...], Sequence[tuple[float, float]]]
"""Labels and points."""


@dataclass
class Past:
    answers: Mapping[str, Callable[[float], Given]]
    """By a part of the query: seconds since START to what it gives."""
    asked: list[tuple[str, float, float]] = field(default_factory=list)

    async def __call__(self, promql: str, start: float, end: float, step: float) -> Sequence[Series]:
        self.asked.append((promql, start, end))
        answer = next((given for part, given in self.answers.items() if part in promql), None)
        found: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        for number in range(math.floor((end - start) / step + 1e-6) + 1 if answer else 0):
            time = start + number * step
            given = answer(time - START) if answer else None
            by_pod = given if isinstance(given, Mapping) else {} if given is None else {"": given}
            for pod, value in by_pod.items():
                found.setdefault((("pod", pod),) if pod else (), []).append((time, value))
        return list(found.items())


def spec(**changes: object) -> RolloutSpec:
    made: dict[str, Any] = {
        "baseline": {"deployment": "shop", "service": "shop"},
        "candidate": {"deployment": "shop-canary", "service": "shop-canary"},
        "traffic": [{"kind": "HTTPRoute", "name": "shop"}],
        "interval": "10s",
        "metrics": [
            {"name": "errors", "query": 'rate(errors{d="$workload"}[$window])', "unit": "ratio", "window": "30s"}
        ],
        "guards": [{"metric": "errors", "max": "5%"}],
        "steps": [
            {"name": "canary", "weight": 10, "duration": "5m", "checkpoints": [{"at": "2m"}]},
            {"name": "half", "weight": 50, "duration": "5m"},
        ],
        "promotion": {"strategy": "CopyTemplate", "settle": "20s"},
    }
    made.update(changes)
    return RolloutSpec.model_validate(made)


def order(of: RolloutSpec, seconds: float, *, every: float = math.inf, assumed: Assumed | None = None) -> Order:
    spans, now = [], 0.0
    for step in of.steps:
        spans.append(Span(step.name, float(step.weight.percent), now, now + step.duration.seconds))
        now = spans[-1].end
    return Order(
        "shop", "default", of, START, START + seconds, tuple(spans), now + of.promotion.settle.seconds, every, assumed
    )


async def run(
    answers: Mapping[str, Callable[[float], Given]],
    of: RolloutSpec | None = None,
    seconds: float = 1200,
    *,
    every: float = math.inf,
    assumed: Assumed | None = None,
    leap: bool = True,
    raw: AskRaw | None = None,
) -> Backtest:
    made = of or spec()
    return await backtest(Past(answers), order(made, seconds, every=every, assumed=assumed), ask_raw=raw, leap=leap)
