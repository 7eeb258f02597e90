"""Requests and errors of a rollout, minute by minute, by chance of a given seed.

Requests arrive as a Poisson process and each is bad with the arm's rate of that minute; good and bad ones are then two
independent Poisson counts, which is how they are drawn.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tidegate.core.statistics.windows import Window

DAY = 24 * 60
"""Minutes."""
_SMALL = 12.0
"""Means up to which a count is drawn by adding up probabilities."""


class Minute(NamedTuple):
    number: int
    """From 0."""
    window: Window
    """Candidate and baseline: what is left of the traffic."""
    control: float
    """Requests of a control arm of the candidate's own size and of the baseline's version, which only Kayenta's rule looks at."""
    control_bad: float


@dataclass(frozen=True)
class Cell:
    """One kind of rollout."""

    name: str
    candidate: float
    """Requests a second to the candidate."""
    base: float = 0.005
    """The baseline's error rate, 0-1."""
    share: float = 0.05
    """The candidate's share of the traffic."""
    ratio: float = 1.0
    """The candidate's rate as a multiple of the baseline's, while it is worse; infinite for an outage."""
    worse_from: int = 0
    """Minutes."""
    worse_until: int = DAY
    """Minutes."""
    shared: float = 1.0
    """What an incident multiplies the rates of both arms with, from `SHARED_FROM` to `SHARED_UNTIL`."""
    wave: bool = False
    """A daily wave: traffic from 0.2 to 1.8 times its mean, rates from 0.4 to 1.6 times theirs, a quarter of a day apart."""
    noise: float = 0.0
    """Coefficient of variation of each arm's rate from minute to minute, each arm by itself (gamma)."""
    clump: float = 1.0
    """Bad requests come in clumps of this mean size (geometric): batches, and clients that try again."""
    storms: float = 0.0
    """Chance that a minute of an arm, each arm by itself, is a retry storm with `STORM` times the bad requests."""
    spikes: float = 0.0
    """Chance that in a minute of an arm, each arm by itself, `SPIKE` of the requests are bad besides."""
    minutes: int = 60
    healthy: bool = True

    @property
    def onset(self) -> int:
        """Minutes until a harm begins."""
        return 0 if self.healthy else self.worse_from


SHARED_FROM, SHARED_UNTIL = 20, 35
STORM = 5.0
SPIKE = 0.3
PAST = 72
"""Blocks of five minutes before a rollout: six hours."""


def seeded(seed: int | str) -> random.Random:
    """Chances that are the same for the same seed."""
    return random.Random(seed)  # noqa: S311  (a simulation, no secret)


def minutes(cell: Cell, chance: random.Random, control: random.Random) -> Iterator[Minute]:
    """A rollout's minutes; the control arm has chances of its own, so that nobody else's figures depend on it."""
    for number in range(cell.minutes):
        requests, base = levels(cell, number)
        own = base * (cell.ratio if cell.worse_from <= number < cell.worse_until else 1.0)
        candidate, candidate_bad = _counts(cell, requests, own, chance)
        baseline, baseline_bad = _counts(cell, requests * (1 - cell.share) / cell.share, base, chance)
        window = Window(baseline, baseline_bad, candidate, candidate_bad)
        yield Minute(number, window, *_counts(cell, requests, base, control))


def past(cell: Cell, chance: random.Random) -> Iterator[tuple[float, float]]:
    """The baseline's requests and bad ones in each block before the rollout, in which it is as the baseline always is."""
    for _ in range(PAST):
        each = [_counts(cell, 60 * cell.candidate * (1 - cell.share) / cell.share, cell.base, chance) for _ in range(5)]
        yield sum(total for total, _ in each), sum(bad for _, bad in each)


def levels(cell: Cell, number: int) -> tuple[float, float]:
    """The candidate's expected requests in this minute, and the rate of an arm that is as the baseline."""
    requests, base = 60 * cell.candidate, cell.base
    if cell.wave:
        turn = 2 * math.pi * number / DAY
        requests *= 1 + 0.8 * math.sin(turn)
        base *= 1 + 0.6 * math.cos(turn)
    if SHARED_FROM <= number < SHARED_UNTIL:
        base *= cell.shared
    return requests, base


def noisy(noise: float, chance: random.Random) -> float:
    """By how much an arm's rate differs from its mean in one minute (gamma); `noise`: coefficient of variation."""
    return chance.gammavariate(1 / noise**2, noise**2) if noise else 1.0


def _counts(cell: Cell, requests: float, rate: float, chance: random.Random) -> tuple[float, float]:
    storm = STORM if cell.storms and chance.random() < cell.storms else 1.0
    spike = SPIKE if cell.spikes and chance.random() < cell.spikes else 0.0
    rate = min(rate * noisy(cell.noise, chance) * storm + spike, 1.0)
    bad = clumped(requests * rate, cell.clump, chance)
    return float(bad + poisson(requests * (1 - rate), chance)), float(bad)


def clumped(mean: float, clump: float, chance: random.Random) -> int:
    """A count with this mean in clumps of this mean size: a Poisson number of geometric ones."""
    if clump == 1:
        return poisson(mean, chance)
    found = 0
    for _ in range(poisson(mean / clump, chance)):
        found += 1 + math.floor(math.log(1 - chance.random()) / math.log(1 - 1 / clump))
    return found


def poisson(mean: float, chance: random.Random) -> int:
    """A Poisson count: by inversion for a small mean, else by W. Hoermann's transformed rejection (PTRS, 1993)."""
    if mean <= _SMALL:
        left, term, count = chance.random(), math.exp(-mean), 0
        while left > term and count < 200:
            left -= term
            count += 1
            term *= mean / count
        return count
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    surely = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = chance.random() - 0.5, chance.random()
        us = 0.5 - abs(u)
        if us <= 0:
            continue
        count = math.floor((2 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= surely:
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse / (a / us**2 + b)) <= count * math.log(mean) - mean - math.lgamma(count + 1):
            return count
