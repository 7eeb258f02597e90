"""Parts of a backtest done by several processes, one for each core: judging is work for a processor, and Python has one in a process."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final

from tidegate.adapters.prometheus import SourceAddress
from tidegate.adapters.prometheus.history import PrometheusHistory
from tidegate.cli.errors import CommandError
from tidegate.simulation.backtest.backtest import Perform
from tidegate.simulation.backtest.order import Task
from tidegate.simulation.backtest.part import Part, part

WORTH: Final = 20_000
"""Points of all parts together from which further processes are worth their start, which takes a second."""
MOST: Final = 4
"""Processes, unless more are asked for: a Prometheus in production has other work."""


def jobs_for(points: int, asked: int | None) -> int:
    """How many processes do the work: as many as asked for, else one for each core where there is enough to do."""
    if asked is not None:
        return asked
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST) if points >= WORTH else 1


class Workers:
    """Does one part at a time here, and the others in other processes."""

    def __init__(self, here: Perform, pool: ProcessPoolExecutor, address: SourceAddress, jobs: int) -> None:
        self.at_once = jobs + 1  # one waits, so that no process does
        self._here = here
        self._pool = pool
        self._address = address
        self._busy = False

    async def __call__(self, task: Task) -> Part:
        """Does one. Raises PortError; CommandError: a process was ended from outside."""
        if not self._busy:
            self._busy = True
            try:
                return await self._here(task)
            finally:
                self._busy = False
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, _work, self._address, task)
        except BrokenProcessPool as error:
            raise CommandError(
                "a process of the backtest was ended from outside (out of memory?); try --jobs 1"
            ) from error


@contextmanager
def workers(here: Perform, address: SourceAddress, jobs: int) -> Iterator[Workers]:
    """So many processes, of which this is one; the others end with the block."""
    # A new interpreter for each: a fork would copy threads' locks, and all that this process has in memory.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs - 1, mp_context=context, initializer=_begin)
    try:
        yield Workers(here, pool, address, jobs)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Ctrl-C ends a process without a word, and so does the end of the command, however that came about."""
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
