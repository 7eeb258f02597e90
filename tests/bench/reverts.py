"""How long a revert takes: from the answer that carries the breach to weight 0 on the route, as a watch shows it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.wait import until
from tests.bench.cost import Cost
from tests.bench.figures import Table, against, milliseconds, quantile, seconds
from tests.bench.fleet import Shop
from tests.bench.source import Noted
from tests.bench.stage import Stage, progress
from tests.bench.yardstick import Yardstick

RUN_IN = 12.0
"""Seconds in progress before the breach: a revert in the first ten after a raise waits to be concluded."""
AIMS = {(1, 1): 0.05, (1, 10): 0.05, (200, 1): 3.0, (500, 10): 10.5}
"""Seconds, by count and interval: p99 from the answer with one breaching, else the last after the switch."""


@dataclass(frozen=True)
class Storm:
    count: int
    interval: int
    latencies: list[float]
    """Seconds from the first bad answer to weight 0."""
    from_switch: list[float]
    """Seconds from the switch to weight 0; with one at a time, from the last switch."""
    last: float
    """Seconds from the switch to the last weight 0."""
    missed: int
    """Times that more than one and a half intervals lay between two queries of a Rollout."""
    until_zero: Cost
    until_rest: Cost
    yardstick: Yardstick


def missing(wanted: Iterable[tuple[int, int]], storms: Sequence[Storm]) -> str:
    """The cases for which there is no figure, in words; empty when there are none."""
    taken = {(storm.count, storm.interval) for storm in storms}
    return ", ".join(f"{count} at {interval} s" for count, interval in wanted if (count, interval) not in taken)


def table(storms: Sequence[Storm], running: int) -> Table:
    made = Table(
        title="Revert latency",
        how=(
            "From the moment the first bad answer leaves the stand-in for Prometheus to the moment a watch on the routes, in "
            "another process than the operator, shows weight 0. One guard, one query an interval; the runs are at least "
            f"{RUN_IN:.0f} s in progress. With 1 breaching, {running} are in progress and one at a time gets a bad answer, whichever "
            "asks next. With more, a switch turns every answer bad at once; *last after the switch* contains the wait for the "
            "next query. *Missed*: more than one and a half intervals between two queries of a Rollout, from the quiet "
            "time before to the breach. The yardstick is the bare JSON patch of an HTTPRoute by the operator's own client, "
            "just before: one after the other (median), and as many at once as there are reverts (the last)."
        ),
        columns=(
            "Breaching",
            "Interval",
            "Reverts",
            "Median",
            "p99",
            "Slowest",
            "Last after the switch",
            "Aim",
            "Met",
            "Missed",
            "Requests a revert",
            "Operator CPU",
            "Yardstick: one / last",
            "Median in yardsticks",
        ),
    )
    for storm in storms:
        made.rows.append(_row(storm))
    return made


def _row(storm: Storm) -> tuple[str, ...]:
    single = storm.count == 1
    p99 = quantile(storm.latencies, 0.99)
    aim = AIMS.get((storm.count, storm.interval))
    reached = p99 if single else storm.last
    what = "p99" if single else "last"
    median = quantile(storm.latencies, 0.5)
    return (
        str(storm.count),
        f"{storm.interval} s",
        str(len(storm.latencies)),
        milliseconds(median),
        milliseconds(p99),
        milliseconds(max(storm.latencies)),
        "" if single else seconds(storm.last),
        "" if aim is None else f"{what} < {aim:g} s",
        "" if aim is None else against(aim, reached),
        str(storm.missed),
        f"{storm.until_rest.requests / len(storm.latencies):.1f}",
        seconds(storm.until_rest.cpu),
        f"{milliseconds(storm.yardstick.median)} / {milliseconds(storm.yardstick.last)}",
        f"{median / storm.yardstick.median:.1f}" if single else "",
    )


async def one_at_a_time(
    stage: Stage, repeats: int, interval: int, run_in: float = RUN_IN, *, conclude: bool = True
) -> Storm:
    """Reverts one by one, among `repeats` runs in progress; `conclude`: until all are at rest."""
    yardstick = await stage.yard.measure(1)
    shops = await _under_way(stage, stage.fleet.shops[:repeats], interval, run_in)
    before = await stage.cost()
    for number in range(1, repeats + 1):
        await stage.source.switch("next")
        await _bad(stage, number)
        noted = await stage.source.noted()
        await stage.fleet.reverted([shop for shop in shops if shop.key in noted.bad])
    return await _storm(stage, shops, 1, interval, before, yardstick, conclude=conclude)


async def all_at_once(stage: Stage, count: int, interval: int, run_in: float = RUN_IN) -> Storm:
    yardstick = await stage.yard.measure(count)
    shops = await _under_way(stage, stage.fleet.shops[-count:], interval, run_in)
    before = await stage.cost()
    await stage.source.switch("all")
    await stage.fleet.reverted(shops)
    return await _storm(stage, shops, count, interval, before, yardstick)


async def _under_way(stage: Stage, shops: Sequence[Shop], interval: int, run_in: float) -> Sequence[Shop]:
    await stage.fleet.run(shops, interval)
    await stage.source.switch("good")
    times = max(math.ceil(run_in / interval), 2)
    await stage.source.asked_by_all([shop.key for shop in shops], times, 4 * times * interval + 30)
    return shops


async def _bad(stage: Stage, number: int) -> None:
    async def asked() -> bool:
        return len((await stage.source.noted()).bad) >= number

    await until(asked, 60, "somebody has got a bad answer", every=0.02)


async def _storm(
    stage: Stage,
    shops: Sequence[Shop],
    count: int,
    interval: int,
    before: Cost,
    yardstick: Yardstick,
    *,
    conclude: bool = True,
) -> Storm:
    until_zero = (await stage.cost()).since(before)
    noted = await stage.source.noted()
    if conclude:
        await stage.fleet.at_rest(shops)
    until_rest = (await stage.cost()).since(before)
    await stage.source.switch("good")
    zeros = {shop.key: stage.fleet.zero_at(shop) for shop in shops}
    storm = Storm(
        count=count,
        interval=interval,
        latencies=[at - noted.bad[key] for key, at in zeros.items()],
        from_switch=[at - noted.switched for at in zeros.values()],
        last=max(zeros.values()) - noted.switched,
        missed=sum(gap > 1.5 * interval for gap in _gaps(noted)),
        until_zero=until_zero,
        until_rest=until_rest,
        yardstick=yardstick,
    )
    progress(
        f"{count} breaching at {interval} s: median {milliseconds(quantile(storm.latencies, 0.5))}, "
        f"p99 {milliseconds(quantile(storm.latencies, 0.99))}, last after the switch {seconds(storm.last)}"
    )
    return storm


def _gaps(noted: Noted) -> Iterator[float]:
    for times in noted.asked.values():
        yield from (after - before for before, after in itertools.pairwise(times))
