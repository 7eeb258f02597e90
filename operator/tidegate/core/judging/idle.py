"""Segments without requests, or with too few, in either arm: they say nothing of this version, and must not keep a threshold undecided for ever.

The baseline is asked only where a segment of the candidate has too few: if it has enough there, the candidate should have as well.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from tidegate.api.rollout.metrics import Metric
from tidegate.core.metrics import of_one_arm, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.series_coverage import missing_groups
from tidegate.core.model.finding import Finding
from tidegate.core.model.samples import NotAsked, Open, Sample, SeriesSample, TooFew, Value
from tidegate.core.model.world import ArmName
from tidegate.core.tick.arms import comparable
from tidegate.core.tick.evaluating import Evaluating

PATIENCE = 2.0
"""Seconds that are waited for the baseline's answer, at most; never longer than the interval."""

NAMED = 3
"""Segments that are named, of those that are left out."""


@dataclass(frozen=True)
class Busy:
    """The candidate's segments that have enough requests, or should have."""

    sample: Sample
    idle: tuple[str, ...] = ()
    """Those that are left out, by their labels."""
    baseline: Collection[str] | None = None
    """Segments of the baseline with enough requests; `None`: not asked, or not known."""
    least: float = 1
    """Requests that are enough."""

    def listed(self, finding: Finding) -> Finding:
        """The finding, with what was left out."""
        if not self.idle or not finding.answered:
            return finding
        more = f" and {len(self.idle) - NAMED} more" if len(self.idle) > NAMED else ""
        few = "no requests" if self.least <= 1 else f"fewer than {self.least:g} requests"
        words = f"{finding.message}; left out, {few} in either arm: {', '.join(self.idle[:NAMED])}{more}"
        return replace(finding, message=words)


def busy(draft: Evaluating, metric: Metric, candidate: Sample, asks: Asking) -> Busy:
    """The candidate's sample without the segments that have too few requests in either arm; open while the baseline is asked."""
    if not (metric.by and isinstance(candidate, Value) and comparable(draft) and of_one_arm(metric)):
        return Busy(candidate)
    least = metric.minimum_requests or 1
    idle = [one for one in candidate.series if _idle(one, least)]
    if not idle and not missing_groups(draft, metric, candidate):
        return Busy(candidate)
    life = min(PATIENCE, draft.interval)
    asked = tuple(replace(one, life=life) for one in queries(metric, ArmName.BASELINE, asks))
    for query in asked:
        draft.want(query)
    baseline = sample(metric, draft.seen.asked, asked)
    match baseline:
        case Open() | NotAsked():
            return Busy(Open())
        case Value(series):
            served = {one.series for one in series if not _idle(one, least)}
        case TooFew():
            served = set()
        case _:
            return Busy(candidate)
    left_out = tuple(one.series for one in idle if one.series not in served)
    left = tuple(one for one in candidate.series if one.series not in left_out)
    return Busy(Value(left) if left else candidate, left_out if left else (), served, least)


def _idle(one: SeriesSample, least: float) -> bool:
    return one.value is None and (one.requests or 0.0) < least
