"""The runs in a shop that are simulated."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tests.bench.decisions.shop import Component, Fault, Noise
from tests.bench.decisions.shop_race import ShopCell

USUAL: Final = Noise("usual noise")
NOISES: Final = (
    USUAL,
    replace(USUAL, name="errors in clumps of 2", clump=(2.0, 2.0)),
    replace(USUAL, name="errors in clumps of 8", clump=(8.0, 8.0)),
    replace(USUAL, name="rates that vary by 50 % from minute to minute", rates=0.5),
    replace(USUAL, name="rates and durations that vary over ten minutes", memory=0.9),
    replace(USUAL, name="durations that vary by 50 %", averages=0.5),
    replace(USUAL, name="durations with a Pareto tail", pareto=True),
    replace(USUAL, name="arms 10 % apart", apart=0.1),
    replace(USUAL, name="a spike each 200 minutes", spikes=1 / 200),
    replace(USUAL, name="mixes that drift", moving=0.1),
    replace(USUAL, name="an incident in every run", incidents=1.0),
)
"""Of healthy runs; components are quiet and busy, idle and failing in each."""

_LATE: Final = 120
FAULTS: Final = (
    *(Fault(f"{times:g} times the errors", times=times) for times in (1.5, 2, 5, 20)),
    *(Fault(f"{100 * errors:g} % errors", errors=errors) for errors in (0.02, 0.1, 1)),
    *(Fault(f"{slower:g} times the duration", slower=slower) for slower in (1.2, 1.5, 2, 5)),
    Fault("5 times the errors after 2 h", times=5, onset=_LATE),
    Fault("10 % errors after 2 h", errors=0.1, onset=_LATE),
    Fault("all fail after 2 h", errors=1, onset=_LATE),
    *(Fault(f"{slower:g} times the duration after 2 h", slower=slower, onset=_LATE) for slower in (1.2, 1.5, 2, 5)),
)

_FRONT: Final = {rate: Component(2.0 * rate, 0.5, 0.001 if rate < 10 else 0.005, 4.0, 0.12, 1.0) for rate in (2, 10)}
"""A front of so many requests a second to either arm."""


def _front(noise: Noise, rate: int, fault: Fault | None = None) -> ShopCell:
    one = replace(noise, clump=noise.clump if noise.clump != USUAL.clump else (4.0, 4.0))
    named = f"{fault.name if fault is not None else noise.name}, {rate}/s"
    minutes = fault.onset + 60 if fault is not None else 180
    return ShopCell(named, one, fault, 1, replace(_FRONT[rate], clump=one.clump[0]), minutes)


def _shop(noise: Noise, fault: Fault | None = None) -> ShopCell:
    minutes = fault.onset + 60 if fault is not None else 180
    return ShopCell(fault.name if fault is not None else noise.name, noise, fault, minutes=minutes)


FRONTS: Final = tuple(_front(noise, rate) for rate in _FRONT for noise in NOISES)
FRONT_FAULTS: Final = tuple(_front(USUAL, rate, fault) for rate in _FRONT for fault in FAULTS)
SHOPS: Final = tuple(map(_shop, NOISES))
SHOP_FAULTS: Final = tuple(_shop(USUAL, fault) for fault in FAULTS)

FRONT_KINDS: Final = ("Healthy front", "Fault at the front")
SHOP_KINDS: Final = ("Healthy shop", "Fault in a component")
KINDS: Final = dict(zip((*FRONT_KINDS, *SHOP_KINDS), (FRONTS, FRONT_FAULTS, SHOPS, SHOP_FAULTS), strict=True))
"""Healthy runs, and faults."""
