"""Crowds: a breach beside neighbours that misbehave, a whole namespace released at once, thousands at rest, and the start."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.bench import cost
from tests.bench.figures import Table, against, quantile, seconds
from tests.bench.stage import Stage, progress

NEIGHBOURS = 8
"""Rollouts on the same source that misbehave."""
SETTLE = 3
"""Intervals that the neighbours misbehave before the breach."""
RELEASED_AIM, RELEASED_MEMORY = 90.0, 400.0
BREACHED_AIM = 13.0
UNDER_WAY_MEMORY, STARTED_AIM = 300.0, 8.0
RUNNING_MEMORY = 135.0
A_ROLLOUT_AIM = 60.0
IMPORT_AIM = 75.0
SAMPLED = 0.25
"""Seconds between two looks at the operator's memory."""
LONG = 900.0
"""Seconds for a crowd to come to anything on a slow machine."""


def table() -> Table:
    return Table(
        title="Crowds and neighbours",
        how=(
            f"*Next to neighbours*: {NEIGHBOURS} other Rollouts on the same source whose every query fails (500) or hangs, for "
            f"{SETTLE} intervals before and during; from the moment one Rollout's answers turn bad to weight 0 on its route, so the "
            "wait for its next query is in it. *Released at once*: all Rollouts of one namespace get another revision within a few "
            "seconds; until every route has the first weight, and the most memory meanwhile. *Breached*: all answers turn bad at "
            "once, until the last route is at 0. *Start*: from the operator's process to the first query of every Rollout."
        ),
        columns=("What", "Figure", "Aim", "Met"),
    )


def _row(what: str, figure: str, aim: str, met: str) -> tuple[str, ...]:
    return what, figure, aim, met


async def beside_neighbours(stage: Stage, how: str, interval: int, repeats: int) -> tuple[str, ...]:
    """One breach after another beside neighbours whose queries fail or hang (`how`)."""
    shops = stage.fleet.shops[: NEIGHBOURS + repeats]
    neighbours, ours = shops[:NEIGHBOURS], shops[NEIGHBOURS:]
    await stage.fleet.run(shops, interval)
    await stage.source.switch("good")
    await stage.source.trouble(how, [shop.key for shop in neighbours])
    times = max(SETTLE, 2)
    await stage.source.asked_by_all([shop.key for shop in ours], times, 10 * times * interval + 60)
    spent: list[float] = []
    for shop in ours:
        switched = time.time()
        await stage.source.breach(shop.key)
        await stage.fleet.reverted([shop])
        spent.append(stage.fleet.zero_at(shop) - switched)
    await stage.source.trouble("none", [])
    await stage.fleet.end(neighbours)
    await stage.fleet.at_rest(shops)
    what = f"Breach next to {NEIGHBOURS} neighbours whose queries {how}, interval {interval} s ({repeats}): median / slowest"
    progress(f"{what}: {seconds(quantile(spent, 0.5))} / {seconds(max(spent))}")
    aim = interval + 1.0
    figure = f"{seconds(quantile(spent, 0.5))} / {seconds(max(spent))}"
    return _row(what, figure, f"slowest < {aim:g} s", against(aim, max(spent)))


async def released_at_once(stage: Stage, count: int, interval: int) -> list[tuple[str, ...]]:
    """All of one namespace: released, then breached."""
    await stage.fleet.grow(count, LONG)
    await stage.afresh()
    shops = stage.fleet.shops[:count]
    began = time.monotonic()
    async with _peak(stage) as peak:
        await stage.fleet.run(shops, interval, LONG)
        spent = time.monotonic() - began
    progress(f"{count} of one namespace released at once: {seconds(spent)}, at most {peak.most:.0f} MiB")
    await stage.settled_at_work()
    switched = time.time()
    await stage.source.switch("all")
    await stage.fleet.reverted(shops, LONG)
    last = max(stage.fleet.zero_at(shop) for shop in shops) - switched
    progress(f"{count} breached at {interval} s: the last at 0 after {seconds(last)}")
    await stage.fleet.at_rest(shops, LONG)
    await stage.source.switch("good")
    return [
        _row(f"{count} of one namespace released at once: all at their first weight", seconds(spent), f"< {RELEASED_AIM:g} s", against(RELEASED_AIM, spent)),
        _row("... the most memory meanwhile", f"{peak.most:.0f} MiB", f"< {RELEASED_MEMORY:g} MiB", against(RELEASED_MEMORY, peak.most)),
        _row(f"... then all breached, interval {interval} s: the last at 0", seconds(last), f"< {BREACHED_AIM:g} s", against(BREACHED_AIM, last)),
    ]  # fmt: skip


