"""The shop's chances are what its noise says, and a fault is where it should be."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import mean, stdev

import pytest

from tests.bench.decisions.bounds import Bound, bound, of_durations
from tests.bench.decisions.lines import Line, Outages, together, window
from tests.bench.decisions.race import SEED
from tests.bench.decisions.shop import INCIDENT, Arm, Component, Fault, Noise, Pair, Shop
from tests.bench.decisions.shop_cells import FRONT_FAULTS, FRONTS
from tests.bench.decisions.shop_race import AVERAGES, ERRORS, RECOMMENDED, ShopCell, shop_race
from tests.bench.decisions.tidegate_rules import WARM_UP
from tests.bench.decisions.traffic import seeded

STILL = Noise("still", (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""Independent requests, and nothing else."""
BUSY = Component(100.0, 0.5, 0.01, 1.0, 0.1, 0.5)


def minutes(noise: Noise, fault: Fault | None = None, length: int = 60, one: Component = BUSY) -> list[Pair]:
    return [pairs[0] for pairs in Shop(noise, "test", fault, 1, length, one).run()]


def rates(arms: list[Arm]) -> list[float]:
    return [one.bad / one.requests for one in arms]


def test_without_noise_both_arms_are_the_component() -> None:
    whole = together(minutes(STILL))
    for arm in (whole.baseline, whole.candidate):
        assert arm.requests == pytest.approx(60 * 60 * 50, rel=0.02)
        assert arm.bad / arm.requests == pytest.approx(0.01, rel=0.1)
        assert arm.took / arm.requests == pytest.approx(0.1, rel=0.02)
    (past,) = Shop(STILL, "test", None, 1, 60, BUSY).past()
    assert mean(one.requests for one in past) == pytest.approx(300 * 100, rel=0.01), "the baseline has all of them"


@pytest.mark.parametrize(
    ("noise", "wider"),
    [(replace(STILL, clump=(4.0, 4.0)), 1.5), (replace(STILL, rates=0.5), 2.0), (replace(STILL, spikes=0.1), 5.0)],
)
def test_noise_makes_rates_vary(noise: Noise, wider: float) -> None:
    one = replace(BUSY, clump=noise.clump[0])
    still, noisy = (
        rates([pair.baseline for pair in minutes(each, None, 300, one_)])
        for each, one_ in ((STILL, BUSY), (noise, one))
    )
    assert stdev(noisy) > wider * stdev(still)


@pytest.mark.parametrize("pareto", [False, True])
def test_few_and_many_durations_have_one_mean(*, pareto: bool) -> None:
    for rate, length in ((0.2, 3000), (100.0, 200)):
        one = replace(BUSY, rate=rate)
        whole = together(minutes(replace(STILL, pareto=pareto), None, length, one))
        assert whole.candidate.took / whole.candidate.requests == pytest.approx(0.1, rel=0.15)


def test_a_fault_is_the_candidates_from_its_onset_and_an_incident_strikes_both() -> None:
    seen = minutes(STILL, Fault("", errors=0.2, slower=3, onset=30))
    for pair in seen[:30]:
        assert pair.candidate.bad / pair.candidate.requests < 0.03
    for pair in seen[30:]:
        assert pair.candidate.bad / pair.candidate.requests > 0.15
        assert pair.candidate.took / pair.candidate.requests > 0.2
        assert pair.baseline.bad / pair.baseline.requests < 0.03
    struck = [pair for pair in minutes(replace(STILL, incidents=1.0), length=130) if pair.baseline.bad > 300]
    assert len(struck) == INCIDENT
    assert all(pair.candidate.bad > 300 for pair in struck)


def test_an_outage_of_one_component_breaks_its_plain_limit_and_one_of_both_arms_none() -> None:
    good, down = Arm(100, 0, 1), Arm(100, 90, 1)
    alone, alike, silent = Outages(2), Outages(2), Outages(2)
    seen = [
        (
            alone.look(minute, [Pair(good, good), Pair(good, down)]),
            alike.look(minute, [Pair(good, good), Pair(down, down)]),
            silent.look(minute, [Pair(good, good), Pair(Arm(), down)]),
        )
        for minute in range(4)
    ]
    assert [alone for alone, _, _ in seen] == [False, False, True, True]
    assert not any(alike or silent for _, alike, silent in seen)


def test_the_products_tests_are_driven_by_component() -> None:
    good, bad = Pair(Arm(500, 1, 50), Arm(500, 1, 50)), Pair(Arm(500, 1, 50), Arm(500, 50, 250))
    past = [[Arm(2500, 5, 250)] * 72] * 2
    for averages in (False, True):
        line = Line(averages=averages, past=past)
        shown = [line.look(minute, [good, bad if minute > 4 else good]) for minute in range(10)]
        assert shown[4] > 0.05 >= shown[-1]
    assert window(bad).candidate_bad == 50


def test_a_few_runs_at_the_front_are_the_same_for_the_same_seed() -> None:
    healthy, ill = FRONTS[0], next(cell for cell in FRONT_FAULTS if cell.name == "100 % errors, 10/s")
    assert shop_race(healthy, 2, SEED, 0) == shop_race(healthy, 2, SEED, 0)
    found = shop_race(ill, 2, SEED, 0)
    assert found[ERRORS].stopped == found[RECOMMENDED].stopped == 1
    assert found[AVERAGES].stopped == 0


def of_a_fault(fault: Fault, one: Component = BUSY, noise: Noise = STILL) -> Bound:
    return bound(ShopCell("", noise, fault, 1, one), SEED)


def test_no_test_finds_more_of_what_is_tolerated_than_its_level() -> None:
    for fault in (Fault("", slower=1.2 + 1e-9), Fault("", times=1.2)):
        assert of_a_fault(fault).found == pytest.approx(0.025, rel=1e-3), fault
        assert of_a_fault(fault).minutes is None


def test_more_of_a_fault_is_found_sooner_by_any_test() -> None:
    noise = replace(STILL, averages=0.5, memory=0.5, apart=0.1)
    for smaller, larger in (
        (Fault("", slower=1.5), Fault("", slower=3)),
        (Fault("", times=1.5), Fault("", times=5)),
    ):
        less, more = (of_a_fault(fault, replace(BUSY, rate=2.0, clump=4.0), noise) for fault in (smaller, larger))
        assert less.found < more.found
        assert more.minutes is not None
        assert less.minutes is None or less.minutes > more.minutes
    late = of_a_fault(Fault("", slower=3, onset=120), BUSY, noise)
    assert late.minutes is not None
    assert late.minutes < WARM_UP, "nothing is left out when the fault begins later"


def test_of_normal_durations_it_is_what_a_simulated_test_finds() -> None:
    """Ten independent minutes with a known deviation of the mean logarithm: the test at 2.5 % of the sum."""
    chance, noise = seeded("bound"), replace(STILL, averages=0.5)
    one = replace(BUSY, rate=1e9)
    deviation = 0.5 * 1.3 / 2 / math.sqrt(7)
    level = math.log(1.2) + 1.959964 * deviation
    found = mean(chance.gauss(math.log(1.5), deviation) > level for _ in range(20_000))
    assert of_durations(one, noise, Fault("", slower=1.5), 7, 0.025) == pytest.approx(found, abs=0.015)
