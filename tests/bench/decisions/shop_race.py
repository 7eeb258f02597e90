"""Tidegate's lines, and the rules of others, on the same runs in a shop: a cell's figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from tests.bench.decisions.lines import Line, Outages, pooled, together, window
from tests.bench.decisions.peer_rules import Argo, Flagger, Kayenta
from tests.bench.decisions.race import Figures, Rule, Stop
from tests.bench.decisions.shop import COMPONENTS, Component, Fault, Noise, Pair, Shop
from tests.bench.decisions.tidegate_rules import ALPHA, Evidence
from tests.bench.decisions.traffic import Minute

ERRORS, AVERAGES, RECOMMENDED, POOLED = "Errors", "Averages", "Recommended", "Errors, pooled"

PEERS: dict[str, Callable[[], Rule]] = {
    "Argo, failureLimit 3": partial(Argo, 3),
    "Flagger, threshold 10": partial(Flagger, 10),
    "Kayenta": Kayenta,
}
"""They look at errors, and at all components as one."""


@dataclass(frozen=True)
class ShopCell:
    """One kind of run in a shop."""

    name: str
    noise: Noise
    fault: Fault | None = None
    components: int = COMPONENTS
    alike: Component | None = None
    """What every component is; drawn where there is none."""
    minutes: int = 180

    @property
    def onset(self) -> int:
        """Minutes until the fault begins; 0 without one."""
        return self.fault.onset if self.fault is not None else 0

    @property
    def rules(self) -> tuple[str, ...]:
        """The names of its columns."""
        return (ERRORS, AVERAGES, RECOMMENDED, *((POOLED,) if self.components > 1 else tuple(PEERS)))


def shop_race(cell: ShopCell, runs: int, seed: int, first: int) -> dict[str, Figures]:
    """Each rule's figures in so many runs; a run goes on until every rule has stopped it, or to its end. `first`: number of the first."""
    found = {name: Figures(runs) for name in cell.rules}
    for number in range(first, first + runs):
        _run(cell, f"{seed}/{cell.name}/{number}", found)
    return found


def _run(cell: ShopCell, seed: str, found: dict[str, Figures]) -> None:
    shop = Shop(cell.noise, seed, cell.fault, cell.components, cell.minutes, cell.alike)
    looking, lines, open_ = {name: make() for name, make in PEERS.items()}, _Lines(shop), set(cell.rules)
    requests = bad = 0.0
    for number, pairs in enumerate(shop.run()):
        all_ = window(together(pairs))
        requests, bad = requests + all_.candidate, bad + all_.candidate_bad
        if number < cell.onset:
            requests = bad = 0.0
        minute = Minute(number, all_, all_.baseline, all_.baseline_bad)
        stopped = lines.look(number, pairs)
        stopped |= {name for name in open_ & PEERS.keys() if looking[name].look(minute, _NO_EVIDENCE)}
        for name in stopped & open_:
            open_.discard(name)
            if number < cell.onset:
                found[name].early += 1
            else:
                found[name].stops.append(Stop(number + 1 - cell.onset, requests, bad))
        if not open_ or (cell.fault is not None and not open_ - {AVERAGES if cell.fault.slower == 1 else ERRORS}):
            return


_NO_EVIDENCE = Evidence()
"""The rules of others look at none."""


class _Lines:
    """What is recommended, by component, and each of its tests alone."""

    def __init__(self, shop: Shop) -> None:
        past = shop.past()
        self._errors, self._averages = (Line(averages=averages, past=past) for averages in (False, True))
        self._outages = Outages(len(past))
        whole = [[together(Pair(one, one) for one in block).baseline for block in zip(*past, strict=True)]]
        self._pooled = Line(averages=False, past=whole) if len(past) > 1 else None

    def look(self, minute: int, pairs: Sequence[Pair]) -> set[str]:
        """The names of those that stop the run at the end of this minute."""
        errors, averages = self._errors.look(minute, pairs), self._averages.look(minute, pairs)
        found = {name for name, shown in ((ERRORS, errors), (AVERAGES, averages)) if shown <= ALPHA}
        if self._outages.look(minute, pairs) or min(errors, averages) <= ALPHA / 2:
            found.add(RECOMMENDED)  # two tests share the chance of a false stop
        if self._pooled is not None and self._pooled.look(minute, pooled(pairs)) <= ALPHA:
            found.add(POOLED)
        return found
