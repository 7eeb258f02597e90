"""What the operator costs while nothing happens: with no Rollout, with many at rest, and with many in progress."""

from __future__ import annotations

from tests.bench.cost import Cost
from tests.bench.figures import Table, against
from tests.bench.stage import Stage, progress

MEMORY_AIM = 120.0
"""MiB, with a hundred Rollouts."""
RUNNING_INTERVAL = 30


def table(seconds: float) -> Table:
    return Table(
        title="Memory and cost at rest",
        how=(
            "The operator is restarted, with the objects already there, and left until it has settled; then counted over "
            f"{seconds:.0f} s. Memory: resident, as the kernel reports it. API requests: as the API server counts what its fair "
            "queues let through for the operator's service account (what is in brackets: as the operator counts its own calls, "
            "without watch streams and the sign of life it asks for every 15 s of silence). Queries: as the stand-in for "
            "Prometheus counts them."
        ),
        columns=(
            "Rollouts",
            "Resident memory",
            "Aim",
            "Met",
            "CPU, share of a core",
            "API requests a minute",
            "Queries a minute",
        ),
    )


def row(what: str, found: Cost, aim: float | None = None) -> tuple[str, ...]:
    return (
        what,
        f"{found.rss:.0f} MiB",
        "" if aim is None else f"< {aim:.0f} MiB",
        "" if aim is None else against(aim, found.rss),
        f"{100 * found.cpu / found.at:.1f} %",
        f"{found.a_minute(found.requests):.1f} ({found.a_minute(found.calls):.1f})",
        f"{found.a_minute(found.queries):.1f}",
    )


async def at_rest(stage: Stage, rollouts: int, seconds: float) -> tuple[str, ...]:
    """A row for so many Rollouts at rest."""
    await stage.fleet.grow(rollouts)
    await stage.afresh()
    found = await _over(stage, seconds)
    progress(f"{rollouts} at rest: {found.rss:.0f} MiB, {found.a_minute(found.requests):.1f} API requests a minute")
    return row(f"{rollouts} at rest" if rollouts else "none", found, MEMORY_AIM if rollouts == 100 else None)


async def under_way(stage: Stage, rollouts: int, seconds: float) -> tuple[str, ...]:
    """A row for so many Rollouts with a run, judged every thirty seconds; ends the runs afterwards."""
    await stage.fleet.grow(rollouts)
    shops = stage.fleet.shops[:rollouts]
    await stage.fleet.run(shops, RUNNING_INTERVAL)
    await stage.fleet.counted(shops)
    await stage.settled()
    found = await _over(stage, seconds)
    progress(f"{rollouts} in progress: {found.rss:.0f} MiB, {found.a_minute(found.requests):.1f} API requests a minute")
    await stage.fleet.end(shops)
    return row(f"{rollouts} in progress, interval {RUNNING_INTERVAL} s", found, MEMORY_AIM if rollouts == 100 else None)


async def _over(stage: Stage, seconds: float) -> Cost:
    before = await stage.cost()
    await stage.passes(seconds)
    return (await stage.cost()).since(before)
