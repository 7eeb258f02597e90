"""The processes of a backtest: when there are any, and that none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.unit.adapters.fake_server import Reader, Writer, running
from tests.unit.backtest.past import spec
from tidegate.adapters.prometheus import SourceAddress
from tidegate.cli.backtest.workers import MOST, PATIENCE, Jobs, Workers
from tidegate.simulation.backtest.arms import Assumed
from tidegate.simulation.backtest.order import Order, Task
from tidegate.simulation.backtest.part import Part

DEADLINE = 120.0


def test_there_is_a_process_for_each_core_or_as_many_as_asked_for() -> None:
    assert Jobs.of(None) == Jobs(min(len(os.sched_getaffinity(0)), MOST), PATIENCE)
    assert Jobs.of(3) == Jobs(3, 0.0)


@pytest.mark.parametrize(("patience", "here"), [(3600.0, 5), (0.0, 1)])
async def test_what_is_done_soon_is_done_here_and_else_the_others_help(patience: float, here: int) -> None:
    """One part here waits until all others are done elsewhere, or for nobody where nobody helps."""
    order = Order("shop", "default", spec(), 0.0, 100.0, (), 50.0)
    tasks = [Task(order, Assumed.BASELINE, number, number, number) for number in range(5)]
    elsewhere: list[int] = []
    all_others = asyncio.Event()
    mine: list[int] = []

    @dataclass
    class Here:
        at_once: int = 1

        async def __call__(self, task: Task) -> Part:
            mine.append(task.first)
            if not patience:
                await all_others.wait()
            return Part({}, (), {})

    class Pool(Executor):
        def submit(self, _work: object, /, _address: object, task: Task) -> Future[Part]:  # type: ignore[override]
            elsewhere.append(task.first)
            if len(elsewhere) == len(tasks) - 1:
                all_others.set()
            done: Future[Part] = Future()
            done.set_result(Part({}, (), {}))
            return done

    both = Workers(Here(), Pool(), SourceAddress("http://nobody"), Jobs(2, patience))
    await asyncio.wait_for(asyncio.gather(*(both(task) for task in tasks)), DEADLINE)
    assert (len(mine), len(elsewhere)) == (here, len(tasks) - here)


def children(pid: int) -> set[int]:
    return {int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()}


async def until(what: str, true: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(true.wait(), DEADLINE)
    except TimeoutError:
        pytest.fail(what)


async def enough_children(parent: int, least: int) -> list[int]:
    """The processes that one has started, once there are so many: it may ask before the other one is there."""
    async with asyncio.timeout(DEADLINE):
        while len(found := children(parent)) < least:  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0.02)
    return list(found)


async def ends_with(process: asyncio.subprocess.Process, number: int, left: Iterable[int]) -> set[int]:
    """Those of the processes `left` that end after another one has got a signal; fails where one goes on."""
    descriptors = {pid: os.pidfd_open(pid) for pid in left}
    process.send_signal(number)
    await process.wait()
    for pid, descriptor in descriptors.items():
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, ended.set)
        await until(f"process {pid} goes on", ended)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
    return set(descriptors)


async def test_a_command_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never(_: Reader, writer: Writer) -> None:
        asked.set()
        await writer.wait_closed()

    given = spec().model_dump(mode="json", by_alias=True, exclude_unset=True)
    kind = {"apiVersion": "tidegate.dev/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}}
    (tmp_path / "rollout.yaml").write_text(yaml.safe_dump(kind | {"spec": given}))
    windows = [
        {"name": str(one), "start": f"2023-11-1{one}T00:00:00Z", "lasts": "1h", "expect": "continue"} for one in (1, 2)
    ]
    (tmp_path / "windows.yaml").write_text(yaml.safe_dump({"windows": windows}))
    async with running(never) as fake:
        command = ["backtest", "rollout.yaml", "--score", "windows.yaml", "--jobs", "2", "--prometheus", fake.url]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tidegate.cli",
            *command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        await until("nothing was asked", asked)
        left = await enough_children(process.pid, 2)
        assert await ends_with(process, signal.SIGKILL, left) == set(left)
