"""What a test could do on the runs in a shop that knew what it must learn: what a bar that is missed is to be read beside.

By the lemma of J. Neyman and E. Pearson (1933) no test of a level finds more than the likelihood ratio's, with one look after a
given time. It is given what no test has: the component's own rates and noise, the instant at which the fault begins, and clusters of
errors seen as such. The bars' tests must learn all of this, look every minute, and bear spikes and incidents. Durations are taken
for normal in the logarithm, with the autocorrelation and the difference of the arms that the shop draws; spikes and incidents are left
out. That lasting difference is taken for noise, while a run in which it points upwards counts as found: so for durations it is a
yardstick, no strict bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import mean

from scipy.stats import norm, poisson

from tests.bench.decisions.lines import FLOOR
from tests.bench.decisions.shop import Component, Fault, Noise, Shop
from tests.bench.decisions.shop_race import ShopCell
from tests.bench.decisions.tidegate_rules import ALPHA, MARGIN, WARM_UP

HOUR = 60
SHOPS = 200
"""How many are drawn, each with a component that has the fault."""
LEAST_NOISE = 0.3
"""A component's durations vary by this to 1 times the shop's deviation: the middle is taken."""


@dataclass(frozen=True)
class Bound:
    found: float
    """Share within an hour."""
    minutes: int | None
    """Until one half is found; `None` where that is never."""

    @property
    def words(self) -> str:
        """Such as `98 %, 7 min`."""
        after = f", {self.minutes} min" if self.minutes is not None else ""
        return f"{100 * self.found:.0f} %{after}"


@cache
def bound(cell: ShopCell, seed: int) -> Bound:
    """Of a cell with a fault, of durations or else of errors; its line has half of the chance of a false stop."""
    fault = cell.fault
    assert fault is not None
    shops = [
        Shop(cell.noise, f"{seed}/bound/{number}", fault, cell.components, 1, cell.alike) for number in range(SHOPS)
    ]
    ill = [shop.all[shop.victim] for shop in shops]
    power = of_durations if fault.slower > 1 else of_errors
    cold = WARM_UP if cell.onset < WARM_UP else 0
    alpha = ALPHA / 2 / cell.components
    shares = [
        mean(power(one, cell.noise, fault, minutes, alpha) for one in ill) for minutes in range(1, HOUR - cold + 1)
    ]
    half = next((place + cold for place, share in enumerate(shares, start=1) if share >= 0.5), None)
    return Bound(shares[-1], half)


def of_durations(one: Component, noise: Noise, fault: Fault, minutes: int, alpha: float) -> float:
    """Of the mean logarithm over so many minutes against the baseline's true level, 20 % more of which is tolerated."""
    deviation = noise.averages * (1 + LEAST_NOISE) / 2
    lags = sum((1 - lag / minutes) * noise.memory**lag for lag in range(1, minutes))
    wandering = deviation**2 * (1 + 2 * lags) / minutes
    requests = 60 * one.rate * one.share * minutes
    variance = wandering + math.expm1(one.spread**2) / requests + noise.apart**2
    return float(norm.cdf(math.log(fault.slower / (1 + MARGIN)) / math.sqrt(variance) - norm.isf(alpha)))


def of_errors(one: Component, noise: Noise, fault: Fault, minutes: int, alpha: float) -> float:
    """Of the number of clusters in so many minutes: randomized, so that its level is exactly alpha."""
    del noise
    requests = 60 * one.rate * one.share * minutes
    tolerated = requests * max(one.errors * (1 + MARGIN), FLOOR) / one.clump
    there = requests * min(one.errors * fault.times + fault.errors, 1) / one.clump
    most = poisson.isf(alpha, tolerated)
    left = (alpha - poisson.sf(most, tolerated)) / poisson.pmf(most, tolerated)
    return float(poisson.sf(most, there) + left * poisson.pmf(most, there))
