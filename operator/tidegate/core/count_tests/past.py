"""How the baseline was before the run, block by block: asked once, when the first windows of a test are closed.

One range of blocks for each counter, bounded in time and by `MAX_SERIES`; without an answer the test is cautious and learns during
the run.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.rollout.metrics import Metric
from tidegate.core.count_tests.counts import segment_of
from tidegate.core.metrics import kind_of
from tidegate.core.metrics.asking import Asking
from tidegate.core.metrics.variables import promql_duration
from tidegate.core.model.answers import Failed, Matrix, Query, Vector
from tidegate.core.model.samples import NotAsked, Open
from tidegate.core.model.world import ArmName
from tidegate.core.statistics.dispersion import BLOCK
from tidegate.core.tick.evaluating import Evaluating

REACH = 21_600.0
"""Seconds before the run that are looked at."""

PATIENCE = 2.0
"""Seconds that the first evaluation waits for the answer."""

TRIES = 3
"""Times that it is asked, a window apart."""

Blocks = dict[str, list[tuple[float, float]]]
"""Requests and bad ones, or their sum, of each block, oldest first, by the labels of their segment."""


def past_queries(metric: Metric, asks: Asking, start: float, now: float) -> tuple[Query, ...]:
    """The queries for the blocks that end at `start`; both instants in epoch seconds."""
    texts = kind_of(metric).texts(metric, ArmName.BASELINE, asks, BLOCK)
    behind = max(int(now - start), 0)
    place = f"[{promql_duration(REACH)}:{promql_duration(BLOCK)}]" + (f" offset {behind}s" if behind else "")
    return tuple(
        Query(asks.source, f"({text}){place}", metric.name, ArmName.BASELINE, f"past-{part}", life=PATIENCE)
        for part, text in texts.items()
    )


def past_blocks(draft: Evaluating, metric: Metric, asked: tuple[Query, ...]) -> Blocks | Failed | Open | NotAsked:
    """What the answers come to; an empty mapping where the source has nothing of the baseline's past."""
    found: dict[str, Matrix] = {}
    for query in asked:
        match draft.want(query):
            case Matrix() as matrix:
                found[query.part.removeprefix("past-")] = matrix
            case Vector():
                return {}
            case silent:
                return silent
    blocks: Blocks = {}
    values = {part: _by_segment(metric, matrix) for part, matrix in found.items()}
    for labels, totals in values["total"].items():
        parts = {part: of.get(labels, {}) for part, of in values.items()}
        blocks[labels] = [(total, _counted(parts, at, total)) for at, total in sorted(totals.items()) if total > 0]
    return blocks


def _counted(parts: Mapping[str, Mapping[float, float]], at: float, total: float) -> float:
    """The sum, or the bad ones of `total` requests, in the block that ended `at`."""
    if "sum" in parts:
        return parts["sum"].get(at, 0.0)
    bad = total - parts["fast"].get(at, total) if "fast" in parts else parts["bad"].get(at, 0.0)
    return min(max(bad, 0.0), total)


def _by_segment(metric: Metric, matrix: Matrix) -> dict[str, dict[float, float]]:
    return {segment_of(one.labels, metric.by): dict(one.samples) for one in matrix.series}
