"""What to query for a metric, and what the answers say of it: the registry of kinds.

A new kind: its model and its row in `api/rollout/metric_kinds`, a module here, a row in `KINDS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from tidegate.api.rollout.metric_kinds import MetricKind
from tidegate.api.rollout.metrics import Metric
from tidegate.api.values import promql
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.average import CounterAverage
from tidegate.core.metrics.query import PlainQuery
from tidegate.core.metrics.ratio import CounterRatio
from tidegate.core.metrics.sampling import Sampling
from tidegate.core.model.answers import Failed, Query, Vector
from tidegate.core.model.samples import Asked, NotAsked, Open, Sample
from tidegate.core.model.world import ArmName

KINDS: Final[Mapping[MetricKind, Sampling]] = {
    MetricKind.QUERY: PlainQuery(),
    MetricKind.RATIO: CounterRatio(),
    MetricKind.AVERAGE: CounterAverage(),
}


def kind_of(metric: Metric) -> Sampling:
    """How a metric is sampled.

    Raises:
        LookupError: a preset or template still stands for its kind; asking is a mistake in the caller.
    """
    if metric.kind is None:
        raise LookupError(f"metric {metric.name!r} is not resolved")
    return KINDS[metric.kind]


def queries(metric: Metric, arm: ArmName, asking: Asking) -> tuple[Query, ...]:
    """The queries of `metric` for `arm`, one for each part."""
    texts = kind_of(metric).texts(metric, arm, asking)
    return tuple(Query(asking.source, text, metric.name, arm, part) for part, text in texts.items())


def sample(metric: Metric, asked: Asked, queries: tuple[Query, ...]) -> Sample:
    """The metric's sample for one arm from the answers to `queries`. Sources report; what an answer means is decided here."""
    answers = {query.part: asked.answer(query) for query in queries}
    for kind in (NotAsked, Open, Failed):
        found = next((answer for answer in answers.values() if isinstance(answer, kind)), None)
        if found is not None:
            return found
    vectors = {part: answer for part, answer in answers.items() if isinstance(answer, Vector)}
    return kind_of(metric).sample(metric, vectors)


def counters(metric: Metric) -> Mapping[str, str]:
    """The selectors of a metric's counters by part; none for one that counts nothing itself."""
    return kind_of(metric).counters(metric)


def of_one_arm(metric: Metric) -> bool:
    """Whether a metric asks something of each arm; else it is of neither, such as revenue or open incidents, and asked once."""
    return any(promql.variables(text) & promql.ARM_VARIABLES for text in metric.texts.values())


def digest(metric: Metric, length: int) -> str:
    """Digest of what a metric asks: one that was edited to ask something else is another metric."""
    asked = {kind.value for kind in MetricKind} | {"requests"}
    text = metric.model_dump_json(include=asked, exclude_none=True)
    return hashlib.sha256(f"{text} {metric.effective_unit} {metric.window}".encode()).hexdigest()[:length]
