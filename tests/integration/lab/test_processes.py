"""A process that does not start says why."""

from __future__ import annotations

import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lab.ports import free_port
from lab.processes import ProcessDiedError, Processes
from lab.reserved import reserve
from lab.wait import PATIENCE, DeadlineError, until

if TYPE_CHECKING:
    from pathlib import Path


async def never() -> bool:
    return False


async def test_a_process_that_dies_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        process = processes.start("broken", ["/bin/sh", "-c", "echo the port is taken; exit 3"])
        with pytest.raises(ProcessDiedError, match=r"broken ended with code 3; .*broken\.log[^$]*the port is taken"):
            await process.ready(never, 10)


async def test_a_process_that_never_becomes_ready_is_reported_with_its_log(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        process = processes.start("slow", ["/bin/sleep", "60"])
        with pytest.raises(DeadlineError, match=r"slow ready \(log: .*slow\.log\): not within 0\.1 s"):
            await process.ready(never, 0.1)


async def test_a_process_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    async with Processes(tmp_path) as processes:
        process = processes.start("stubborn", ["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"])
        await until(lambda: "up" in process.log.read_text(), PATIENCE, "it has set its trap")
        await processes.stop(process, grace=0.1)
    assert not process.running
    assert process.child.returncode == -9


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_a_name_is_one_process_s_until_that_has_ended() -> None:
    name = f"test {secrets.token_hex(4)}"
    code = f"from lab.reserved import reserve; print(reserve({name!r}), reserve({name!r}), flush=True); input()"
    with subprocess.Popen(  # noqa: S603  (our own interpreter and text)
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True False\n"
        assert not reserve(name)
        other.kill()
    assert reserve(name)