async def under_way(
    stage: Stage, count: int, interval: int, memory: float, started: float | None
) -> list[tuple[str, ...]]:
    """So many in progress: memory after a while, and after a start the time to the first query of all."""
    await stage.fleet.grow(count, LONG)
    shops = stage.fleet.shops[:count]
    await stage.fleet.run(shops, interval, LONG)
    await stage.operator.stop()
    await stage.source.switch("good")
    began = time.monotonic()
    await stage.operator.start()
    await stage.source.asked_by_all([shop.key for shop in shops], 1, LONG)
    spent = time.monotonic() - began
    await stage.settled_at_work()
    await stage.passes(interval)
    resident = cost.rss(stage.operator.pid)
    progress(f"{count} in progress at {interval} s: {resident:.0f} MiB, all asked {seconds(spent)} after the start")
    await stage.fleet.end(shops, LONG)
    rows = [
        _row(f"{count} in progress, interval {interval} s: memory", f"{resident:.0f} MiB", f"< {memory:g} MiB", against(memory, resident))
    ]  # fmt: skip
    if started is not None:
        rows.append(
            _row(
                "... from the start to the first query of all",
                seconds(spent),
                f"< {started:g} s",
                against(started, spent),
            )
        )
    return rows


async def at_rest(stage: Stage, counts: Sequence[int], where: str) -> list[tuple[str, ...]]:
    """Memory and time of a start with more and more Rollouts at rest, and what each adds."""
    found: list[tuple[int, float, float]] = []
    for count in counts:
        await stage.fleet.grow(count, LONG)
        await stage.operator.stop()
        began = time.monotonic()
        await stage.operator.start()
        await stage.settled()
        found.append((count, cost.rss(stage.operator.pid), time.monotonic() - began))
        progress(f"{count} at rest in {where}: {found[-1][1]:.0f} MiB, settled after {seconds(found[-1][2])}")
    rows = [
        _row(
            f"{count} at rest in {where}: memory, and seconds until the start is over",
            f"{rss:.0f} MiB, {seconds(spent)}",
            "",
            "",
        )
        for count, rss, spent in found
    ]
    (few, less, _), (many, more, _) = found[0], found[-1]
    slope = 1024 * (more - less) / (many - few)
    rows.append(
        _row(
            f"... a Rollout, from {few} to {many}",
            f"{slope:.0f} KiB",
            f"< {A_ROLLOUT_AIM:g} KiB",
            against(A_ROLLOUT_AIM, slope),
        )
    )
    return rows


async def imports() -> list[tuple[str, ...]]:
    """What a process that has only imported the operator takes."""
    program = (
        "import time; a = time.perf_counter(); from tidegate.cli.parser import command_named; command_named('operator');"
        "b = time.perf_counter();"
        "rss = next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmRSS:'));"
        "print(b - a, rss / 1024)"
    )
    found: list[tuple[float, float]] = []
    for _ in range(5):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        spent, rss = map(float, output.split())
        found.append((spent, rss))
    spent, rss = min(found)
    progress(f"imports: {seconds(spent)}, {rss:.0f} MiB")
    return [
        _row(
            "Imports of the operator: best of five, memory",
            f"{seconds(spent)}, {rss:.0f} MiB",
            f"< {IMPORT_AIM:g} MiB",
            against(IMPORT_AIM, rss),
        )
    ]


@dataclass
class Peak:
    most: float = 0.0
    """MiB."""


@asynccontextmanager
async def _peak(stage: Stage) -> AsyncIterator[Peak]:
    peak = Peak()

    async def look() -> None:
        while True:
            peak.most = max(peak.most, cost.rss(stage.operator.pid))
            await asyncio.sleep(SAMPLED)

    looking = asyncio.create_task(look())
    try:
        yield peak
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
