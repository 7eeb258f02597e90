"""`python -m tests.bench.long_past [--days 68] [--segments 41] [--jobs N]`: what a backtest of a long history takes.

The history is written as blocks of a real Prometheus: two arms, 41 segments, a scrape a minute. Then `tidegate backtest` runs in
processes of its own, and the memory resident in all of them together is looked at ten times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from lab import binaries
from lab.ports import free_port
from lab.processes import Processes
from tests.bench.stage import progress

MINUTE = 60.0
BEGIN = 1_767_225_600.0
"""2026-01-01T00:00:00Z."""
WEIGHTS = {"shop": 600, "shop-canary": 60}
"""Requests a minute of a segment of each arm, on average."""
ERRORS = 0.005
LOOK = 0.1
"""Seconds from one look at the memory to the next."""


@dataclass(frozen=True)
class Taken:
    what: str
    seconds: float
    largest: float
    """Of one process, MiB resident."""
    together: float
    """Of all at the same moment, MiB resident."""
    processes: int


def write_history(file: Path, days: float, segments: int) -> None:
    """Counters in the text that promtool makes blocks of."""
    with file.open("w") as out:
        out.write("# HELP requests All.\n# TYPE requests counter\n")
        for labels, points in _series(days, segments):
            name = f"requests_total{{{labels}}} "
            out.writelines(f"{name}{value} {BEGIN + place * MINUTE:.0f}\n" for place, value in enumerate(points))
        out.write("# EOF\n")


def _series(days: float, segments: int) -> Iterator[tuple[str, Iterator[int]]]:
    for arm, rate in WEIGHTS.items():
        for segment in range(segments):
            for code, share in (("200", 1 - ERRORS), ("500", ERRORS)):
                labels = f'd="{arm}",segment="s{segment:02}",code="{code}"'
                yield labels, _counter(f"{arm}{segment}{code}", rate * share, round(days * 1440))


def _counter(seed: str, rate: float, minutes: int) -> Iterator[int]:
    """A counter with a daily wave, and noise as of independent requests."""
    dice = random.Random(seed)  # noqa: S311  (a dice, not a key)
    total = 0.0
    for minute in range(minutes):
        mean = rate * (1 + 0.5 * math.sin(minute / 1440 * 2 * math.pi))
        total += max(dice.gauss(mean, math.sqrt(mean)), 0.0)
        yield round(total)


def rollout(*guards: dict[str, Any]) -> dict[str, Any]:
    ratio = {"bad": 'requests_total{d="$workload",code="500"}', "total": 'requests_total{d="$workload"}'}
    return {
        "apiVersion": "tidegate.dev/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {
            "baseline": {"deployment": "shop", "service": "shop"},
            "candidate": {"deployment": "shop-canary", "service": "shop-canary"},
            "traffic": [{"kind": "HTTPRoute", "name": "shop"}],
            "interval": "1m",
            "metrics": [
                {"name": "errors", "ratio": {**ratio, "by": ["segment"]}, "window": "5m", "minimumRequests": 20}
            ],
            "guards": list(guards),
            "steps": [{"name": "canary", "weight": 10, "duration": "5h"}],
            "promotion": {"strategy": "CopyTemplate"},
        },
    }


LIMITS: tuple[dict[str, Any], ...] = (
    {"metric": "errors", "max": "20%", "for": "2m"},
    {"metric": "errors", "maxIncrease": "400%", "floor": "5%", "for": "10m"},
)
TEST: dict[str, Any] = {"name": "worse", "metric": "errors", "regression": {"margin": "20%"}}


def windows(days: float, number: int = 95, hours: float = 2.0) -> dict[str, Any]:
    """So many windows, spread over the history; nothing happens in any."""
    apart = (days * 86400 - 86400) / number
    starts = (BEGIN + 43200 + place * apart for place in range(number))
    return {
        "defaults": {"lasts": f"{round(hours * 60)}m", "expect": "continue"},
        "windows": [
            {"name": f"w{place}", "start": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))}
            for place, start in enumerate(starts)
        ],
    }


def measured(what: str, arguments: list[str]) -> Taken:
    """Runs the command to its end and looks at the memory of all its processes meanwhile."""
    begun = time.perf_counter()
    largest = together = 0.0
    processes = 1
    with subprocess.Popen(  # noqa: S603  (our own)
        [sys.executable, "-m", "tidegate.cli", "backtest", *arguments], stdout=subprocess.PIPE
    ) as child:
        while True:
            sizes = [_resident(pid) for pid in _family(child.pid)]
            largest = max([largest, *sizes])
            together, processes = max(together, sum(sizes)), max(processes, len(sizes))
            try:
                out, _ = child.communicate(timeout=LOOK)
            except subprocess.TimeoutExpired:
                continue
            break
    if child.returncode:
        raise SystemExit(f"{what}: ended with {child.returncode}")
    progress(out.decode().strip().splitlines()[-1])
    found = Taken(what, time.perf_counter() - begun, largest, together, processes)
    progress(
        f"{found.what}: {found.seconds:.0f} s; resident {found.largest:.0f} MiB in the largest process, "
        f"{found.together:.0f} MiB in all {found.processes} together"
    )
    return found


def _family(pid: int) -> list[int]:
    """A process and those that it started."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, _text(task).split())
    return found


