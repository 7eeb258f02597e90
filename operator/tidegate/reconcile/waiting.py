"""Waits with a limit: what takes longer goes on without being waited for, or is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from tidegate.ports.protocols import Clock

PROMPT: Final = 0.3
"""Seconds that a read is waited for where what is known already will do."""

T = TypeVar("T")


async def within(clock: Clock, task: asyncio.Future[Any], seconds: float = PROMPT) -> bool:
    """Waits for a task, at most so long; it goes on after that.

    Args:
        clock: the clock.
        task: what is waited for.
        seconds: at most; one that is done at once takes no timer.

    Returns: whether it is done.
    """
    await asyncio.sleep(0)
    if task.done():
        return True
    late = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, late}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        late.cancel()
    return task.done()


async def promptly(clock: Clock, call: Coroutine[Any, Any, T], known: T) -> tuple[T, asyncio.Future[T] | None]:
    """What a call returns; where that takes long, what is `known`, and the call under way."""
    task = asyncio.ensure_future(call)
    try:
        done = await within(clock, task)
    except asyncio.CancelledError:
        await given_up(task)
        raise
    return (task.result(), None) if done else (known, task)


async def given_up(task: asyncio.Future[Any] | None) -> None:
    """Ends a task that nobody waits for any more."""
    if task is not None and not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
