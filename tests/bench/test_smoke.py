"""That the bench runs and that its figures can be true; never how fast anything is."""

from __future__ import annotations

import pytest

from lab import binaries
from tests.bench import report
from tests.bench.measure import QUICK_SINGLES, QUICK_STORM, quick

BUILT = all(binaries.present(name) for name in ("etcd", "kube-apiserver", "kube-controller-manager"))


@pytest.mark.skipif(not BUILT, reason="the lab's programs are not built: python -m lab build")
async def test_a_quick_run_measures_every_part() -> None:
    found = await quick()

    single, storm = found.storms
    assert len(single.latencies) == QUICK_SINGLES
    assert len(storm.latencies) == QUICK_STORM
    for taken in (single, storm):
        assert all(latency > 0 for latency in taken.latencies), "a route cannot be restored before the answer"
        assert taken.until_rest.queries >= len(taken.latencies), "every revert needs an answer"
        assert taken.until_rest.requests >= 2 * len(taken.latencies), "a revert writes status and route"
        assert taken.until_rest.cpu > 0
        assert taken.yardstick.median > 0
    assert storm.last >= max(storm.from_switch)

    reverts, quiet, resting = found.tables
    assert [row[0] for row in reverts.rows] == ["1", str(QUICK_STORM)]
    figures = {row[0]: row[1] for row in quiet.rows}
    ticks = float(figures["Quiet ticks"])
    assert ticks >= QUICK_STORM, "each was judged at least once"
    most = round(1 + QUICK_STORM / ticks, 2)
    assert 0 < float(figures["Queries a tick"]) <= most, "a query each; at either end one more a run"
    (at_rest,) = resting.rows
    assert at_rest[-1] == "0.0", "a Rollout at rest asks nothing"

    page = report.page(found.machine, found.busy, found.tables, found.ours)
    for table in found.tables:
        assert f"## {table.title}" in page
        assert all(len(row) == len(table.columns) for row in table.rows)
