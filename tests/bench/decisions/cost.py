"""What judging costs: processor time of the product's own arithmetic for ten metrics, one new window each."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from tests.bench.decisions.tidegate_rules import ALPHA, LIMIT, MARGIN, together
from tests.bench.decisions.traffic import seeded
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.intervals import GRID, log_likelihood, rate_interval
from tidegate.core.evidence.regression import START, Absolute, Relative, regressed

METRICS = 10
_REPEATS = 40


def judgements(seed: int) -> dict[str, float]:
    """Seconds (median) of judging `METRICS` lines after an hour of windows, by the form of line."""
    chance = seeded(seed)
    past = [Window(570, chance.randint(0, 6), 30, chance.randint(0, 1)) for _ in range(60)]
    relative, absolute = Relative(MARGIN), Absolute(LIMIT)
    compared, limited = relative.after(START, past), absolute.after(START, past)
    counts, new = together(past), [Window(570, 3, 30, 1)]
    other = [Window(one.candidate, one.candidate_bad, one.baseline, one.baseline_bad) for one in new]

    def margin() -> None:
        """The test, and the likelihoods from which the ratios that are still possible are read."""
        regressed(relative.after(compared, new), ALPHA)
        [log_likelihood(new, ratio) for ratio in (*GRID, 1 + MARGIN)]

    def limit() -> None:
        """The comparison, both arms' tests against the limit, and the rates that are still possible: twice, once for the answer."""
        margin()
        for windows in (new, other):
            regressed(absolute.after(limited, windows), ALPHA)
        for _ in range(2):
            rate_interval(counts.candidate, counts.candidate_bad, ALPHA)

    return {"`regression` (margin)": _seconds(margin), "`regression` (limit)": _seconds(limit)}


def _seconds(judge: Callable[[], None]) -> float:
    taken = []
    for _ in range(_REPEATS):
        before = time.process_time()
        for _ in range(METRICS):
            judge()
        taken.append(time.process_time() - before)
    return median(taken)
