"""The tables, on the terminal and as docs/benchmarks.md."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown

from tests.bench.figures import Table

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

HEAD = """\
# Benchmarks

Written by `make bench` on {date}; measured from outside the operator, on a real etcd, API server and
controller-manager as local processes, over loopback, all on one machine: the API server, etcd, the controllers, the
operator, the stand-in for Prometheus and the watch share its cores. Pods are reported ready without running anything.

{machine}

{busy}
"""

PEERS = """\
## Compared with Argo Rollouts and Flagger

Their figures were measured earlier, by other programs, on a like control plane (Kubernetes 1.36.3, 2 cores, a
switchable stand-in for Prometheus, weight 0 as a watch shows it): Argo Rollouts 1.9.1 with an Istio VirtualService,
Flagger 1.44.0 with an HTTPRoute. They are an orientation, not a race run side by side.

| | Tidegate, from the tables above | Argo Rollouts 1.9.1 | Flagger 1.44.0 |
|---|---|---|---|
{rows}

Where they are ahead: Flagger needs less memory throughout, Argo Rollouts less with few objects; both have many more routers
and years of production behind them.
"""

ARGO_AND_FLAGGER = {
    "breach": ("breach -> weight 0, interval 10 s: min / median / max", "1.2 / 7.6 / 11.4 s", "11.1 / 14.3 / 19.6 s"),
    "storm": ("200 breaching at once, interval 10 s: median / last", "32 / 42 s", "38 / 40 s"),
    "memory": (
        "memory at rest",
        "79 MiB (1), 118 MiB (200), 230 MiB (1,000)",
        "56 MiB (1), 76 MiB (200), 123 MiB (1,000)",
    ),
    "requests": (
        "API requests a minute, in progress at 30 s",
        "408 (200 objects)",
        "6,837 (200 objects)",
    ),
    "idle": ("API requests a minute, at rest", "0 (200 objects)", "4,000 (200 objects)"),
}
"""The part compared, its name, and what was measured of the two others."""


def page(
    machine: Sequence[tuple[str, str]],
    busy: tuple[float, float],
    tables: Sequence[Table],
    ours: dict[str, str],
    decisions: str = "",
) -> str:
    """The whole page; `busy`: load before the start and at the end; `ours`: by the keys of `ARGO_AND_FLAGGER`.

    `decisions`: the section of the part that measures no time.
    """
    described = "\n".join(f"- {name}: {value}" for name, value in machine)
    load = (
        f"Processes that wanted a core (one-minute load): {busy[0]:.1f} before the start, {busy[1]:.1f} at the end. A load "
        "before the start is other work on the machine, and makes what is below worse than it would be without."
    )
    head = HEAD.format(date=time.strftime("%Y-%m-%d", time.gmtime()), machine=described, busy=load)
    rows = [
        f"| {name} | {ours[key]} | {argo} | {flagger} |"
        for key, (name, argo, flagger) in ARGO_AND_FLAGGER.items()
        if key in ours
    ]
    parts = [head, *(_markdown(table) for table in tables)]
    if rows:
        parts.append(PEERS.format(rows="\n".join(rows)))
    return "\n".join([*parts, decisions] if decisions else parts)


def show(tables: Sequence[Table]) -> None:
    console = Console()
    for table in tables:
        shown = Shown(*table.columns, title=table.title)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)


def _markdown(table: Table) -> str:
    lines = [f"## {table.title}", "", table.how, "", _row(table.columns), _row(["---"] * len(table.columns))]
    return "\n".join([*lines, *(_row(row) for row in table.rows), "", *(note + "\n" for note in table.notes)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
