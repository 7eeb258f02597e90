"""`for`: a breach must last, in watched time, for each series by itself.

A good sample resets a series' clock. Anything else (no data, too few, not comparable, a series that is gone) neither
resets nor completes it. A breached sample adds the watched time since the breached sample before it, at most two
intervals: what lay between was not seen.
"""

from __future__ import annotations

import math

from tidegate.api.rollout.status import Clock
from tidegate.api.rollout.thresholds import LimitKind
from tidegate.core.model.finding import Finding, SeriesFinding, State

KEPT = 8
"""Series whose clocks a guard keeps: those beyond the limit now before the others, and of each the ones that lasted longest."""


def clocks_after(
    before: tuple[Clock, ...], finding: Finding, watched: float, most: float, kept: int = KEPT
) -> tuple[Clock, ...]:
    """The clocks after `finding`.

    Args:
        before: the clocks as they were.
        finding: the judgement of this tick; one without an answer changes nothing.
        watched: the run's watched seconds now.
        most: seconds that may be counted between two samples: two intervals.
        kept: series whose clocks are kept.
    """
    if not finding.answered:
        return before
    known = {clock.series: clock for clock in before}
    for one in finding.series:
        if one.state is State.OK:
            known.pop(one.series, None)
        elif one.state is State.BREACHED:
            clock = known.get(one.series)
            lasted = clock.watched + min(max(watched - clock.mark, 0.0), most) if clock else 0.0
            known[one.series] = Clock(series=one.series, watched=round(lasted, 3), mark=round(watched, 3))
    beyond = {one.series: _badness(finding, one) for one in finding.series if one.state is State.BREACHED}
    worst = sorted(
        known.values(),
        key=lambda clock: (clock.series not in beyond, -clock.watched, -beyond.get(clock.series, 0.0), clock.series),
    )
    return tuple(worst[:kept])


def _badness(finding: Finding, one: SeriesFinding) -> float:
    """Of two series that lasted as long the worse keeps its clock: by name a flapping one could take it each time."""
    if one.value is None or math.isnan(one.value):
        return 0.0
    return -one.value if finding.limit.kind in {LimitKind.MIN, LimitKind.MAX_DECREASE} else one.value


def sustained_state(finding: Finding, clocks: tuple[Clock, ...], lasting: float) -> State:
    """The finding's state once its duration is asked for: breached only when a series is breached now and for `lasting` seconds."""
    if finding.state is not State.BREACHED:
        return finding.state
    breached = {one.series for one in finding.series if one.state is State.BREACHED}
    done = any(clock.watched >= lasting - 1e-6 for clock in clocks if clock.series in breached)
    return State.BREACHED if done else State.PENDING
