"""From a line to its test on counts."""

from __future__ import annotations

from dataclasses import replace

from tidegate.api.rollout.metrics import Metric
from tidegate.api.rollout.run_status import EvidenceStatus
from tidegate.api.rollout.thresholds import SharedIncident, Threshold
from tidegate.core.count_tests.against_baseline import AgainstBaseline
from tidegate.core.count_tests.against_limit import AgainstLimit
from tidegate.core.count_tests.against_weight import AgainstWeight
from tidegate.core.count_tests.protocol import CountTest
from tidegate.core.tick.draft import Draft

__all__ = ["CountTest", "count_test_of"]


def count_test_of(draft: Draft, line: Threshold, metric: Metric, remembered: EvidenceStatus) -> CountTest:
    """The line's test with all it has gathered so far.

    Args:
        draft: the tick's.
        line: with a `regression` or a `split`.
        metric: a ratio.
        remembered: what status keeps of the test.

    Raises:
        ValueError: the line is no test on counts; asking is a mistake in the caller.
    """
    if line.split is not None:
        return AgainstWeight.of(draft, line.split, remembered)
    if line.regression is None:
        raise ValueError(f"{line.identity} is no test on counts")
    if line.regression.limit is not None:
        alone = line.on_shared_incident is SharedIncident.REVERT  # then nobody asks whose fault it is
        found = AgainstLimit.of(draft, line.regression, metric, remembered)
        return replace(found, comparable=False) if alone else found
    return AgainstBaseline.of(draft, line.regression, metric, remembered)
