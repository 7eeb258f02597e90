"""From a line to its test on counts."""

from __future__ import annotations

from dataclasses import replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import SharedIncident, Threshold
from tidegate.core.count_tests.protocol import CountTest
from tidegate.core.count_tests.regression import RegressionTest
from tidegate.core.count_tests.split import SplitTest
from tidegate.core.count_tests.state import unpacked
from tidegate.core.tick.context import TickContext

__all__ = ["CountTest", "count_test_of"]


def count_test_of(draft: TickContext, line: Threshold, metric: Metric, remembered: EvidenceStatus) -> CountTest:
    """The line's test with all it has gathered so far.

    Args:
        draft: the tick's.
        line: with a `regression` or a `split`.
        metric: a share.
        remembered: what status keeps of the test.

    Raises:
        ValueError: the line is no test on counts; asking is a mistake in the caller.
    """
    start, state = remembered.start.timestamp(), unpacked(remembered.state) if remembered.state else None
    if line.split is not None:
        return SplitTest.of(draft, line, start, state)
    if line.regression is None:
        raise ValueError(f"{line.identity} is no test on counts")
    found = RegressionTest.of(draft, line.regression, metric, start, state)
    alone = line.regression.limit is not None and line.on_shared_incident is SharedIncident.REVERT
    return replace(found, comparable=False) if alone else found  # then nobody asks whose fault it is
