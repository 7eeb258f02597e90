"""What each metric was over a run, of both arms: asked of a Prometheus in bounded range queries, or of a simulated world."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.api.report import Report
from tidegate.api.rollout.metrics import Metric, cohort_name
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.thresholds import LimitKind, Threshold
from tidegate.core.metrics import of_one_arm, queries, sample
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.variables import fill, promql_duration
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.samples import Asked, SeriesSample, Value
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.difference import difference_interval
from tidegate.simulation.backtest.arms import LONGEST, pods_of
from tidegate.simulation.backtest.history import AskRange, Stretch

POINTS: Final = 240
"""Instants of a chart."""
SHORTEST: Final = 1.0
"""Seconds between two of them."""

Answers: TypeAlias = Callable[[Query, int], Answer]
"""What was answered to a query at a point of the stretch."""
Ask: TypeAlias = Callable[[tuple[Query, ...], Stretch], Awaitable[Answers]]
"""Asks for all queries over the stretch. Raises PortError."""


@dataclass(frozen=True)
class Point:
    """One arm at one instant; NaN without a value."""

    value: float = math.nan
    requests: float | None = None

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Track:
    """One metric over the run."""

    metric: Metric
    stretch: Stretch
    candidate: tuple[Point, ...]
    baseline: tuple[Point, ...]
    """Empty for a metric independent of the arms."""

    def difference(self, index: int) -> tuple[float, float, float]:
        """The candidate's value minus the baseline's at a point, and the ends of its 95 % interval; NaN where not known."""
        if not self.baseline:
            return math.nan, math.nan, math.nan
        mine, other = self.candidate[index], self.baseline[index]
        gap = mine.value - other.value
        counted = self.metric.ratio is not None and mine.requests and other.requests and not math.isnan(gap)
        if not counted or mine.requests is None or other.requests is None:
            return gap, math.nan, math.nan
        low, high = difference_interval(
            (mine.value * mine.requests, mine.requests), (other.value * other.requests, other.requests)
        )
        return gap, low, high

    @property
    def newest(self) -> int | None:
        """The last point at which the candidate had a value."""
        return next((place for place in reversed(range(len(self.candidate))) if self.candidate[place].known), None)


def stretch_of(report: Report) -> Stretch:
    """The instants of a run's charts; the last one is that of its end, which a breach may have come just before."""
    start, end = report.start.timestamp(), (report.end or report.written).timestamp()
    step = max((end - start) / (POINTS - 1), SHORTEST)
    points = max(min(math.floor((end - start) / step + 1e-6) + 1, POINTS), 2)
    return Stretch(end - (points - 1) * step, step, points)


async def tracks(report: Report, spec: RolloutSpec, ask: Ask) -> list[Track]:
    """Each metric that has a query, in the spec's order.

    Raises: PortError: the source could not be asked.
    """
    stretch, asking = stretch_of(report), _asking(report, spec)
    wanted: dict[tuple[str, ArmName], tuple[Query, ...]] = {}
    metrics = charted(spec)
    for metric in metrics:
        if metric.kind is not None:
            arms = ArmName if of_one_arm(metric) else (ArmName.CANDIDATE,)
            wanted |= {(metric.name, arm): queries(metric, arm, asking) for arm in arms}
    answers = await ask(tuple(query for each in wanted.values() for query in each), stretch)
    return list(_tracks(spec, metrics, wanted, answers, stretch))


async def users(report: Report, spec: RolloutSpec, asked: str, ask: AskRange) -> float | None:
    """How many users were sent to the candidate, by a query over the whole run; `None` when it has no answer.

    Raises:
        PortError: the source could not be asked.
        ValueError: the query has a variable that there is not.
    """
    asking = _asking(report, spec)
    end = (report.end or report.written).timestamp()
    values = {
        "namespace": asking.namespace,
        "workload": asking.workloads[ArmName.CANDIDATE],
        "service": asking.services[ArmName.CANDIDATE],
        "rollout": asking.rollout,
        "step": asking.step,
        "cohort": "",
        "window": promql_duration(max(asking.elapsed, SHORTEST)),
        "elapsed": promql_duration(max(asking.elapsed, SHORTEST)),
        "pods": asking.pods[ArmName.CANDIDATE],
    }
    series = await ask(fill(asked, values), end, end, SHORTEST)
    found = [points[-1][1] for _, points in series if points]
    return sum(found) if found else None