def _resident(pid: int) -> float:
    """MiB."""
    line = next((line for line in _text(Path(f"/proc/{pid}/status")).splitlines() if line.startswith("VmRSS")), "")
    return int(line.split()[1]) / 1024 if line else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


async def measure(days: float, segments: int, jobs: int | None) -> list[Taken]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_history(folder / "history.txt", days, segments)
        progress("history written")
        blocks = folder / "prometheus" / "data"
        command = [str(binaries.program("promtool")), "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        command += ["--max-block-duration=486h", str(folder / "history.txt"), str(blocks)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        (folder / "history.txt").unlink()
        progress("blocks made")
        async with Processes(folder / "logs") as children:
            url = await _prometheus(children, folder, blocks)
            return [one async for one in _all(folder, url, days, jobs)]


async def _prometheus(children: Processes, folder: Path, blocks: Path) -> str:
    """One that scrapes nothing and keeps everything."""
    (folder / "prometheus.yml").write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    command: list[str | Path] = [
        binaries.program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={blocks}",
        "--storage.tsdb.retention.time=10y",
        f"--web.listen-address={address}",
        "--log.level=warn",
    ]

    async def answers() -> bool:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(f"http://{address}/-/ready") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

    await children.start("prometheus", command).ready(answers, 60.0)
    return f"http://{address}"


async def _all(folder: Path, url: str, days: float, jobs: int | None) -> AsyncIterator[Taken]:
    said = ["--jobs", str(jobs)] if jobs else []
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (BEGIN, BEGIN + days * 86400))
    over = ["--from", begin, "--to", end, "--every", "6h", "--quiet"]
    (folder / "windows.yaml").write_text(yaml.safe_dump(windows(days)))
    score = ["--score", str(folder / "windows.yaml"), "--quiet"]
    cases = (
        ("two limits, a run of 5 hours every 6", LIMITS, over),
        ("two limits, 95 windows of 2 hours", LIMITS, score),
        ("two limits and a test on counts, 95 windows of 2 hours", (*LIMITS, TEST), score),
    )
    for what, guards, arguments in cases:
        file = folder / "rollout.yaml"
        file.write_text(yaml.safe_dump(rollout(*guards)))
        given = [str(file), "--prometheus", url, "--as", "candidate", *arguments, *said]
        yield await asyncio.to_thread(measured, what, given)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=68)
    parser.add_argument("--segments", type=int, default=41)
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.days, arguments.segments, arguments.jobs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
