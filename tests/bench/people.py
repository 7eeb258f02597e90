"""People: an Abort until the candidate has no traffic, what Rollouts cost that wait at gates, and a plan of many days simulated."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab.wait import until
from tests.bench.figures import Table, against, milliseconds, quantile, seconds
from tests.bench.fleet import API_VERSION, Shop
from tests.bench.rest import RUNNING_INTERVAL
from tests.bench.stage import Stage, progress

ROOT = Path(__file__).parents[2]
ABORTS = 30
WAITING = 200
SECONDS = 45.0
ABORT_AIM = 0.1
"""Seconds, median."""
PLAN = ("examples/long-progressive.yaml", "--world", "examples/worlds/long-progressive-clean.yaml")
"""Sixteen days and three restarts."""
PLAN_AIM = 2.0
"""Seconds of the whole command."""
NEVER = "2099-01-01T00:00:00Z"


def table() -> Table:
    return Table(
        title="People and gates",
        how=(
            f"*Abort*: {ABORTS} runs in progress, aborted one by one; from the API server's answer to the creation of the "
            "RolloutCommand until a watch shows weight 0. *Waiting at gates*: runs whose first step's gate is closed, counted "
            f"over {SECONDS:.0f} s; what the operator does for itself is in the figure, see the table of memory and cost at rest. "
            "*Simulated*: the whole command `tidegate simulate` with `long-progressive-clean`, the best of three."
        ),
        columns=("What", "Figure", "Aim", "Met"),
    )


async def rows(
    stage: Stage, aborts: int = ABORTS, waiting: int = WAITING, over: float = SECONDS
) -> list[tuple[str, ...]]:
    await stage.fleet.grow(max(aborts, waiting))
    took = await _aborted(stage, stage.fleet.shops[:aborts])
    median, most = quantile(took, 0.5), max(took)
    progress(f"abort: median {milliseconds(median)}, slowest {milliseconds(most)}")
    shops = stage.fleet.shops[:waiting]
    await stage.fleet.gated(shops, NEVER, RUNNING_INTERVAL)
    await stage.settled()
    before = await stage.cost()
    await stage.passes(over)
    cost = (await stage.cost()).since(before)
    progress(f"{waiting} at gates: {cost.requests:.0f} API requests, {cost.queries:.0f} queries in {cost.at:.0f} s")
    return [
        ("Abort: median to weight 0", milliseconds(median), f"< {milliseconds(ABORT_AIM)}", against(ABORT_AIM, median)),
        ("... slowest", milliseconds(most), "", ""),
        (f"{waiting} waiting at gates: queries", f"{cost.queries:.0f}", "0", "yes" if not cost.queries else "**no**"),
        (
            "... API requests a minute",
            f"{cost.a_minute(cost.requests):.1f}",
            "",  # of the operator itself: lists of routes, commands and Rollouts after 20 s of silence, however many wait
            "",
        ),
        ("... CPU, share of a core", f"{100 * cost.cpu / cost.at:.1f} %", "", ""),
        simulated(),
    ]


def simulated() -> tuple[str, ...]:
    """The row of the plan that is simulated."""
    command = [sys.executable, "-m", "tidegate.cli", "simulate", *PLAN]
    took = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)  # noqa: S603  (its own command)
        took.append(time.monotonic() - began)
    progress(f"simulated: {seconds(min(took))}")
    return (
        "16 days over three restarts, simulated",
        seconds(min(took)),
        f"< {seconds(PLAN_AIM)}",
        against(PLAN_AIM, min(took)),
    )


async def _aborted(stage: Stage, shops: Sequence[Shop]) -> list[float]:
    """Seconds from each command's creation to weight 0."""
    await stage.fleet.run(shops, RUNNING_INTERVAL)
    await stage.fleet.counted(shops)
    took = []
    for shop in shops:
        await stage.lab.api.create(
            {
                "apiVersion": API_VERSION,
                "kind": "RolloutCommand",
                "metadata": {"generateName": f"{shop.name}-", "namespace": shop.namespace},
                "spec": {"rollout": shop.name, "action": "Abort", "reason": "bench"},
            }
        )
        created = time.time()
        await stage.fleet.reverted([shop])
        took.append(stage.fleet.zero_at(shop) - created)
    await until(lambda: stage.fleet.ended(shops), 60, "all aborted runs have ended", every=0.5)
    return took
