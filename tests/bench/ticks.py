"""What a tick costs in which nothing changes, and whether the ticks are spread over the interval."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tests.bench.figures import Table, milliseconds, quantile
from tests.bench.source import Noted
from tests.bench.stage import Stage, progress

BARE_SECONDS = 20.0
"""Of bare queries, at most: a thousand give two digits."""


async def table(stage: Stage, rollouts: int, interval: int, seconds: float) -> Table:
    """Leaves the runs in progress."""
    shops = stage.fleet.shops[-rollouts:]
    await stage.fleet.run(shops, interval)
    await stage.fleet.counted(shops)
    await stage.settled_at_work()
    await stage.source.switch("good")
    before = await stage.cost()
    await stage.passes(seconds)
    found = (await stage.cost()).since(before)
    noted = await stage.source.noted()
    bare = await stage.source.bare(rollouts / interval, min(seconds, BARE_SECONDS))
    ticks = found.ticks
    progress(f"{ticks:.0f} quiet ticks: {found.requests / ticks:.4f} API requests each")
    gaps = [after - before for times in noted.asked.values() for before, after in pairwise(times)]
    made = Table(
        title="A quiet tick",
        how=(
            f"{rollouts} runs in progress at an interval of {interval} s, one guard each, counted over {found.at:.0f} s as above. "
            "API requests beyond 0 are the operator's own upkeep: its sign of life, and for each run one live look and one "
            "heartbeat in status every 5 minutes. *Most in a tenth of an interval*: of all queries, by their place in the "
            "interval; evenly spread would be a tenth. *Bare query*: the client library alone, in a process of its own, just after "
            "and at the same pace; processor time differs from hour to hour on a shared machine, the ratio much less."
        ),
        columns=("Figure", "Measured", "Aim"),
    )
    made.rows += [
        ("Quiet ticks", f"{ticks:.0f}", ""),
        ("Queries a tick", f"{found.queries / ticks:.2f}", "1"),
        (
            "API requests a tick, by the API server (by the operator)",
            f"{found.requests / ticks:.4f} ({found.calls / ticks:.4f})",
            "0",
        ),
        ("CPU a tick", f"{1000 * found.cpu / ticks:.2f} ms", ""),
        ("CPU a bare query; CPU a tick in bare queries", f"{1000 * bare:.2f} ms; {found.cpu / ticks / bare:.2f}", ""),
        ("Intervals missed (a gap of more than 1.5)", str(sum(gap > 1.5 * interval for gap in gaps)), "0"),
        ("Gap between two queries, median", milliseconds(quantile(gaps, 0.5)), milliseconds(interval)),
        ("Gap between two queries, longest", milliseconds(max(gaps)), ""),
        ("Most in a tenth of an interval", f"{100 * _crowd(noted, interval):.0f} %", ""),
    ]
    return made


def _crowd(noted: Noted, interval: int) -> float:
    """The largest share of queries within one of the ten tenths of the interval."""
    tenths = [int(at % interval / interval * 10) for times in noted.asked.values() for at in times]
    return max(_count(tenths, tenth) for tenth in range(10)) / len(tenths)


def _count(values: Sequence[int], wanted: int) -> int:
    return sum(value == wanted for value in values)
