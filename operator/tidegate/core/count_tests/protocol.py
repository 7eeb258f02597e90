"""What every test on counts is to the tick, and what they share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import Regression
from tidegate.core.count_tests.wording import CountTestResult
from tidegate.core.statistics.accumulators import NONE, Suspicion
from tidegate.core.statistics.windows import Window
from tidegate.core.tick.context import TickContext

WARM_UP = 180.0
"""Seconds of traffic left out of a comparison unless the metric says otherwise: cold pods fail more."""

REMEMBERED = 6
"""Decimals of what is kept: were every one of 20,000 windows rounded the same way, a hundredth, and half of the bytes."""


@dataclass(frozen=True)
class Closed:
    """One window that has been counted."""

    counts: Window
    begin: float
    """Epoch seconds."""
    end: float
    """Epoch seconds."""


class CountTest(Protocol):
    """One test over a run. It never changes: a further window gives another one."""

    def after(self, window: Closed) -> CountTest:
        """With a further window."""
        ...

    def result(self) -> CountTestResult:
        """What is shown up to now."""
        ...

    def memory(self) -> dict[str, object]:
        """The fields of `EvidenceStatus` that it goes on from."""
        ...

    def ahead(self, window: Window) -> float:
        """After how many more windows like this one something else is shown; infinity for never."""
        ...


def stand(peak: float | None, evidence: float, level: float) -> tuple[float | None, bool]:
    """Whether a limit stands broken: from when the evidence reaches `level` until it has fallen by as much from its peak.

    What was gathered in an incident would outweigh hours of health after it; that it falls again shows the incident over.

    Args:
        peak: the highest evidence since the limit was broken (logarithm), `None` when it is not.
        evidence: now (logarithm).
        level: ln(1/alpha).

    Returns: the peak from now on; whether it is just over, so that the test begins anew.
    """
    if peak is None and evidence < level:
        return None, False
    highest = evidence if peak is None else max(peak, evidence)
    return (None, True) if evidence <= highest - level else (highest, False)


def alpha_of(draft: TickContext, test: Regression) -> float:
    """The chance of a false stop that this line may take: all lines with a `regression`, in whatever step, share theirs."""
    spec = draft.spec
    lines = [*spec.guards, *spec.thresholds, *(line for s in spec.steps for line in (*s.guards, *s.thresholds))]
    tests = (line for line in lines if line.regression is not None)
    sharing = len({(line.identity, line.metric, line.regression) for line in tests})
    return (1 - test.confidence.ratio) / max(sharing, 1)


def warm_from(draft: TickContext, metric: Metric) -> float:
    """When comparisons begin, epoch seconds."""
    since = draft.run.traffic_since
    warm_up = metric.warm_up.seconds if metric.warm_up is not None else WARM_UP
    return (since.timestamp() if since is not None else draft.now) + warm_up


def suspicion_of(remembered: EvidenceStatus) -> Suspicion:
    """As status keeps it."""
    if not remembered.suspect:
        return Suspicion(remembered.start.timestamp(), NONE)
    since, height, *counts = remembered.suspect
    return Suspicion(since, Window(*counts), height)


def kept(suspicion: Suspicion) -> tuple[float, ...]:
    """As status keeps it."""
    return (round(suspicion.since, 3), round(suspicion.height, REMEMBERED), *numbers(suspicion.counts))


def numbers(counts: Window) -> tuple[float, float, float, float]:
    """Requests of the baseline and bad ones among them, then those of the candidate."""
    return counts.baseline, counts.baseline_bad, counts.candidate, counts.candidate_bad


def rounded(values: Iterable[float]) -> tuple[float, ...]:
    """As status keeps them."""
    return tuple(round(value, REMEMBERED) for value in values)


def level_of(alpha: float) -> float:
    """The evidence (logarithm) from which something is shown at level `alpha`."""
    return math.log(1 / alpha)
