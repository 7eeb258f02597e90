"""What must hold, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from statistics import mean

from tests.bench.decisions.bounds import bound
from tests.bench.decisions.cells import COLD, FIVE_TIMES, LATE_OUTAGES, OUTAGES, PEEKING, SPIKED
from tests.bench.decisions.race import LIMITED, MARGIN, SEED, TOGETHER, Figures
from tests.bench.decisions.real import Driven
from tests.bench.decisions.shop import Fault
from tests.bench.decisions.shop_cells import FRONT_KINDS, KINDS, SHOP_KINDS
from tests.bench.decisions.shop_race import AVERAGES, ERRORS, RECOMMENDED, ShopCell
from tests.bench.decisions.tidegate_rules import ALPHA, OUTAGE_FOR

LONGEST = 14
"""Minutes (median) until five times the errors are found at ten requests a second in all."""
MOST_REQUESTS = 420
"""The candidate's requests until then: fourteen minutes of 5 %."""
LATEST = 6
"""Windows (median) until an outage after two hours is found by a test of which no single window may decide."""
JUDGEMENT = 0.005
"""Seconds of processor time for one judgement of ten metrics."""

Found = Mapping[str, Mapping[str, Figures]]
"""By cell and rule."""


@dataclass(frozen=True)
class Bar:
    name: str
    figure: str
    held: bool


def bars(healthy: Found, harms: Found, judgement: float) -> list[Bar]:
    """All of them, in the order in which they are shown."""
    # Cold pods and spikes that break a limit do break it: that is no false stop of a test against it.
    beyond_limit = {cell.name for cell in (*COLD, *SPIKED)}
    return [
        *(
            _false_stops(f"{rule}: false stops in every healthy cell{more}", rule, healthy, left_out)
            for rule, more, left_out in (
                (MARGIN, "", set()),
                (LIMITED, " but cold pods and spikes", beyond_limit),
                (TOGETHER, "", set()),
            )
        ),
        *(
            _false_stops(f"{rule}: false stops in 24 h of looks", rule, {PEEKING.name: healthy[PEEKING.name]}, set())
            for rule in (MARGIN, LIMITED, TOGETHER)
        ),
        *(_five_times(rule, harms[FIVE_TIMES][rule]) for rule in (MARGIN, TOGETHER)),
        *(_outage(name, LIMITED, harms[name][LIMITED], 1) for name in OUTAGES),
        *(_outage(name, LIMITED, harms[name][LIMITED], 2) for name in LATE_OUTAGES),
        *(_outage(name, MARGIN, harms[name][MARGIN], LATEST) for name in LATE_OUTAGES),
        *(_outage(name, TOGETHER, harms[name][TOGETHER], OUTAGE_FOR + 1) for name in (*OUTAGES, *LATE_OUTAGES)),
        Bar("processor time of a judgement of 10 metrics < 5 ms", f"{1000 * judgement:.2f} ms", judgement < JUDGEMENT),
    ]


LONGEST_OF_FRONT, LONGEST_OF_ONE = 8, 10
"""Minutes (median) until a fault is found at the front, and in one of many components."""
FOUND_AT_FRONT, FOUND_OF_ONE = 42 / 44, 46 / 51
"""Share of the faults that is found within an hour."""
SHOULD_HOLD = {", 10/s", ""}
"""Places at which the aims must hold for faults from the start; elsewhere, and of later ones, they are shown beside what was found."""
JUDGEMENT_BY_SEGMENT = 0.020
"""Seconds of processor time for one judgement of ten metrics of eight segments each."""


@dataclass(frozen=True)
class Mix:
    """All faults of one place that a release should be stopped for, as many runs of each."""

    what: str
    longest: int
    """Minutes, by the aim."""
    least: float
    """Share that is found, by the aim, of what the informed test finds: the faults of a mix are not all within a test's reach."""
    binding: bool
    """The part fails when the aim is missed."""
    cells: tuple[ShopCell, ...]

    @property
    def aim(self) -> str:
        """In words."""
        return f">= {100 * self.least:.0f} % of the informed test's, <= {self.longest} min"

    @property
    def within_reach(self) -> float:
        """Share of its faults that the informed test finds (bounds.py)."""
        return mean(bound(cell, SEED).found for cell in self.cells)

    def figures(self, shops: Mapping[str, Found], rule: str) -> Figures:
        """Of all its faults together, as far as they were simulated."""
        known = (found[cell.name][rule] for found in shops.values() for cell in self.cells if cell.name in found)
        return reduce(Figures.plus, known, Figures(0))

    def holds(self, figures: Figures) -> bool:
        """Whether the aim is reached."""
        return (
            bool(figures.stops)
            and figures.stopped >= self.least * self.within_reach
            and figures.median(lambda stop: stop.minutes) <= self.longest
        )


