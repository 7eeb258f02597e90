"""All of this part, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from tests.bench.decisions import bars, cost, real
from tests.bench.decisions.bars import Bar
from tests.bench.decisions.cells import ATTRIBUTED, HARMS, HEALTHY
from tests.bench.decisions.race import ROLLOUTS, SEED, Figures, Rule, T, race, races
from tests.bench.decisions.shop_cells import FRONT_KINDS, KINDS
from tests.bench.decisions.shop_race import ShopCell, shop_race
from tests.bench.decisions.tidegate_rules import Limited, LimitedUnlessBothBroken, LimitedWarm
from tests.bench.stage import progress

ATTRIBUTIONS: dict[str, type[Rule]] = {
    "only when the candidate is shown worse than the baseline, from the first window on": Limited,
    "only when it is shown worse, the warm-up left out": LimitedWarm,
    "unless the baseline's own test is broken too and the candidate is not shown worse": LimitedUnlessBothBroken,
}
"""When a breach of `regression: {limit}` reverts. The first is the product's (core/count_tests/regression.py)."""


FEWER = 10
"""By how much fewer runs of a shop of 41 components are simulated than of the other cells."""


@dataclass
class Decided:
    rollouts: int
    healthy: dict[str, dict[str, Figures]] = field(default_factory=dict)
    harms: dict[str, dict[str, Figures]] = field(default_factory=dict)
    attributed: dict[str, dict[str, Figures]] = field(default_factory=dict)
    shops: dict[str, dict[str, dict[str, Figures]]] = field(default_factory=dict)
    """By kind of cell (`shop_cells.KINDS`), cell and rule."""
    driven: list[real.Driven] = field(default_factory=list)
    judgements: dict[str, float] = field(default_factory=dict)
    by_segment: dict[str, float] = field(default_factory=dict)
    tick: float = 0.0
    bars: list[Bar] = field(default_factory=list)


def decided(
    rollouts: int = ROLLOUTS,
    real_rollouts: int = real.ROLLOUTS,
    real_cells: Iterable[real.RealCell] = real.REAL,
    shops: Mapping[str, Sequence[ShopCell]] = KINDS,
    seed: int = SEED,
) -> Decided:
    """Every cell by every rule; `real_rollouts` of each of the real cells."""
    found = Decided(rollouts)
    found.judgements, found.by_segment, found.tick = cost.judgements(seed), cost.by_segment(seed), cost.ticks()
    for driven in real.drive(real_cells, real_rollouts, seed):
        found.driven.append(driven)
        progress(f"{real_rollouts} rollouts of the operator: {driven.cell.rule}, {driven.cell.cell.name}")
    found.healthy = _raced(HEALTHY, race, rollouts, seed)
    found.harms = _raced(HARMS, race, rollouts, seed)
    found.attributed = _raced(ATTRIBUTED, partial(race, rules=ATTRIBUTIONS), rollouts, seed)
    for kind, cells in shops.items():
        runs = rollouts if kind in FRONT_KINDS else max(rollouts // FEWER, 1)
        found.shops[kind] = _raced(cells, shop_race, runs, seed)
    found.bars = [
        *bars.bars(found.healthy, found.harms, max(found.judgements.values())),
        *bars.of_shops(found.shops, max(found.by_segment.values())),
        *(bars.driven(one) for one in found.driven if one.cell.cell.healthy),
    ]
    return found


def _raced(
    cells: Sequence[T], run: Callable[[T, int, int, int], dict[str, Figures]], rollouts: int, seed: int
) -> dict[str, dict[str, Figures]]:
    found = {}
    for cell, figures in races(cells, run, rollouts, seed):
        found[cell.name] = figures
        progress(f"{rollouts} rollouts: {cell.name}")
    return found
