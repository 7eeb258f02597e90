"""A run of this part that is killed leaves no process behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.bench.decisions.cells import HEALTHY
from tests.bench.decisions.race import CHUNK, races
from tests.unit.backtest.test_workers import DEADLINE, ends_with


def busy(*_: object) -> dict[str, object]:
    """A cell that never ends."""
    Path(os.environ["BUSY"], str(os.getpid())).touch()
    while True:
        pass


def go_on_for_ever() -> None:
    list(races(HEALTHY[:1], busy, 2 * CHUNK))  # type: ignore[type-var]


def at_work(folder: Path) -> list[int]:
    return [int(one.name) for one in folder.iterdir()]


async def workers(folder: Path) -> list[int]:
    """The processes that are busy, once there are any."""
    async with asyncio.timeout(DEADLINE):
        while not (found := at_work(folder)):  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0.02)
    return found


async def test_the_processes_end_with_the_one_that_began_them(tmp_path: Path) -> None:
    words = "from tests.bench.decisions import test_processes; test_processes.go_on_for_ever()"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "BUSY": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", words, env=env)
    left = await workers(tmp_path)
    assert await ends_with(process, signal.SIGTERM, left) == set(left)
