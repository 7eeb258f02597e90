"""Every rule on the same rollouts: a cell's figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tests.bench.decisions.peer_rules import Argo, Flagger, Kayenta
from tests.bench.decisions.tidegate_rules import LIMIT, Evidence, Limited, Plain, Regression, Together
from tests.bench.decisions.traffic import Cell, Minute, minutes, past, seeded
from tests.bench.figures import quantile

SEED = 20_261_121
ROLLOUTS = 2_000


class Rule(Protocol):
    def look(self, minute: Minute, evidence: Evidence) -> bool:
        """Whether it stops the rollout at the end of this minute."""
        ...


RULES: dict[str, Callable[[], Rule]] = {
    "`max`, `for`": lambda: Plain(LIMIT, window=2, lasting=5),
    "`regression` (margin)": Regression,
    "`regression` (limit)": Limited,
    "Recommended": Together,
    "Argo, failureLimit 0": lambda: Argo(0),
    "Argo, failureLimit 3": lambda: Argo(3),
    "Flagger, threshold 10": lambda: Flagger(10),
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


def race(
    cell: Cell, rollouts: int = ROLLOUTS, seed: int = SEED, rules: Mapping[str, Callable[[], Rule]] = RULES
) -> dict[str, Figures]:
    """Each rule's figures; a rollout goes on until every rule has stopped it, or to its end."""
    found = {name: Figures(rollouts) for name in rules}
    for number in range(rollouts):
        _rollout(cell, f"{seed}/{cell.name}/{number}", found, rules)
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
