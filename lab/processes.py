"""Child processes that never outlive this one: ended on exit, on Ctrl-C, and by the kernel when this one is killed.

Each has its log file in one folder. What a process needs to be ready is asked by its owner, through `Process.ready`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lab.wait import until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from pathlib import Path

GRACE_SECONDS = 2.0  # from SIGTERM to SIGKILL; an API server with watches open would take a minute of it
_TAIL_LINES = 20
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)  # loaded here: after a fork is no time to load libraries


class ProcessDiedError(Exception):
    """A process ended by itself; the message has its exit code and the end of its log."""


@dataclass(frozen=True)
class Process:
    """One running child."""

    name: str
    log: Path
    child: subprocess.Popen[bytes]

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.child.poll() is None

    async def ready(self, condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Returns when `condition` holds; ProcessDiedError at once when the process ends, DeadlineError after `seconds`."""

        async def alive_and_ready() -> bool:
            if not self.running:
                raise ProcessDiedError(self._obituary())
            return await condition()

        await until(alive_and_ready, seconds, f"{self.name} ready (log: {self.log})")

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, if it still runs."""
        if self.running:
            self.child.send_signal(number)

    def stop(self) -> None:
        """Stops it in its tracks; returns once every thread of it stands still, which the signal alone does not promise."""
        if self.running:
            self.child.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.child.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _obituary(self) -> str:
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return f"{self.name} ended with code {self.child.returncode}; its log {self.log} ends with:\n{tail}"


class Processes:
    """Starts and ends children; an async context manager that ends all of them, the youngest first."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = logs
        self._running: list[Process] = []

    async def __aenter__(self) -> Self:
        atexit.register(self._kill_all)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in reversed(self._running.copy()):
            await self.stop(process)
        atexit.unregister(self._kill_all)

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Process:
        """Starts `command` with the log `<name>.log` (appended to); `environment` replaces this process's when given.

        The child is in a process group of its own, so that a Ctrl-C reaches only us and things end in order.
        """
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if environment is None else dict(environment),
                process_group=0,
                preexec_fn=_DieWithParent(os.getpid()),  # noqa: PLW1509 (two system calls, no locks)
            )
        process = Process(name, log, child)
        self._running.append(process)
        return process

    async def stop(self, process: Process, grace: float = GRACE_SECONDS) -> None:
        """Ends one process: asked first, killed after `grace` seconds. Returns when it is gone."""
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGCONT)  # a paused one cannot answer
        deadline = time.monotonic() + grace
        while process.running:
            if time.monotonic() >= deadline:
                process.signal(signal.SIGKILL)
            await asyncio.sleep(0.01)
        with contextlib.suppress(ValueError):
            self._running.remove(process)

    def _kill_all(self) -> None:
        for process in self._running:
            process.signal(signal.SIGKILL)
            process.child.wait()


class _DieWithParent:
    """Runs in the child before exec: the kernel kills it when the thread that started it ends."""

    def __init__(self, parent: int) -> None:
        self._parent = parent

    def __call__(self) -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:  # it died in between
            os._exit(1)