def mixes() -> list[Mix]:
    """Five times the errors or more, twice the duration or more: from the start, and after two hours."""
    places = (
        (FRONT_KINDS[1], ", 10/s", LONGEST_OF_FRONT, FOUND_AT_FRONT),
        (FRONT_KINDS[1], ", 2/s", LONGEST_OF_FRONT, FOUND_AT_FRONT),
        (SHOP_KINDS[1], "", LONGEST_OF_ONE, FOUND_OF_ONE),
    )
    return [
        Mix(
            f"{kind}{place}, {'after 2 h' if late else 'from the start'}",
            longest,
            least,
            place in SHOULD_HOLD and not late,
            tuple(
                cell
                for cell in KINDS[kind]
                if cell.name.endswith(place) and _plain(cell.fault) and (cell.onset > 0) is late
            ),
        )
        for late in (False, True)
        for kind, place, longest, least in places
    ]


def _plain(fault: Fault | None) -> bool:
    return fault is not None and (fault.times >= 5 or fault.errors > 0 or fault.slower >= 2)


def of_shops(shops: Mapping[str, Found], judgement: float) -> list[Bar]:
    """Those of the runs in a shop."""
    return [
        *(
            _false_stops(f"{kinds[0]}, {rule}: false stops with every noise", rule, shops[kinds[0]], set())
            for kinds in (FRONT_KINDS, SHOP_KINDS)
            for rule in (ERRORS, AVERAGES, RECOMMENDED)
        ),
        *(_mixed(mix, shops) for mix in mixes() if mix.binding),
        Bar(
            "processor time of a judgement of 10 metrics of 8 segments < 20 ms",
            f"{1000 * judgement:.2f} ms",
            judgement < JUDGEMENT_BY_SEGMENT,
        ),
    ]


def _mixed(mix: Mix, shops: Mapping[str, Found]) -> Bar:
    figures = mix.figures(shops, RECOMMENDED)
    name = f"{mix.what}: {len(mix.cells)} kinds of fault, {mix.aim} (median)"
    return Bar(name, found_in(figures), mix.holds(figures))


def found_in(figures: Figures) -> str:
    """Such as `98 %, 7 min`."""
    if not figures.stops:
        return "none"
    return f"{100 * figures.stopped:.0f} %, {figures.median(lambda stop: stop.minutes):.0f} min"


def driven(found: Driven) -> Bar:
    """A healthy cell on the product's own tick; an unexpected query is none of its bars, but no figure either."""
    name = f"product's own tick, {found.cell.rule}, {found.cell.cell.name}: false stops <= {100 * ALPHA:g} %"
    share = found.figures.stopped
    return Bar(name, f"{100 * share:.0f} % of {found.figures.rollouts}", share <= ALPHA and not found.unexpected)


def broken(found: list[Bar]) -> list[str]:
    """The bars that do not hold, in words."""
    return [f"{bar.name}: {bar.figure}" for bar in found if not bar.held]


def _false_stops(name: str, rule: str, healthy: Found, left_out: set[str]) -> Bar:
    worst = max((cell for cell in healthy if cell not in left_out), key=lambda cell: healthy[cell][rule].stopped)
    share = healthy[worst][rule].stopped
    return Bar(f"{name} <= {100 * ALPHA:g} %", f"at most {100 * share:.1f} % ({worst})", share <= ALPHA)


def _five_times(rule: str, figures: Figures) -> Bar:
    name = f"{rule}: {FIVE_TIMES} found in <= {LONGEST} min and <= {MOST_REQUESTS} requests (medians)"
    if figures.stopped < 0.5:
        return Bar(name, f"found in {100 * figures.stopped:.0f} %", held=False)
    minutes, requests = figures.median(lambda stop: stop.minutes), figures.median(lambda stop: stop.requests)
    return Bar(name, f"{minutes:.0f} min, {requests:.0f} requests", minutes <= LONGEST and requests <= MOST_REQUESTS)


def _outage(cell: str, rule: str, figures: Figures, windows: int) -> Bar:
    name = f"{rule}: {cell} found in {windows} {'window' if windows == 1 else 'windows'} (median)"
    if figures.stopped < 0.5:
        return Bar(name, f"found in {100 * figures.stopped:.0f} %", held=False)
    minutes = figures.median(lambda stop: stop.minutes)
    return Bar(name, f"{minutes:.0f} min", minutes <= windows)
