"""All of this part, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.bench.decisions import bars, cost, real
from tests.bench.decisions.bars import Bar
from tests.bench.decisions.cells import ATTRIBUTED, HARMS, HEALTHY
from tests.bench.decisions.race import ROLLOUTS, SEED, Figures, Rule, races
from tests.bench.decisions.tidegate_rules import Limited, LimitedUnlessBothBroken, LimitedWarm
from tests.bench.decisions.traffic import Cell
from tests.bench.stage import progress

ATTRIBUTIONS: dict[str, type[Rule]] = {
    "only when the candidate is shown worse than the baseline, from the first window on": Limited,
    "only when it is shown worse, the warm-up left out": LimitedWarm,
    "unless the baseline's own test is broken too and the candidate is not shown worse": LimitedUnlessBothBroken,
}
"""When a breach of `regression: {limit}` reverts. The first is the product's (core/trials/limit.py)."""


@dataclass
class Decided:
    rollouts: int
    healthy: dict[str, dict[str, Figures]] = field(default_factory=dict)
    harms: dict[str, dict[str, Figures]] = field(default_factory=dict)
    attributed: dict[str, dict[str, Figures]] = field(default_factory=dict)
    driven: list[real.Driven] = field(default_factory=list)
    judgements: dict[str, float] = field(default_factory=dict)
    tick: float = 0.0
    bars: list[Bar] = field(default_factory=list)


def decided(
    rollouts: int = ROLLOUTS,
    real_rollouts: int = real.ROLLOUTS,
    real_cells: Iterable[real.RealCell] = real.REAL,
    seed: int = SEED,
) -> Decided:
    """Every cell by every rule; `real_rollouts` of each of the real cells."""
    found = Decided(rollouts)
    found.judgements, found.tick = cost.judgements(seed), cost.ticks()
    found.driven = real.drive(real_cells, real_rollouts, seed)
    found.healthy = dict(_raced(HEALTHY, rollouts, seed))
    found.harms = dict(_raced(HARMS, rollouts, seed))
    found.attributed = dict(races(ATTRIBUTED, rollouts, seed, ATTRIBUTIONS))
    found.bars = [
        *bars.bars(found.healthy, found.harms, max(found.judgements.values())),
        *(bars.driven(one) for one in found.driven if one.cell.cell.healthy),
    ]
    return found


def _raced(cells: Iterable[Cell], rollouts: int, seed: int) -> Iterable[tuple[str, dict[str, Figures]]]:
    for name, figures in races(cells, rollouts, seed):
        progress(f"{rollouts} rollouts: {name}")
        yield name, figures
