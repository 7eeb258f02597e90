"""A shop of many components, minute by minute, with the noise of a real one: what the tests by segment must bear.

Errors come in clumps, rates and durations wander from minute to minute in each arm by itself, two arms are never quite alike, single
minutes spike, pods are cold at first, some components are idle or fail always, traffic moves between them, and an incident may strike
both arms. Every chance is of a given seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from tests.bench.decisions.traffic import PAST, clumped, poisson, seeded

COMPONENTS: Final = 41
COLD: Final = 3
"""Minutes in which a new pod is slower, and fails more."""
INCIDENT: Final = 15
"""Minutes."""
EXACT: Final = 40
"""Requests up to which each one's duration is drawn."""


@dataclass(frozen=True)
class Noise:
    """What makes a healthy shop look ill."""

    name: str
    clump: tuple[float, float] = (1.0, 4.0)
    """A component's errors come in clumps of a mean size between these."""
    rates: float = 0.2
    """Standard deviation of the logarithm of an arm's error rate, from minute to minute."""
    averages: float = 0.2
    """Of its durations."""
    memory: float = 0.5
    """How much of a deviation is left a minute later."""
    apart: float = 0.08
    """Standard deviation of the logarithm by which the candidate's durations differ throughout: other nodes, warmer caches."""
    spikes: float = 1 / 1000
    """Chance that a minute of one arm of a component spikes: 5 to 50 % errors, or 5 to 50 times the duration."""
    cold: float = 3.0
    """How much worse the candidate is while it is cold."""
    idle: float = 0.1
    """Share of the components that get two requests an hour."""
    failing: float = 0.03
    """Share of the components of which every request fails, in both arms."""
    incidents: float = 0.3
    """Chance that a run has an incident of both arms of one component: 5 to 20 times the duration and 30 % errors."""
    moving: float = 0.02
    """Standard deviation of the logarithm of what an arm's traffic of a component changes by in a minute."""
    pareto: bool = False
    """Durations have a Pareto tail (of index 2.1), else a lognormal one."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one component of the candidate."""

    name: str
    errors: float = 0.0
    """Share of its requests that fail besides, 0-1."""
    times: float = 1.0
    """Its error rate as a multiple of what it was."""
    slower: float = 1.0
    """Its durations as a multiple of what they were."""
    onset: int = 0
    """Minutes."""


@dataclass(frozen=True)
class Arm:
    """What one arm of a component did in some time."""

    requests: float = 0.0
    bad: float = 0.0
    took: float = 0.0
    """Seconds, of all requests together."""

    def plus(self, other: Arm) -> Arm:
        """Both together."""
        return Arm(self.requests + other.requests, self.bad + other.bad, self.took + other.took)


NOTHING: Final = Arm()


@dataclass(frozen=True)
class Pair:
    baseline: Arm
    candidate: Arm


@dataclass(frozen=True)
class Component:
    rate: float
    """Requests a second to both arms."""
    share: float
    """The candidate's, 0-1."""
    errors: float
    """Its error rate, 0-1."""
    clump: float
    duration: float
    """Seconds, on average."""
    spread: float
    """Standard deviation of the logarithm of one request's duration."""


class Wandering:
    """A logarithm that wanders about 0 (autoregressive, of order 1)."""

    def __init__(self, deviation: float, memory: float, chance: random.Random) -> None:
        self._deviation, self._memory, self._chance = deviation, memory, chance
        self._now = chance.gauss(0, deviation)

    def over(self, minutes: float) -> float:
        """What it multiplies with, on average over so many further minutes."""
        return sum(math.exp(self._next()) for _ in range(round(minutes))) / round(minutes)

    def _next(self) -> float:
        new = math.sqrt(1 - self._memory**2) * self._chance.gauss(0, self._deviation)
        self._now = self._memory * self._now + new
        return self._now


@dataclass
class _Noisy:
    """What wanders in one arm of one component."""

    errors: Wandering
    durations: Wandering
    traffic: float = 0.0