def lines_of(spec: RolloutSpec) -> list[tuple[Threshold, str]]:
    """Every limit, with the step whose own it is."""
    found: list[tuple[Threshold, str]] = [(line, "") for line in (*spec.guards, *spec.thresholds)]
    return found + [(line, step.name) for step in spec.steps for line in (*step.guards, *step.thresholds)]


def evaluated(line: Threshold) -> str:
    """The name of the metric that a limit evaluates, with its cohort."""
    return cohort_name(line.metric, line.cohort) if line.cohort else line.metric


def charted(spec: RolloutSpec) -> list[Metric]:
    """The metrics, and in the place of one that limits of cohorts evaluate, one for each of them."""
    names = dict.fromkeys((line.metric, line.cohort or "") for line, _ in lines_of(spec))
    found = []
    for metric in spec.metrics:
        cohorts = [cohort for name, cohort in names if name == metric.name] or [""]
        found += [metric.of_cohort(one) if one else metric for one in cohorts]
    return found


def _tracks(
    spec: RolloutSpec,
    metrics: Sequence[Metric],
    wanted: Mapping[tuple[str, ArmName], tuple[Query, ...]],
    answers: Answers,
    stretch: Stretch,
) -> Iterator[Track]:
    for metric in metrics:
        asked = {arm: wanted[metric.name, arm] for arm in ArmName if (metric.name, arm) in wanted}
        if not asked:
            continue
        falling = {LimitKind.MIN, LimitKind.MAX_DECREASE}
        low = any(evaluated(line) == metric.name and line.kind in falling for line, _ in lines_of(spec))
        both: dict[ArmName, list[Point]] = {ArmName.CANDIDATE: [], ArmName.BASELINE: []}
        for index in range(stretch.points):
            found = {arm: _series(metric, texts, answers, index) for arm, texts in asked.items()}
            worst = _worst(found.get(ArmName.CANDIDATE, ()), low=low)
            both[ArmName.CANDIDATE].append(_point(worst))
            if ArmName.BASELINE in asked:
                theirs = found[ArmName.BASELINE]
                same = next((one for one in theirs if worst is not None and one.labels == worst.labels), None)
                both[ArmName.BASELINE].append(_point(same or _worst(theirs, low=low)))
        yield Track(metric, stretch, tuple(both[ArmName.CANDIDATE]), tuple(both[ArmName.BASELINE]))


def _series(metric: Metric, texts: tuple[Query, ...], answers: Answers, index: int) -> tuple[SeriesSample, ...]:
    found = sample(metric, Asked({query: answers(query, index) for query in texts}), texts)
    return found.series if isinstance(found, Value) else ()


def _worst(series: tuple[SeriesSample, ...], *, low: bool) -> SeriesSample | None:
    known = [one for one in series if one.value is not None and math.isfinite(one.value)]
    return (min if low else max)(known, key=lambda one: one.value or 0.0, default=None)


def _point(one: SeriesSample | None) -> Point:
    return Point() if one is None or one.value is None else Point(one.value, one.requests)


def _asking(report: Report, spec: RolloutSpec) -> Asking:
    """The variables: as the operator fills them in, but for the pods' names, which are not remembered."""
    ended = report.end or report.written
    return Asking(
        source=spec.prometheus.source,
        namespace=report.namespace,
        rollout=report.rollout,
        step=report.step,
        elapsed=max((ended - report.start).total_seconds(), 0.0),
        traffic=LONGEST,
        workloads={ArmName.BASELINE: spec.baseline.deployment, ArmName.CANDIDATE: spec.candidate.deployment},
        services={ArmName.BASELINE: spec.baseline.service, ArmName.CANDIDATE: spec.candidate.service},
        pods={
            ArmName.BASELINE: pods_of(spec.baseline.deployment),
            ArmName.CANDIDATE: pods_of(spec.candidate.deployment),
        },
    )
