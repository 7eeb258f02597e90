"""Series that are missing: fewer than `minSeries`, or groups of a ratio (`by`) that were there in this run and are gone.

The verdict is then undecided, not good.

A segment that stops answering altogether has no errors either. Only digests are kept, so that status stays small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace

from tidegate.api.rollout.metrics import Metric, plain_name
from tidegate.api.rollout.run_status import GroupsStatus
from tidegate.api.status_budget import MAX_SERIES
from tidegate.core.metrics import digest
from tidegate.core.model.finding import Finding, State
from tidegate.core.model.samples import Sample, Value
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.evaluating import Evaluating

_OUTRANKED = frozenset({State.OK, State.NOT_COMPARABLE, State.TOO_FEW_REQUESTS})
"""States that a missing group takes the place of: what is breached or without data stays so."""


def note_groups(draft: Evaluating, metric: Metric, sample: Sample) -> None:
    """Remembers the groups of a sample that have requests."""
    if not metric.by or not isinstance(sample, Value):
        return
    before = _known(draft, metric)
    now = (_digest(one.series) for one in sample.series if one.value is not None)
    seen = tuple(dict.fromkeys((*before, *now)))[:MAX_SERIES]
    if seen != before:
        names = {one.name for one in draft.spec.metrics}
        others = (one for one in draft.run.groups if one.metric != metric.name and plain_name(one.metric) in names)
        mine = GroupsStatus(metric=metric.name, asked=_asked(metric), seen=seen)
        draft.update_run(groups=(*others, mine))


def unless_incomplete(metric: Metric, sample: Sample, finding: Finding) -> Finding:
    """The finding, undecided when there are fewer series than the metric's `minSeries`; a breach stands."""
    least = metric.min_series or 1
    if not isinstance(sample, Value) or len(sample.series) >= least or finding.state not in _OUTRANKED:
        return finding
    there_are = ", ".join(one.series or "one without labels" for one in sample.series[:8])
    words = f"{metric.name}: {len(sample.series)} series, at least {least} are needed (minSeries): {there_are}"
    return replace(finding, state=State.TOO_FEW_REQUESTS, message=words)


def missing_groups(draft: TickContext, metric: Metric, sample: Value) -> set[str]:
    """Digests of the groups that were there in this run and are not in the sample."""
    return set(_known(draft, metric)) - {_digest(one.series) for one in sample.series}


def without_gone(
    draft: Evaluating, metric: Metric, sample: Sample, finding: Finding, served: Collection[str] | None = None
) -> Finding:
    """The finding, undecided when a group that was there in this run is not in the sample.

    Args:
        draft: the tick's.
        metric: with `by`.
        sample: the candidate's.
        finding: what it came to.
        served: groups in which the baseline has requests: what has none in either arm is not missing; `None`: not known.
    """
    if not metric.by or not isinstance(sample, Value) or finding.state not in _OUTRANKED:
        return finding
    known = _known(draft, metric)
    missing = missing_groups(draft, metric, sample)
    if served is not None:
        missing &= {_digest(labels) for labels in served}
    gone = len(missing)
    if not gone:
        return finding
    labels = ", ".join(metric.by)
    left = ", ".join(one.series for one in sample.series[:8])
    words = f"{metric.name}: {gone} of {len(known)} groups by {labels} that had data in this run have none now; {left} are left"
    return replace(finding, state=State.TOO_FEW_REQUESTS, message=words)


def _known(draft: TickContext, metric: Metric) -> tuple[str, ...]:
    """The groups that were there in this run; none for a metric that was edited to ask something else."""
    asked = _asked(metric)
    return next((one.seen for one in draft.run.groups if (one.metric, one.asked) == (metric.name, asked)), ())


def _asked(metric: Metric) -> str:
    return digest(metric, 6)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
