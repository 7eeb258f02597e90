"""What the demo shows: the Rollout as it goes, beside what is measured at the gateway and in Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Self

import aiohttp
from rich.table import Table

from lab import shop
from lab.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from lab.api import Object
    from lab.load import Load
    from lab.stack import Lab
    from lab.stories import Story

METRICS = {
    "error-rate": (
        (
            '(sum(rate(http_requests_total{{namespace="{namespace}",deployment="{workload}",code=~"5.."}}[8s])) or '
            'vector(0)) / sum(rate(http_requests_total{{namespace="{namespace}",deployment="{workload}"}}[8s])) * 100'
        ),
        "%",
        "max 5%",
    ),
    "p99-latency": (
        (
            "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket"
            '{{namespace="{namespace}",deployment="{workload}"}}[8s]))) * 1000'
        ),
        "ms",
        "max 500ms for 5s",
    ),
}


class Screen:
    """An async context manager: it keeps measuring while it lasts."""

    def __init__(self, lab: Lab, namespace: str, load: Load) -> None:
        self._lab = lab
        self._namespace = namespace
        self._load = load
        self._rollout: Object = {}
        self._values: dict[str, str] = {}
        self._share = "-"
        self._before: dict[str, int] = {}
        self._told = ""
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self._tasks.start(self._measure())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._tasks.end()

    def take(self, rollout: Object) -> None:
        """The Rollout as it is now."""
        self._rollout = rollout

    def table(self) -> Table:
        """All of it at this moment."""
        status = self._rollout.get("status", {})
        weight = status.get("weight", {})
        table = Table(show_header=False, expand=False)
        table.add_row("phase", status.get("phase", "-"))
        table.add_row("step", status.get("step", {}).get("summary", "-"))
        table.add_row("weight set", f"{weight.get('observed', 0):g}%")
        table.add_row("share at Envoy", self._share)
        for name, (_, _, limit) in METRICS.items():
            table.add_row(f"{name} of the candidate", f"{self._values.get(name, '-')}   ({limit})")
        table.add_row("next check", status.get("nextCheckTime", "-"))
        table.add_row("message", status.get("message", "-"))
        return table

    def lines(self, console: Console) -> None:
        """One line when something changed, for output that is no terminal."""
        status = self._rollout.get("status", {})
        weight = status.get("weight", {}).get("observed", 0)
        words = f"{status.get('phase', '-'):12} {status.get('step', {}).get('summary', '-'):10} weight {weight:g}%"
        if words == self._told:
            return
        self._told = words
        metrics = "  ".join(f"{name} {self._values.get(name, '-'):8}" for name in METRICS)
        line = (
            f"{time.strftime('%H:%M:%S')}  {words:40} at Envoy {self._share:6}  {metrics}  {status.get('message', '')}"
        )
        console.print(line, soft_wrap=True, highlight=False, markup=False)  # one line each, for grep

    async def _measure(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, KeyError):
                await self._ask()
            await asyncio.sleep(1)

    async def _ask(self) -> None:
        counts = await self._lab.envoy.counts()
        now = {name: counts.get(f"{self._namespace}/{name}", {}).get("total", 0) for name in (shop.APP, shop.CANARY)}
        new = {name: now[name] - self._before.get(name, now[name]) for name in now}
        total = sum(new.values())
        self._before = now
        if total:
            self._share = f"{100 * new[shop.CANARY] / total:.1f}%"
        for name, (query, unit, _) in METRICS.items():
            found = await self._lab.prometheus.ask(query.format(namespace=self._namespace, workload=shop.CANARY))
            self._values[name] = _shown(found[0][1], unit) if found else "-"


def _shown(value: float, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:.3g}{unit}"


def summary(stories: Sequence[Story]) -> Table:
    """What the two stories came to."""
    table = Table(title="What was measured from outside the operator")
    for column in (
        "story",
        "outcome",
        "weight set -> share measured",
        "failed requests",
        "first bad answer to weight 0",
    ):
        table.add_column(column)
    for story in stories:
        splits = "\n".join(f"{s.weight:g}% -> {s.measured:.1f}% of {s.requests}" for s in story.stretches)
        failed = "\n".join(
            f"{count} of {story.requests} on {version or 'none'}" for version, count in story.failed.items()
        )
        to_zero = f"{story.seconds_to_zero:.2f} s" if story.seconds_to_zero is not None else "-"
        table.add_row(
            story.title, f"{story.outcome}\n{story.message}", splits, failed or f"0 of {story.requests}", to_zero
        )
    return table
