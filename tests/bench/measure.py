"""All parts in order: first what small fleets are enough for."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from lab.wait import DeadlineError
from tests.bench import cohorts, crowd, machine, notifications, people, rest, reverts, ticks
from tests.bench.figures import Table, quantile
from tests.bench.reverts import Storm
from tests.bench.stage import Stage, progress, stage

PARTS = ("rest", "ticks", "revert", "people", "cohorts", "neighbours", "crowd", "many", "start", "notifications")
"""Those that need the lab's control plane; each of the last six has one of its own, and can be asked for alone."""
TOO_MANY = {(500, 1)}
"""Counts and intervals one process cannot keep: at 2.5 ms of processor time a tick, this is more than a core."""
WHY_NONE = (
    "500 ticks a second take more than the one core a Python process has, and the interval is not kept; any other case that "
    "is named here did not start or end in time."
)
QUICK_SINGLES = 3
QUICK_STORM = 5
QUICK_SECONDS = 3.0


@dataclass(frozen=True)
class Wanted:
    parts: tuple[str, ...] = PARTS
    counts: tuple[int, ...] = (1, 50, 200, 500)
    intervals: tuple[int, ...] = (1, 10)
    repeats: int = 30
    """Reverts of the single case."""
    at_rest: tuple[int, ...] = (0, 100, 1000)
    under_way: int = 100
    rest_seconds: float = 45
    tick_rollouts: int = 50
    tick_seconds: float = 120
    beside: int = 5
    """Breaches beside neighbours, for each way to misbehave and interval."""
    crowd: int = 1000
    """Rollouts of one namespace released at once, and in progress."""
    running: int = 200
    many: tuple[int, ...] = (300, 3000)
    """Rollouts at rest."""
    told: int = notifications.COUNT
    """Rollouts with receivers that breach at once."""


@dataclass
class Measured:
    machine: list[tuple[str, str]] = field(default_factory=list)
    busy: tuple[float, float] = (0.0, 0.0)
    storms: list[Storm] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    ours: dict[str, str] = field(default_factory=dict)


async def measure(wanted: Wanted) -> Measured:
    found = Measured()
    before = machine.busy()
    resting = rest.table(wanted.rest_seconds)
    if {"rest", "ticks", "revert"} & set(wanted.parts):
        await _on_one_stage(wanted, found, resting)
    if crowds := await _crowds(wanted, found):
        table = crowd.table()
        table.rows += crowds
        found.tables.append(table)
    if "people" in wanted.parts:
        table = people.table()
        async with stage() as on:
            table.rows += await people.rows(on)
        found.tables.append(table)
    if "cohorts" in wanted.parts:
        table = cohorts.table()
        async with stage() as on:
            table.rows += await cohorts.rows(on)
        found.tables.append(table)
    if "notifications" in wanted.parts:
        table = notifications.table()
        table.rows += await notifications.rows(wanted.told)
        found.tables.append(table)
    found.busy = (before, machine.busy())
    found.ours = _ours(found.storms, resting)
    return found


async def _on_one_stage(wanted: Wanted, found: Measured, resting: Table) -> None:
    async with stage() as on:
        found.machine = await machine.description(on.lab)
        if "rest" in wanted.parts:
            await _small(on, wanted, resting)
        if "ticks" in wanted.parts:
            await on.fleet.grow(wanted.tick_rollouts)
            found.tables.append(await ticks.table(on, wanted.tick_rollouts, 1, wanted.tick_seconds))
            await on.fleet.end(on.fleet.shops[-wanted.tick_rollouts :])
        if "revert" in wanted.parts:
            found.storms = await _storms(on, wanted)
            latency = reverts.table(found.storms, wanted.repeats)
            if lost := reverts.missing(itertools.product(wanted.counts, wanted.intervals), found.storms):
                latency.notes.append(f"No figure: {lost}. {WHY_NONE}")
            found.tables.insert(0, latency)
        if "rest" in wanted.parts:
            resting.rows.append(await rest.at_rest(on, wanted.at_rest[-1], wanted.rest_seconds))
            found.tables.append(resting)
        progress("ending")


