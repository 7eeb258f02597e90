"""Parts of a backtest done by several processes, one for each core: judging is work for a processor, and Python has one in a process."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tidegate.adapters.prometheus import SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.cli.errors import CommandError
from tidegate.simulation.backtest.backtest import Perform
from tidegate.simulation.backtest.order import Task
from tidegate.simulation.backtest.part import Part, part

PATIENCE: Final = 2.0
"""Seconds after which further processes are worth their start, which takes a second."""
MOST: Final = 4
"""Processes, unless more are asked for: a Prometheus in production has other work."""


@dataclass(frozen=True)
class Jobs:
    """How many processes do the work."""

    number: int
    patience: float
    """Seconds after which those beside this one are started, if there is still something to do."""

    @classmethod
    def of(cls, asked: int | None) -> Jobs:
        """As many as asked for, at once; else one for each core that this process may use, once it proves to be worth it."""
        if asked is not None:
            return cls(asked, 0.0)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(min(cores, MOST), PATIENCE)


class Workers:
    """Does one part at a time here, and the others in other processes."""

    def __init__(self, here: Perform, pool: Executor, address: SourceAddress, given: Jobs) -> None:
        self.at_once = given.number + 1  # one waits, so that no process does
        self._here = here
        self._pool = pool
        self._address = address
        self._free = asyncio.Lock()
        self._until = asyncio.get_running_loop().time() + given.patience

    async def __call__(self, task: Task) -> Part:
        """Does one. Raises PortError; CommandError: a process was ended from outside."""
        if await self._soon():
            try:
                return await self._here(task)
            finally:
                self._free.release()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _work, self._address, task)
        except BrokenProcessPool as error:
            raise CommandError("a worker process was killed (out of memory?); try --jobs 1") from error

    async def _soon(self) -> bool:
        """Whether this process is free; at first that is waited for, as all may be done soon."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._until):
                return await self._free.acquire()
        return False


@contextmanager
def workers(here: Perform, address: SourceAddress, given: Jobs) -> Iterator[Workers]:
    """So many processes, of which this is one; the others end with the block."""
    # A new interpreter for each: a fork would copy threads' locks, and all that this process has in memory.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(given.number - 1, mp_context=context, initializer=ends_with_command)
    try:
        yield Workers(here, pool, address, given)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def ends_with_command() -> None:
    """Of a worker process: Ctrl-C ends a process without a word, and so does the end of the command, however that came about."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    threading.Thread(target=_follow, name="follow", daemon=True).start()


def _follow() -> None:
    command = multiprocessing.parent_process()
    if command is not None:
        command.join()
        os._exit(1)


def _work(address: SourceAddress, task: Task) -> Part:
    return asyncio.run(_done(address, task))


async def _done(address: SourceAddress, task: Task) -> Part:
    source = PrometheusHistory(address)
    try:
        return await part(source.range, task, source.raw)
    finally:
        source.close()
