"""What every test on counts is to the tick, and what they share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.thresholds import Regression
from tidegate.core.count_tests.state import State
from tidegate.core.count_tests.wording import CountTestResult
from tidegate.core.statistics.windows import Counted
from tidegate.core.tick.context import TickContext

WARM_UP = 180.0
"""Seconds of traffic left out of a comparison unless the metric says otherwise: cold pods fail more."""


@dataclass(frozen=True)
class Closed:
    """One window that has been counted."""

    segments: Mapping[str, Counted]
    """The requests by the labels of their segment; one without labels where the metric has no `by`."""
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

    def state(self) -> State:
        """What it goes on from: kept in status."""
        ...

    def ahead(self, window: Mapping[str, Counted]) -> float:
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
    """The chance of a false stop that this limit may take: all limits with a `regression`, in whatever step, share theirs."""
    spec = draft.spec
    limits = [*spec.guards, *spec.thresholds, *(limit for s in spec.steps for limit in (*s.guards, *s.thresholds))]
    tests = (limit for limit in limits if limit.regression is not None)
    sharing = len({(limit.identity, limit.metric, limit.regression) for limit in tests})
    return (1 - test.confidence.ratio) / max(sharing, 1)


def warm_from(draft: TickContext, metric: Metric) -> float:
    """When comparisons begin, epoch seconds."""
    since = draft.run.traffic_since
    warm_up = metric.warm_up.seconds if metric.warm_up is not None else WARM_UP
    return (since.timestamp() if since is not None else draft.now) + warm_up


def level_of(alpha: float) -> float:
    """The evidence (logarithm) from which something is shown at level `alpha`."""
    return math.log(1 / alpha)