async def _crowds(wanted: Wanted, found: Measured) -> list[tuple[str, ...]]:
    """The parts that need a fleet of their own: in one namespace, or spread over many."""
    rows: list[tuple[str, ...]] = []
    if "start" in wanted.parts:
        rows += await crowd.imports()
    if "neighbours" in wanted.parts:
        async with stage() as on:
            found.machine = found.machine or await machine.description(on.lab)
            await on.fleet.grow(crowd.NEIGHBOURS + wanted.beside)
            for how in ("fail", "hang"):
                for interval in wanted.intervals:
                    rows.append(await crowd.beside_neighbours(on, how, interval, wanted.beside))
            await on.fleet.grow(wanted.running)
            rows += await crowd.under_way(on, wanted.running, rest.RUNNING_INTERVAL, crowd.RUNNING_MEMORY, None)
    if "crowd" in wanted.parts:
        async with stage(wanted.crowd) as on:
            found.machine = found.machine or await machine.description(on.lab)
            rows += await crowd.released_at_once(on, wanted.crowd, 10)
            memory, started = crowd.UNDER_WAY_MEMORY, crowd.STARTED_AIM
            rows += await crowd.under_way(on, wanted.crowd, rest.RUNNING_INTERVAL, memory, started)
    if "many" in wanted.parts:
        most = wanted.many[-1]
        for a_namespace, where in ((most, "one namespace"), (max(most // 100, 1), "100 namespaces")):
            async with stage(a_namespace) as on:
                found.machine = found.machine or await machine.description(on.lab)
                rows += await crowd.at_rest(on, wanted.many, where)
    return rows


async def quick() -> Measured:
    """Everything once, in half a minute: to see that it works. What it measures says nothing."""
    found = Measured(busy=(machine.busy(), machine.busy()))
    resting = rest.table(QUICK_SECONDS)
    async with stage() as on:
        found.machine = await machine.description(on.lab)
        await on.fleet.grow(QUICK_SINGLES + QUICK_STORM)
        found.storms.append(await reverts.one_at_a_time(on, QUICK_SINGLES, 1, run_in=0, conclude=False))
        quiet = await ticks.table(on, QUICK_STORM, 1, QUICK_SECONDS)
        found.storms.append(await reverts.all_at_once(on, QUICK_STORM, 1, run_in=0))
        resting.rows.append(await rest.at_rest(on, QUICK_SINGLES + QUICK_STORM, QUICK_SECONDS))
    found.tables += [reverts.table(found.storms, QUICK_SINGLES), quiet, resting]
    found.ours = _ours(found.storms, resting)
    return found


async def _small(on: Stage, wanted: Wanted, resting: Table) -> None:
    resting.rows += [await rest.at_rest(on, size, wanted.rest_seconds) for size in wanted.at_rest[:-1]]
    resting.rows.append(await rest.under_way(on, wanted.under_way, wanted.rest_seconds))


async def _storms(on: Stage, wanted: Wanted) -> list[Storm]:
    await on.fleet.grow(max([*wanted.counts, wanted.repeats]))
    await on.afresh()
    storms: list[Storm] = []
    for count in wanted.counts:
        for interval in wanted.intervals:
            if (count, interval) in TOO_MANY:
                continue
            try:
                storms.append(await _case(on, wanted, count, interval))
            except DeadlineError as error:
                progress(f"{count} breaching at {interval} s: NOT MEASURED: {error}")
                await on.fleet.end(on.fleet.shops)
                await on.afresh()
    return storms


async def _case(on: Stage, wanted: Wanted, count: int, interval: int) -> Storm:
    if count == 1:
        return await reverts.one_at_a_time(on, wanted.repeats, interval)
    return await reverts.all_at_once(on, count, interval)


def _ours(storms: list[Storm], resting: Table) -> dict[str, str]:
    """What can be put beside the figures of others."""
    ours: dict[str, str] = {}
    by_case = {(storm.count, storm.interval): storm for storm in storms}
    if (50, 10) in by_case:
        waits = by_case[50, 10].from_switch
        ours["breach"] = f"{min(waits):.1f} / {quantile(waits, 0.5):.1f} / {max(waits):.1f} s (50 at once)"
    if (200, 10) in by_case:
        waits = by_case[200, 10].from_switch
        ours["storm"] = f"{quantile(waits, 0.5):.1f} / {max(waits):.1f} s"
    rows = {row[0]: row for row in resting.rows}
    rests = [row for name, row in rows.items() if name.endswith("at rest")]
    if rests:
        ours["memory"] = ", ".join(f"{row[1]} ({row[0].split()[0]})" for row in rests)
        ours["idle"] = ", ".join(f"{row[5]} ({row[0].split()[0]})" for row in rests)
        ours["requests"] = ", ".join(f"{row[5]} ({name})" for name, row in rows.items() if "in progress" in name)
    return ours
