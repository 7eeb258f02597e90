"""Tidegate's lines by segment on a shop's components: the product's own tests, one look a minute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from tests.bench.decisions.shop import NOTHING, Arm, Pair
from tests.bench.decisions.tidegate_rules import ALPHA, OUTAGE, OUTAGE_FOR, WARM_UP, Evidence, Plain
from tests.bench.decisions.traffic import Minute
from tidegate.api.rollout.thresholds import Regression
from tidegate.api.values.scalars import Unit
from tidegate.core.count_tests.past import TRIES
from tidegate.core.count_tests.protocol import Closed
from tidegate.core.count_tests.regression import RegressionTest
from tidegate.core.statistics.windows import Counted, Sums, Window

FLOOR: Final = 0.001
"""Of the share of errors."""
OUTAGE_OF_ONE: Final = 0.5
"""The plain limit of each of many components: their shares vary by more than that of all."""
OUTAGE_WINDOW: Final = 2
"""Minutes of its query."""
LEAST: Final = 20
"""`minimumRequests` of a window."""
SLOW: Final = 0.05
"""Seconds: the floor of an average."""


def window(pair: Pair) -> Window:
    """Requests and errors of both arms."""
    return Window(pair.baseline.requests, pair.baseline.bad, pair.candidate.requests, pair.candidate.bad)


def sums(pair: Pair) -> Sums:
    """Requests and durations of both arms."""
    return Sums(pair.baseline.requests, pair.baseline.took, pair.candidate.requests, pair.candidate.took)


class Line:
    """`regression` of errors, or of an average, by component: the product's test, and when it was broken at each level."""

    def __init__(self, *, averages: bool, past: Sequence[Sequence[Arm]]) -> None:
        unit, floor = (Unit.SECONDS, SLOW) if averages else (None, FLOOR)
        self._averages = averages
        grouped, warm = len(past) > 1, 60.0 * WARM_UP
        fresh = RegressionTest(Regression(), ALPHA, 0.0, warm, None, floor, unit, grouped, tries=TRIES)
        blocks = {
            _labels(place): [(one.requests, one.took if averages else one.bad) for one in each if one.requests]
            for place, each in enumerate(past)
        }
        self._test = fresh.learning({labels: known for labels, known in blocks.items() if known}, 60.0)

    def look(self, minute: int, pairs: Sequence[Pair]) -> float:
        """The evidence after this minute, as the level alpha at which it is broken: 1 for none."""
        counts: dict[str, Counted] = {
            _labels(place): sums(pair) if self._averages else window(pair)
            for place, pair in enumerate(pairs)
            if pair.baseline.requests or pair.candidate.requests
        }
        self._test = self._test.after(Closed(counts, 60.0 * minute, 60.0 * minute + 60))
        return math.exp(-max(self._test.evidence, 0.0))


class Outages:
    """`max` for 2 m, of each component: held where the baseline is beyond it alike, undecided where it is silent."""

    def __init__(self, components: int) -> None:
        limit = OUTAGE if components == 1 else OUTAGE_OF_ONE
        self._rules = [Plain(limit, OUTAGE_WINDOW, OUTAGE_FOR, LEAST) for _ in range(components)]

    def look(self, minute: int, pairs: Sequence[Pair]) -> bool:
        """Whether one of them stops the run at the end of this minute."""
        broken = [
            rule.look(Minute(minute, window(pair), 0.0, 0.0), _NO_EVIDENCE)
            for rule, pair in zip(self._rules, pairs, strict=True)
        ]
        return any(one and pair.baseline.requests for one, pair in zip(broken, pairs, strict=True))


_NO_EVIDENCE = Evidence()
"""A plain limit looks at none."""


def pooled(pairs: Sequence[Pair]) -> list[Pair]:
    """All components as one."""
    return [together(pairs)]


def together(pairs: Iterable[Pair]) -> Pair:
    """Both arms of all components."""
    baseline = candidate = NOTHING
    for pair in pairs:
        baseline, candidate = baseline.plus(pair.baseline), candidate.plus(pair.candidate)
    return Pair(baseline, candidate)


def _labels(place: int) -> str:
    return f'{{component="{place}"}}'
