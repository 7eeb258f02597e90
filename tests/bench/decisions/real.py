"""The same rules as the product runs them: its own tick on a virtual clock, its own client, answers over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from tests.bench.decisions.cells import COLD, HARMS, NOISY, SHARED_HALVES, SLOW, WAVE
from tests.bench.decisions.race import LIMITED, MARGIN, PLAIN, SEED, Figures, Stop, processes
from tests.bench.decisions.service import Prometheus, Service, serving
from tests.bench.decisions.traffic import Cell
from tests.simulated.shop import Shop, spec
from tidegate.adapters.prometheus import PrometheusSource, PrometheusSources, SourceAddress
from tidegate.api.rollout.thresholds import Guard

INTERVAL = 30
"""Seconds between two ticks."""
ROLLOUTS = 20
CHUNK = 5
"""Rollouts that a process is given at once."""
SOURCE = "default"


@dataclass(frozen=True)
class RealCell:
    rule: str
    guard: Mapping[str, object]
    cell: Cell


_HARMS = {cell.name: cell for cell in HARMS}
_PLAIN = {"metric": "errors", "max": "1%", "for": "5m"}
_MARGIN = {"metric": "errors", "regression": {"margin": "20%", "confidence": "95%"}}
_LIMIT = {"metric": "errors", "regression": {"limit": "1%"}}

REAL = (
    RealCell(PLAIN, _PLAIN, Cell("10/s, 0.5 % errors", 10)),
    RealCell(PLAIN, _PLAIN, _HARMS["5 times, 10/s"]),
    RealCell(MARGIN, _MARGIN, Cell("0.5/s, 0.9 % errors", SLOW, base=0.009)),
    RealCell(MARGIN, _MARGIN, _HARMS[f"5 times, {SLOW:g}/s"]),
    RealCell(MARGIN, _MARGIN, WAVE),
    RealCell(MARGIN, _MARGIN, COLD[0]),
    RealCell(MARGIN, _MARGIN, NOISY[0]),
    RealCell(MARGIN, _MARGIN, _HARMS["5 times after 2 h, 10/s"]),
    RealCell(LIMITED, _LIMIT, SHARED_HALVES),
    RealCell(LIMITED, _LIMIT, _HARMS[f"outage, {SLOW:g}/s"]),
)


def can_be_run(cell: RealCell) -> bool:
    """Whether the product knows this form of limit."""
    return set(cell.guard) <= {one.alias or name for name, one in Guard.model_fields.items()}


@dataclass
class Driven:
    """One real cell's figures, and what was asked for them."""

    cell: RealCell
    figures: Figures
    queries: int = 0
    unexpected: list[str] = field(default_factory=list)

    def plus(self, other: Driven) -> Driven:
        """Of further rollouts of the same cell."""
        figures = self.figures.plus(other.figures)
        return Driven(self.cell, figures, self.queries + other.queries, self.unexpected + other.unexpected)


def drive(cells: Iterable[RealCell] = REAL, rollouts: int = ROLLOUTS, seed: int = SEED) -> Iterator[Driven]:
    """Every cell the product can run, so many rollouts each; on every core where they are many."""
    wanted = list(filter(can_be_run, cells))
    if rollouts <= CHUNK:
        yield from (_drive(cell, rollouts, seed, 0) for cell in wanted)
        return
    firsts = range(0, rollouts, CHUNK)
    with processes() as pool:
        parts = [
            [pool.submit(_drive, cell, min(CHUNK, rollouts - first), seed, first) for first in firsts]
            for cell in wanted
        ]
        for chunks in parts:
            yield reduce(Driven.plus, (chunk.result() for chunk in chunks))


def _drive(cell: RealCell, rollouts: int, seed: int, first: int) -> Driven:
    prometheus = Prometheus()
    driven = Driven(cell, Figures(rollouts))
    with serving(prometheus) as url:
        for number in range(first, first + rollouts):
            stop = asyncio.run(_rollout(cell, f"{seed}/real/{cell.cell.name}/{number}", prometheus, url))
            driven.figures.early += stop is not None and stop.minutes < 0
            driven.figures.stops += [stop] if stop is not None and stop.minutes >= 0 else []
    driven.queries, driven.unexpected = prometheus.queries, prometheus.unexpected
    return driven


async def _rollout(real: RealCell, seed: str, prometheus: Prometheus, url: str) -> Stop | None:
    """When the product put the weight back to 0, if it did; before the onset of a harm with minutes below 0."""
    shop, cell = Shop(), real.cell
    service = Service(cell, seed, shop.start, lambda: shop.weight / 100)
    prometheus.shown = (service, shop.clock.now)
    source = PrometheusSource(SOURCE, SourceAddress(url, concurrency=4))
    shop.world = replace(shop.world, metrics=PrometheusSources({SOURCE: source}))
    runner = shop.rollout(_spec(real))
    try:
        await runner.run_until(shop.start + 60 * (cell.minutes + 2), lambda: _over(shop, cell))
    finally:
        source.close()
    service.advance(shop.clock.now())
    if service.traffic_since is None:
        raise AssertionError(f"{cell.name}: the candidate got no traffic: {shop.status.message}")
    if shop.weight or _over_time(shop, cell):
        return None
    back = shop.cluster.history[-1].time
    return Stop(round((back - _raised(shop)) / 60) - cell.onset, service.requests, 0.0)


def _spec(real: RealCell) -> dict[str, Any]:
    selector = 'requests_total{workload="$workload"'
    return spec(
        interval=f"{INTERVAL}s",
        metrics=[
            {
                "name": "errors",
                "ratio": {"bad": selector + ',code=~"5.."}', "total": selector + "}"},
                "window": "2m",
            }
        ],
        guards=[dict(real.guard)],
        steps=[{"name": "canary", "weight": round(100 * real.cell.share), "duration": f"{real.cell.minutes + 60}m"}],
    )


def _raised(shop: Shop) -> float:
    return next(write.time for write in shop.cluster.history if write.rules[0]["checkout-canary"])


def _over(shop: Shop, cell: Cell) -> bool:
    return _over_time(shop, cell) or shop.outcome != ""


def _over_time(shop: Shop, cell: Cell) -> bool:
    return shop.weight > 0 and shop.clock.now() >= _raised(shop) + 60 * cell.minutes
