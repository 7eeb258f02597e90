"""What the operator costs: memory and processor time as the kernel counts them, requests as those count who answer."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from lab.operator_process import OperatorProcess
from lab.stack import Lab
from tests.bench.source import Source

_CALLS = re.compile(r"^tidegate_api_call_seconds_count\{.*\} (\S+)$", re.MULTILINE)
_TICKS = re.compile(r"^tidegate_tick_seconds_count (\S+)$", re.MULTILINE)
_DISPATCHED = re.compile(
    r'^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="service-accounts".*\} (\S+)$', re.MULTILINE
)
"""The API server's own count for the flow schema of service accounts: in this cluster only the operator is one."""


@dataclass(frozen=True)
class Cost:
    """Counted since the operator started, but for `rss`."""

    at: float
    """Seconds, monotonic."""
    cpu: float
    """Seconds of processor time."""
    rss: float
    """MiB, now."""
    requests: float
    """As the API server counted them."""
    calls: float
    """As the operator counted them; the watch streams and the sign of life are not among them."""
    ticks: float
    """As the operator counted them."""
    queries: float
    """As the stand-in for Prometheus counted them, just before `ticks`."""
    queries_then: float
    """The same just after `ticks`."""

    def since(self, before: Cost) -> Cost:
        """What was counted meanwhile. Every query of it is of a tick that is counted too, or that still goes on: however
        long a busy machine takes between one count and the next.
        """
        queries = self.queries - before.queries_then
        return Cost(
            at=self.at - before.at,
            cpu=self.cpu - before.cpu,
            rss=self.rss,
            requests=self.requests - before.requests,
            calls=self.calls - before.calls,
            ticks=self.ticks - before.ticks,
            queries=queries,
            queries_then=queries,
        )

    def a_minute(self, count: float) -> float:
        return 60 * count / self.at


async def cost(lab: Lab, operator: OperatorProcess, source: Source) -> Cost:
    first = (await source.noted()).queries
    ours = await operator.metrics()
    then = (await source.noted()).queries
    theirs = str((await lab.api.request("GET", "/metrics"))["text"])
    return Cost(
        at=time.monotonic(),
        cpu=cpu_seconds(operator.pid),
        rss=rss(operator.pid),
        requests=_sum(_DISPATCHED, theirs),
        calls=_sum(_CALLS, ours),
        ticks=_sum(_TICKS, ours),
        queries=first,
        queries_then=then,
    )


def rss(pid: int) -> float:
    """MiB of resident memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _sum(pattern: re.Pattern[str], text: str) -> float:
    return sum(float(value) for value in pattern.findall(text))
