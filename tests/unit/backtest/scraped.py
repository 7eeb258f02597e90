"""Counters of a past that was scraped: raw samples, and the rates that go with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from tests.unit.backtest.past import START, Given, Past, order, spec
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.values.scalars import Quantity
from tidegate.core.model.answers import Matrix
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.backtest import Backtest, backtest
from tidegate.simulation.counter import Counter
from tidegate.simulation.script import Level

METRIC: dict[str, Any] = {
    "name": "errors",
    "ratio": {"bad": 'bad{d="$workload"}', "total": 'all{d="$workload"}'},
    "window": "1m",
    "warmUp": "1m",
}
STEPS = [{"name": "canary", "weight": 10, "duration": "2h"}]
WORSE: dict[str, Any] = {"name": "worse", "metric": "errors", "regression": {}}
LIMIT: dict[str, Any] = {"name": "promise", "metric": "errors", "regression": {"limit": "5%"}}
MAX: dict[str, Any] = {"metric": "errors", "max": "5%"}

Shares: TypeAlias = dict[str, list[tuple[float, str | None]]]
"""By Deployment: from which second on (since START) which share of its requests is bad; `None`: it has no counters."""
CALM: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%")]}
REGRESSED: Shares = {"shop": [(0.0, "0.5%")], "shop-canary": [(0.0, "0.5%"), (3600.0, "4%")]}
SHARED: Shares = {name: [(0.0, "0.5%"), (3600.0, "30%"), (4200.0, "0.5%")] for name in ("shop", "shop-canary")}


class Scraped:
    """Raw samples every 15 s."""

    def __init__(
        self, shares: Shares, rate: float = 10.0, kept: Callable[[float], bool] = lambda _: True, label: str = "d="
    ) -> None:
        """`kept`: which samples there still are, by seconds since START; `label`: by which a selector names a Deployment."""
        metric = Metric.model_validate(METRIC)
        self.asked: list[tuple[str, float, float]] = []
        self._kept = kept
        self._counters = {}
        for name, levels in shares.items():
            instants = [at for at, _ in levels]
            made = [Level(empty=True) if share is None else Level(value=Quantity(share)) for _, share in levels]
            for part, selector in (("bad", "bad"), ("total", "all")):
                self._counters[f'{selector}{{{label}"{name}"}}'] = Counter.of(
                    instants, made, metric, part, [(0.0, rate)]
                )

    async def __call__(self, selector: str, range_seconds: float, at: float) -> Matrix:
        self.asked.append((selector, range_seconds, at))
        found = self._counters[selector].answer(f"x[{range_seconds:.0f}s]", at - START, START)
        kept = [tuple(one for one in series.samples if self._kept(one[0] - START)) for series in found.series]
        return Matrix(tuple(replace(one, samples=at) for one, at in zip(found.series, kept, strict=True) if at))


def rates(shares: Shares) -> Past:
    """What `increase` gives of the same, near enough for the limits; and the last value of a counter that was there."""

    def of(name: str, part: str, t: float) -> Given:
        share = [share for at, share in shares[name] if at <= max(t, 0.0)][-1]
        return None if share is None else 600.0 * (float(share.rstrip("%")) / 100 if part == "bad" else 1.0)

    def there(name: str, t: float) -> Given:
        return None if all(share is None for at, share in shares[name] if at <= t) else 1.0

    increases = {
        f'increase({part}{{d="{name}"}}': lambda t, n=name, p=part: of(n, p, t)
        for name in shares
        for part in ("bad", "all")
    }
    last = {f'last_over_time(all{{d="{name}"}}': lambda t, n=name: there(n, t) for name in shares}
    return Past(increases | last)


def counting(**changes: object) -> RolloutSpec:
    """A Rollout with one test on counts."""
    return spec(**{"metrics": [METRIC], "guards": [WORSE], "steps": STEPS, **changes})


async def judged(
    shares: Shares,
    seconds: float = 7800,
    *,
    assumed: Assumed = Assumed.CANDIDATE,
    leap: bool = True,
    raw: Scraped | None = None,
    past: Past | None = None,
    **changes: object,
) -> Backtest:
    """A run over it."""
    made = order(counting(**changes), seconds, assumed=assumed)
    return await backtest(past or rates(shares), made, ask_raw=raw or Scraped(shares), leap=leap)
