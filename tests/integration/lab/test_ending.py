"""Nothing is left running, however the lab ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.wait import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m lab up` with its folder under tmp_path and its output in tmp_path/out."""
    with (tmp_path / "out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab", "up"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


async def started(tmp_path: Path) -> None:
    await until(lambda: "Ctrl-C ends everything" in (tmp_path / "out").read_text(), 3 * PATIENCE, "the lab is up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_no_process_outlives_the_lab(
    running: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    await started(tmp_path)
    children = children_of(running.pid)
    assert len(children) >= 8, children  # etcd, API server, controllers, Prometheus, Envoy, three pods
    running.send_signal(number)
    await until(lambda: running.poll() is not None, PATIENCE, "the lab has ended")
    await until(lambda: not [child for child in children if is_alive(child)], PATIENCE, "its processes have ended")
    if number is not signal.SIGKILL:
        assert running.returncode == 0
        assert left_in(tmp_path) == ["out"]


async def test_a_lab_can_be_ended_while_it_starts(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    await until(lambda: len(children_of(running.pid)) >= 2, PATIENCE, "etcd and the API server run")
    children = children_of(running.pid)
    running.send_signal(signal.SIGINT)
    await until(lambda: running.poll() is not None, PATIENCE, "the lab has ended")
    assert running.returncode == 0
    assert not [child for child in children if is_alive(child)]
    assert left_in(tmp_path) == ["out"]


def left_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def children_of(parent: int) -> list[int]:
    """All but those that have ended."""
    found = [int(name) for name in left_in(Path("/proc")) if name.isdigit()]
    return [process for process in found if stat_of(process)[1] == parent and is_alive(process)]


def is_alive(process: int) -> bool:
    """A zombie that its new parent has not yet asked about has ended."""
    return stat_of(process)[0] not in {"", "Z", "X"}


def stat_of(process: int) -> tuple[str, int]:
    """State and parent."""
    try:
        state, parent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "", 0
    return state, int(parent)
