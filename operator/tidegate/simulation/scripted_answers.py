"""What Prometheus says in a scripted world: each metric's level over time, and the counters that go with it."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from tidegate.api.rollout.metrics import Metric, cohort_name, plain_name
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.metrics import kind_of
from tidegate.core.model.answers import Answer, Failed, FailedReason, Matrix, Query, SeriesValue, Vector
from tidegate.core.model.world import ArmName
from tidegate.core.traffic import targets
from tidegate.simulation.clean import clean_level, is_clean
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.counter import Counter, numbers
from tidegate.simulation.script import ArmScript, Level, World


@dataclass
class Levels:
    """What a metric says over time: the level in force at each instant."""

    instants: list[float]
    levels: list[Level]

    @classmethod
    def of(cls, entries: tuple[Level, ...]) -> Levels:
        """From entries that may end (`for`) and fall back to what was before."""
        points: list[tuple[float, Level]] = []
        lasting = Level(empty=True)
        for entry in sorted(entries, key=lambda one: one.at.seconds):
            points.append((entry.at.seconds, entry))
            if entry.for_ is None:
                lasting = entry
            else:
                points.append((entry.at.seconds + entry.for_.seconds, lasting))
        points.sort(key=lambda point: point[0])
        return cls([instant for instant, _ in points], [level for _, level in points])

    def at(self, seconds: float) -> Level:
        """The level in force so many seconds after the start."""
        place = bisect.bisect_right(self.instants, seconds + 1e-6) - 1
        return self.levels[place] if place >= 0 else Level(empty=True)


@dataclass
class ScriptedAnswers:
    """The answers to the queries of one Rollout."""

    spec: RolloutSpec
    world: World
    cluster: Cluster
    """Its routes say which arm has how much of the traffic."""
    begin: float
    """Epoch seconds of the world's start."""
    _counted: dict[tuple[str, ArmName, str, int], Counter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Makes the levels of each metric and arm."""
        self._levels = {
            (name, arm): Levels.of(script.candidate if arm is ArmName.CANDIDATE else self._baseline(name, script))
            for name, script in self._scripts()
            for arm in ArmName
        }

    def changes(self) -> Iterator[float]:
        """Seconds since the start at which an answer changes."""
        for levels in self._levels.values():
            yield from levels.instants
        for one in self.world.outages:
            yield from (one.at.seconds, one.at.seconds + one.for_.seconds)

    def answer(self, query: Query, now: float) -> Answer:
        """What Prometheus says at an instant."""
        since = now - self.begin
        for outage in self.world.outages:
            if outage.at.seconds <= since < outage.at.seconds + outage.for_.seconds:
                return Failed(FailedReason.REFUSED, "the source is down")
        if query.part == "probe":
            return Vector((SeriesValue((), 1.0),))
        if query.part == "clock":
            return Vector((SeriesValue((), now),))
        metric = next((one for one in self.spec.metrics if one.name == plain_name(query.metric)), None)
        plain = metric.name if metric is not None else ""
        levels = self._levels.get((query.metric, query.arm)) or self._levels.get((plain, query.arm))
        counts, _, part = query.part.partition("-")
        if counts == "past" or levels is None or metric is None:
            return Matrix() if counts in {"past", "raw"} else Vector(())
        if counts == "raw" and query.part == "raw-histogram":
            total, fast, sums = (self._counter(metric, query.arm, part) for part in ("total", "fast", "sum"))
            bound = metric.ratio.bound if metric.ratio is not None else 0.0
            return total.histogram(fast, sums, bound, query.promql, since, self.begin)
        if counts == "raw":
            return self._counter(metric, query.arm, part).answer(query.promql, since, self.begin)
        if counts == "known":
            return self._counter(metric, query.arm, part).last(query.promql, since)
        return _vector(levels.at(since), metric, query.part, self._requests(metric, query.arm, since))

    def _requests(self, metric: Metric, arm: ArmName, since: float) -> float:
        """Requests of an arm in a window, as the weights were `since` seconds after the start."""
        rates = self._rates(metric, arm)
        place = bisect.bisect_right(rates, since, key=lambda one: one[0]) - 1
        return rates[max(place, 0)][1] * metric.window.seconds

    def _rates(self, metric: Metric, arm: ArmName) -> list[tuple[float, float]]:
        """Since when an arm has how many requests a second: as the weights were, where the script says the traffic of both."""
        script, seconds = self.world.metrics[metric.name], metric.window.seconds
        if script.traffic is None:
            return [(0.0, script.requests / seconds)]
        found = [(0.0, 0.0)]
        ref = targets.refs_of(self.spec, self.cluster.namespace)[0]
        for write in self.cluster.history:
            if write.route == ref.key:
                arms = [(one[ref.baseline], one[ref.candidate]) for one in write.rules]
                mine = [pair[arm is ArmName.CANDIDATE] / max(sum(pair), 1) for pair in arms]
                share = sum(mine) / len(mine)  # each rule has as many requests as any other
                if arm is ArmName.CANDIDATE and write.mirrors:
                    share += sum(write.mirrors.values()) / 100 / len(mine)
                found.append((write.time - self.begin, share * script.traffic / seconds))
        return found

    def _counter(self, metric: Metric, arm: ArmName, part: str) -> Counter:
        levels, rates = self._levels[metric.name, arm], self._rates(metric, arm)
        key = (metric.name, arm, part, len(rates))
        if key not in self._counted:
            self._counted[key] = Counter.of(levels.instants, levels.levels, metric, part, rates)
        return self._counted[key]

    def _baseline(self, name: str, script: ArmScript) -> tuple[Level, ...]:
        """What the baseline says: what is written, or else that it is well."""
        metric = next((one for one in self.spec.metrics if one.name == plain_name(name)), None)
        if script.baseline or metric is None:
            return script.baseline
        first = script.candidate[0]
        fits = not first.at.seconds and is_clean(self.spec, metric, first)
        return (first.model_copy(update={"for_": None}) if fits else clean_level(self.spec, metric),)

    def _scripts(self) -> Iterator[tuple[str, ArmScript]]:
        """What is said of each metric, and of each metric of a cohort, by its name."""
        for name, script in self.world.metrics.items():
            yield name, script
            for cohort, of_cohort in script.cohorts.items():
                yield cohort_name(name, cohort), of_cohort


def _vector(level: Level, metric: Metric, part: str, requests: float) -> Vector:
    if level.empty:
        return Vector(())
    if level.nan:
        return Vector((SeriesValue((), math.nan),))
    return Vector(
        tuple(
            SeriesValue(labels, value if part == "value" else requests * kind_of(metric).per_request(part, value))
            for labels, value in numbers(level, metric)
        )
    )
