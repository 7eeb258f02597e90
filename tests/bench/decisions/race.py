"""Every rule on the same rollouts: a cell's figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Protocol, TypeAlias, TypeVar

from tests.bench.decisions.peer_rules import Argo, Flagger, Kayenta
from tests.bench.decisions.tidegate_rules import LIMIT, Evidence, Limited, Plain, Regression, Together
from tests.bench.decisions.traffic import Cell, Minute, minutes, past, seeded
from tests.bench.figures import quantile
from tidegate.cli.backtest.workers import ends_with_command

SEED = 20_261_128
ROLLOUTS = 2_000


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Rule(Protocol):
    def look(self, minute: Minute, evidence: Evidence) -> bool:
        """Whether it stops the rollout at the end of this minute."""
        ...


CHUNK = 50
"""Rollouts that a process is given at once."""

RULES: dict[str, Callable[[], Rule]] = {
    "`max`, `for`": partial(Plain, LIMIT, window=2, lasting=5),
    "`regression` (margin)": Regression,
    "`regression` (limit)": Limited,
    "Recommended": Together,
    "Argo, failureLimit 0": partial(Argo, 0),
    "Argo, failureLimit 3": partial(Argo, 3),
    "Flagger, threshold 10": partial(Flagger, 10),
    "Kayenta": Kayenta,
}
PLAIN, MARGIN, LIMITED, TOGETHER = list(RULES)[:4]


@dataclass(frozen=True)
class Stop:
    minutes: int
    """From the onset of the harm (of the rollout, for a healthy one) to the end of the minute in which it was stopped."""
    requests: float
    """The candidate's, from the onset."""
    bad: float


@dataclass
class Figures:
    """What one rule did in one cell."""

    rollouts: int
    stops: list[Stop] = field(default_factory=list)
    early: int = 0
    """Stopped before the onset of the harm: false, and not found."""

    @property
    def stopped(self) -> float:
        """The share of rollouts that were stopped, at or after the onset."""
        return len(self.stops) / self.rollouts

    @property
    def too_early(self) -> float:
        return self.early / self.rollouts

    def median(self, of: Callable[[Stop], float]) -> float:
        return quantile([of(stop) for stop in self.stops], 0.5)

    def plus(self, other: Figures) -> Figures:
        """Of further rollouts of the same cell."""
        return Figures(self.rollouts + other.rollouts, self.stops + other.stops, self.early + other.early)


Rules: TypeAlias = Mapping[str, Callable[[], Rule]]
T = TypeVar("T", bound="Named")
"""A kind of cell."""


def race(
    cell: Cell, rollouts: int = ROLLOUTS, seed: int = SEED, first: int = 0, rules: Rules = RULES
) -> dict[str, Figures]:
    """Each rule's figures; a rollout goes on until every rule has stopped it, or to its end. `first`: number of the first one."""
    found = {name: Figures(rollouts) for name in rules}
    for number in range(first, first + rollouts):
        _rollout(cell, f"{seed}/{cell.name}/{number}", found, rules)
    return found


def races(
    cells: Sequence[T], run: Callable[[T, int, int, int], dict[str, Figures]], rollouts: int, seed: int = SEED
) -> Iterator[tuple[T, dict[str, Figures]]]:
    """Each cell's figures, on every core: a rollout's chances depend on its number alone, so the figures do not.

    Args:
        cells: of one kind.
        run: the figures of some rollouts of a cell, by the cell, how many, the seed, and the number of the first one.
        rollouts: of each cell.
        seed: of all.
    """
    if rollouts <= CHUNK:
        yield from ((cell, run(cell, rollouts, seed, 0)) for cell in cells)
        return
    firsts = range(0, rollouts, CHUNK)
    with processes() as pool:
        parts = [
            (cell, [pool.submit(run, cell, min(CHUNK, rollouts - first), seed, first) for first in firsts])
            for cell in cells
        ]
        for cell, chunks in parts:
            yield cell, _together(chunk.result() for chunk in chunks)


def processes() -> ProcessPoolExecutor:
    """One for each core; they end with this one, however it ends."""
    return ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), ends_with_command)


def _together(parts: Iterable[dict[str, Figures]]) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for part in parts:
        found = {name: found[name].plus(one) if name in found else one for name, one in part.items()}
    return found


def _rollout(cell: Cell, seed: str, found: dict[str, Figures], rules: Mapping[str, Callable[[], Rule]]) -> None:
    evidence = Evidence(past(cell, seeded(f"{seed}/past")))
    looking = {name: make() for name, make in rules.items()}
    requests = bad = 0.0
    for minute in minutes(cell, seeded(seed), seeded(f"{seed}/control")):
        if minute.number >= cell.onset:
            requests += minute.window.candidate
            bad += minute.window.candidate_bad
        evidence.see(minute)
        for name in [name for name, rule in looking.items() if rule.look(minute, evidence)]:
            del looking[name]
            if minute.number < cell.onset:
                found[name].early += 1
            else:
                found[name].stops.append(Stop(minute.number + 1 - cell.onset, requests, bad))
        if not looking:
            return