@dataclass
class Shop:
    """One run in it."""

    noise: Noise
    seed: str
    fault: Fault | None = None
    components: int = COMPONENTS
    minutes: int = 180
    alike: Component | None = None
    """What every component is; drawn where there is none."""
    all: list[Component] = field(init=False)
    victim: int = field(init=False, default=-1)
    """The component with the fault."""

    def __post_init__(self) -> None:
        self._chance = chance = seeded(self.seed)
        self.all = [self._component() for _ in range(self.components)]
        if self.fault is not None:
            self.victim = chance.choice(self._fit())
        deviation = self.noise.averages
        self._noisy = [
            tuple(
                _Noisy(
                    Wandering(self.noise.rates, self.noise.memory, chance),
                    Wandering(deviation * chance.uniform(0.3, 1), self.noise.memory, chance),
                )
                for _ in range(2)
            )
            for _ in self.all
        ]
        self._apart = [chance.gauss(0, self.noise.apart) for _ in self.all]
        struck = chance.random() < self.noise.incidents
        self._incident = (chance.randrange(self.components), chance.randrange(10, 100)) if struck else (-1, 0)
        self._how_slow = chance.choice((5.0, 20.0))

    def _component(self) -> Component:
        if self.alike is not None:
            return self.alike
        chance, kind = self._chance, self._chance.random()
        rate = 1 / 1800 if kind < self.noise.idle else _log_uniform(0.1, 50, chance)
        failing = kind > 1 - self.noise.failing
        usual = 0.0 if chance.random() < 0.4 else _log_uniform(1e-4, 2e-2, chance)
        return Component(
            rate,
            chance.choice((0.5, 0.5, 0.3, 0.1)),
            1.0 if failing else usual,
            chance.uniform(*self.noise.clump),
            _log_uniform(0.003, 0.5, chance),
            chance.choice((0.5, 1.0, 1.5)),
        )

    def _fit(self) -> list[int]:
        """Components that a fault can be seen in: with a request a second or more, and above the floors once they have it."""
        fault = self.fault
        assert fault is not None
        fit = [
            place
            for place, one in enumerate(self.all)
            if one.rate >= 1
            and one.errors < 0.5
            and (fault.slower == 1 or one.duration >= 0.05)
            and (fault.times == 1 or one.errors >= 0.001)
        ]
        return fit or [0]

    def past(self) -> list[list[Arm]]:
        """The baseline of each component in each block of five minutes before the run, in which it gets all requests."""
        return [[self._arm(place, -1, 0, 5.0) for _ in range(PAST)] for place in range(self.components)]

    def run(self) -> Iterator[list[Pair]]:
        """Each minute: the components' arms."""
        for minute in range(self.minutes):
            yield [Pair(*(self._arm(place, minute, arm) for arm in range(2))) for place in range(self.components)]

    def _arm(self, place: int, minute: int, arm: int, length: float = 1.0) -> Arm:
        one, noisy, chance, noise = self.all[place], self._noisy[place][arm], self._chance, self.noise
        share = one.share if arm else 1 - one.share if minute >= 0 else 1.0
        if minute >= 0:
            noisy.traffic += chance.gauss(0, noise.moving)
        requests = 60 * length * one.rate * share * math.exp(noisy.traffic)
        rate, duration = one.errors, one.duration * noisy.durations.over(length)
        if rate < 0.5:
            rate *= noisy.errors.over(length) * math.exp(-(noise.rates**2) / 2)
        if arm:
            duration *= math.exp(self._apart[place])
        if chance.random() < noise.spikes * length:
            rate += chance.uniform(0.05, 0.5) / length
        if chance.random() < noise.spikes * length:
            duration *= 1 + (_log_uniform(5, 50, chance) - 1) / length
        if place == self._incident[0] and 0 <= minute - self._incident[1] < INCIDENT:
            rate, duration = rate + 0.3, duration * self._how_slow
        if arm and minute < COLD:
            rate, duration = rate * noise.cold, duration * noise.cold
        if arm and place == self.victim and self.fault is not None and minute >= self.fault.onset:
            rate, duration = rate * self.fault.times + self.fault.errors, duration * self.fault.slower
        return self._drawn(one, requests, min(rate, 1.0), duration)

    def _drawn(self, one: Component, requests: float, rate: float, duration: float) -> Arm:
        chance = self._chance
        bad = clumped(requests * rate, one.clump if rate < 0.3 else 1.0, chance)
        count = bad + poisson(requests * (1 - rate), chance)
        return Arm(float(count), float(bad), count * self._average(count, duration, one.spread)) if count else NOTHING

    def _average(self, count: int, mean: float, spread: float) -> float:
        """Seconds, of so many requests."""
        chance = self._chance
        if self.noise.pareto:
            return mean * _pareto(count, chance)
        if count <= EXACT:
            return mean * sum(math.exp(chance.gauss(-(spread**2) / 2, spread)) for _ in range(count)) / count
        square = math.log1p(math.expm1(spread**2) / count)  # a lognormal of the same mean and variance
        return mean * math.exp(chance.gauss(-square / 2, math.sqrt(square)))


_INDEX: Final = 2.1
_LARGEST: Final = 10


def _pareto(count: int, chance: random.Random) -> float:
    """The average of so many draws of mean 1; of many, the largest are drawn and the others put at their mean."""
    mean = _INDEX / (_INDEX - 1)
    if count <= EXACT:
        return sum((1 - chance.random()) ** (-1 / _INDEX) for _ in range(count)) / count / mean
    rank, largest = 0.0, 0.0
    for _ in range(_LARGEST):
        rank += chance.expovariate(1)
        largest += (rank / count) ** (-1 / _INDEX)
    others = count * (1 - (_LARGEST / count) ** (1 - 1 / _INDEX))
    return largest / count / mean + others / count


def _log_uniform(low: float, high: float, chance: random.Random) -> float:
    return math.exp(chance.uniform(math.log(low), math.log(high)))
