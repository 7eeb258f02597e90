"""From a limit to its test on counts."""

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


def count_test_of(draft: TickContext, limit: Threshold, metric: Metric, remembered: EvidenceStatus) -> CountTest:
    """The limit's test with all it has gathered so far.

    Args:
        draft: the tick's.
        limit: with a `regression` or a `split`.
        metric: a share.
        remembered: what status keeps of the test.

    Raises:
        ValueError: the limit is no test on counts; asking is a mistake in the caller.
    """
    start, state = remembered.start.timestamp(), unpacked(remembered.state) if remembered.state else None
    if limit.split is not None:
        return SplitTest.of(draft, limit, start, state)
    if limit.regression is None:
        raise ValueError(f"{limit.identity} is no test on counts")
    found = RegressionTest.of(draft, limit.regression, metric, start, state)
    alone = limit.regression.limit is not None and limit.on_shared_incident is SharedIncident.REVERT
    return replace(found, comparable=False) if alone else found  # then nobody asks whose fault it is
