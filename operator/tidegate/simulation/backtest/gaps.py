"""What a history lacks: where a metric has no data, and where requests cannot be counted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from tidegate.api.rollout.metrics import Metric, WhenEmpty
from tidegate.core.metrics.asking import ROUNDED
from tidegate.core.model.answers import Query
from tidegate.core.model.world import ArmName
from tidegate.simulation.backtest.arms import by_step
from tidegate.simulation.backtest.history import Stretch
from tidegate.simulation.backtest.raw import Lack
from tidegate.simulation.backtest.tracks import Samples, Seen

_REACH: Final = re.compile(r"\[(\d+)(m?)s\](?: offset (\d+)(m?)s)?")


class Missing(StrEnum):
    """What is missing."""

    DATA = "data"
    """All: the query has no answer."""
    RAW = "raw samples"
    """The query has an answer, and what a test on counts needs is gone."""
    SCRAPES = "scrapes"
    """There are samples, too far apart to count requests by."""


@dataclass(frozen=True)
class Gap:
    """Where a metric has no data."""

    metric: str
    arm: ArmName
    seconds: float
    """In all."""
    first: tuple[float, float]
    """The first stretch without data, epoch seconds."""
    missing: Missing = Missing.DATA


def gaps(metrics: Sequence[Metric], seen: Mapping[tuple[str, ArmName], Seen], stretch: Stretch) -> list[Gap]:
    """Every metric with its arm that lacks data somewhere, the baseline's first."""
    kinds = {metric.name: metric for metric in metrics}
    found, told = [], set()
    for (name, arm), one in sorted(seen.items(), key=lambda item: item[0][1]):
        without = [index for index, empty in enumerate(one.empty) if empty]
        if id(one) in told or not without or kinds[name].when_empty is WhenEmpty.ZERO:
            continue
        told.add(id(one))
        end = next(b for b, after in zip(without, [*without[1:], -1], strict=True) if after != b + 1)
        first = (stretch.time(without[0]), stretch.time(end + 1))
        found.append(Gap(name, arm, len(without) * stretch.step, first))
    return found


def maybe_counted(samples: Mapping[tuple[str, ArmName], Samples], stretch: Stretch, query: Query, now: float) -> bool:
    """Whether a counter may have been there in the time that a query asked at `now` looks back over.

    What was never there need not be asked for at every judgement.
    """
    known = samples.get((query.metric, query.arm))
    reach = _REACH.search(query.promql)
    if known is None or reach is None or by_step(known.metric):
        return True
    parts = (reach.group(1, 2), reach.group(3, 4))
    behind = sum(float(number or 0) / (1000 if milli else 1) for number, milli in parts)
    first = stretch.index(now - behind + ROUNDED)
    return first < 0 or known.seen.counted_since(stretch.index(now), first)


def raw_gaps(
    metric: Metric, arm: ArmName, seen: Seen, stretch: Stretch, lacking: Sequence[tuple[float, float, Lack]]
) -> list[Gap]:
    """Where requests could not be counted although the metric has a value: what older samples are thinned out to, or gone.

    Args:
        metric: which.
        arm: whose.
        seen: of the metric of the arm.
        stretch: of the history.
        lacking: begin and end (epoch seconds) of what its counter of all requests lacked, ascending.
    """
    found = []
    for missing, kind in ((Missing.RAW, Lack.EMPTY), (Missing.SCRAPES, Lack.COARSE)):
        spans = [
            (begin, end) for begin, end, lack in lacking if lack is kind and _valued(metric, seen, stretch, begin, end)
        ]
        whole = list(_joined(spans))
        if whole:
            seconds = sum(end - begin for begin, end in whole)
            found.append(Gap(metric.name, arm, seconds, whole[0], missing))
    return found


def _valued(metric: Metric, seen: Seen, stretch: Stretch, begin: float, end: float) -> bool:
    """Whether the metric has a value that rests on this stretch alone."""
    first = max(stretch.index(begin + metric.window.seconds) + 1, 0)
    return 0 in seen.empty[first : stretch.index(end) + 1]


def _joined(spans: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Spans that touch as one."""
    begin = spans[0][0] if spans else 0.0
    for (_, end), (following, _) in pairwise([*spans, (math.inf, math.inf)]):
        if end < following:
            yield begin, end
            begin = following
