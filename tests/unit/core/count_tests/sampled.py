"""Raw samples of two counters, as a source keeps and gives them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.simulated.shop import spec
from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import RolloutStatus
from tidegate.core.count_tests.counts import Wanted, closed_windows
from tidegate.core.count_tests.open_windows import (
    OpenWindows,
    raw_queries,
)
from tidegate.core.metrics.asking import Asking
from tidegate.core.model.answers import Answer, Matrix, Query, SeriesValue, Vector
from tidegate.core.model.memory import Memory
from tidegate.core.model.observation import Observation
from tidegate.core.model.raw_samples import RawSeries
from tidegate.core.model.samples import Asked
from tidegate.core.model.world import ArmName
from tidegate.core.model.world import RolloutObject as Rollout
from tidegate.core.tick.draft import Draft

RATIO = {"bad": 'bad{w="$workload"}', "total": 'all{w="$workload"}'}


METRIC = Metric.model_validate({"name": "errors", "ratio": RATIO, "window": "1m"})


ARMS = {ArmName.BASELINE: "a", ArmName.CANDIDATE: "b"}


ASKS = Asking("default", "shop", "checkout", "canary", 0.0, 0.0, ARMS, ARMS, ARMS)


SPEC = RolloutSpec.model_validate(spec())


ROLLOUT = Rollout("shop", "checkout", "uid", 1, "1", 0.0, False, (), {}, {})


STEP = 60.0


Key = tuple[ArmName, str]


_RANGE = re.compile(r"\[(\d+)s\](?: offset (\d+)s)?")


@dataclass
class Store:
    """What was scraped; answers what is asked at an instant."""

    series: dict[Key, list[RawSeries]]
    asked: list[Query] = field(default_factory=list)

    def answer(self, query: Query, now: float) -> Answer:
        self.asked.append(query)
        if query.part == "clock":
            return Vector((SeriesValue((), now),))
        found = _RANGE.search(query.promql)
        assert found is not None, query.promql
        end = now - int(found[2] or 0)
        kind, _, part = query.part.partition("-")
        cut = []
        for one in self.series.get((query.arm, part), []):
            samples = tuple(sample for sample in one.samples if end - int(found[1]) < sample[0] <= end)
            if samples:
                cut.append(RawSeries(one.labels, samples))
        if kind == "known":
            return Vector(tuple(SeriesValue(one.labels, one.samples[-1][1]) for one in cut))
        return Matrix(tuple(cut))

    def closed(self, pending: OpenWindows, metric: Metric = METRIC, wanted: Wanted | None = None) -> object:
        """As a tick does it: decides, asks what is wanted, decides again."""
        answers = {one: self.answer(one, pending.now) for one in raw_queries(metric, ASKS, pending)}
        for _ in range(6):
            observed = Observation(pending.now, ROLLOUT, SPEC, asked=Asked(answers))
            draft = Draft(observed, Memory(), SPEC, RolloutStatus())
            found = closed_windows(draft, metric, ASKS, pending, wanted)
            if not draft.wanted:
                return tuple(one[""] for one in found) if isinstance(found, tuple) else found
            answers = answers | {one: self.answer(one, pending.now) for one in draft.wanted}
        raise AssertionError("it asks without end")


def series(name: str, *samples: tuple[float, float]) -> RawSeries:
    return RawSeries((("pod", name),), samples)


def pending(now: float, begin: float = 0.0, *, step: float = STEP, chunk: float = 3600.0) -> OpenWindows:
    return OpenWindows(begin, step, now, chunk)


def both(*samples: tuple[float, float], bad: tuple[tuple[float, float], ...] = ()) -> Store:
    """The candidate's counters; the baseline has none."""
    found = {(ArmName.CANDIDATE, "total"): [series("p", *samples)]}
    if bad:
        found[ArmName.CANDIDATE, "bad"] = [series("p", *bad)]
    return Store(found)
