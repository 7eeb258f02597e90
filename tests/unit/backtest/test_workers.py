"""The processes of a backtest: when there are any, and that none is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from tests.unit.adapters.fake_server import Reader, Writer, running
from tests.unit.backtest.past import spec
from tidegate.cli.backtest.workers import MOST, WORTH, jobs_for

DEADLINE = 30.0


def test_processes_are_started_where_there_is_enough_to_do_and_as_many_as_asked_for() -> None:
    cores = min(len(os.sched_getaffinity(0)), MOST)
    assert [jobs_for(WORTH - 1, None), jobs_for(WORTH, None)] == [1, cores]
    assert [jobs_for(10, 3), jobs_for(10 * WORTH, 1)] == [3, 1]


def children(pid: int) -> set[int]:
    return {int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()}


async def until(what: str, true: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(true.wait(), DEADLINE)
    except TimeoutError:
        pytest.fail(what)


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
        left = {pid: os.pidfd_open(pid) for pid in children(process.pid)}
        assert len(left) >= 2
        process.send_signal(signal.SIGKILL)
        await process.wait()
        for pid, descriptor in left.items():
            ended = asyncio.Event()
            asyncio.get_running_loop().add_reader(descriptor, ended.set)
            await until(f"process {pid} goes on", ended)
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)
