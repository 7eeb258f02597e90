"""What judging costs: processor time of the product's own arithmetic for ten metrics, one new window each."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from tests.bench.decisions.tidegate_rules import ALPHA, LIMIT, MARGIN
from tests.bench.decisions.traffic import seeded
from tidegate.core.evidence.counts import Window
from tidegate.core.evidence.gathered import Compared, Limited, detectable, together
from tidegate.core.evidence.intervals import rate_interval

METRICS = 10
_REPEATS = 40


def judgements(seed: int) -> dict[str, float]:
    """Seconds (median) of judging `METRICS` lines after an hour of windows, by the form of line."""
    chance = seeded(seed)
    past = [Window(570, chance.randint(0, 6), 30, chance.randint(0, 1)) for _ in range(60)]
    counts, new = together(past), [Window(570, 3, 30, 1)]
    compared = Compared(MARGIN).after(past)
    candidate = Limited(LIMIT).after(past)

    def margin() -> None:
        after = compared.after(new)
        after.conclusion(ALPHA)
        after.possible(ALPHA)
        detectable(counts, MARGIN, ALPHA)

    def limit() -> None:
        compared.after(new).conclusion(ALPHA)
        candidate.after(new).conclusion(ALPHA, counts)
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
