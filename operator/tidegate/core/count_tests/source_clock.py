"""The clock of the source: how far it may differ from the operator's, and what is said when it differs by more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from tidegate.api.rollout.metrics import Metric
from tidegate.core.count_tests.open_windows import OpenWindows
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.answers import Failed, FailedReason, Matrix, Query, Vector
from tidegate.core.model.samples import NoData, NotAsked, Open, TooFew
from tidegate.core.model.time_format import in_words
from tidegate.core.statistics.windows import Counted
from tidegate.core.tick.evaluating import Evaluating

MOST_APART = 240.0
"""Seconds that the two clocks may differ at most: less than the look-back, so that every query still reaches its windows."""

OLD_SAMPLE = 60.0
"""Seconds after which the newest sample is old: a scrape a minute, or a clock that is behind."""
BEHIND = 30.0
"""Seconds by which a source's clock may be behind ours without a word."""

Silent: TypeAlias = NoData | TooFew | Failed | Open | NotAsked
"""Why there is no count."""


def source_now(
    draft: Evaluating, metric: Metric, asks: Asking, pending: OpenWindows, last: float | None, *, doubtful: bool
) -> float | Silent:
    """The source's own time, asked only while catching up and where something is missing: ours may have leapt, or be ahead.

    Where the two are too far apart nothing can be counted; and that is no fault of the candidate's, nor of the metric.
    """
    now = pending.now
    if pending.offset or doubtful:
        match draft.want(clock(metric, asks)):
            case Vector(series=(one, *_)):
                now = one.value
            case Vector() | Matrix():
                pass
            case silent:
                return silent
    apart = max(now, last or now) - pending.now
    if abs(apart) > MOST_APART:
        side = "ahead of" if apart > 0 else "behind"
        return Failed(FailedReason.CLOCK, f"the source's clock is {side} ours by {in_words(abs(apart))}")
    return now


def late(
    draft: Evaluating, metric: Metric, asks: Asking, pending: OpenWindows, last: float | None
) -> tuple[Mapping[str, Counted], ...] | Silent:
    """No windows; and why, where the source's clock is so far behind ours that it is still before the run's begin.

    Its time is asked only where its newest sample is old by our clock.
    """
    if last is None or pending.now - last <= OLD_SAMPLE:
        return ()
    match draft.want(clock(metric, asks)):
        case Vector(series=(one, *_)) if pending.now - one.value > BEHIND:
            behind = in_words(pending.now - one.value)
            words = (
                f"{metric.name}: the source's clock is behind ours by {behind}: requests are counted that much later"
            )
            return TooFew(words)
        case Open() as silent:
            return silent
        case _:
            return ()


def clock(metric: Metric, asks: Asking) -> Query:
    """The query for the source's own time."""
    return Query(asks.source, "time()", metric.name, part="clock")
