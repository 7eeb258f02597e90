"""Waiting for a condition with a deadline: the only way anything in the lab waits."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.05
PATIENCE = 60.0
"""Seconds within which anything comes that ever does, also on a busy machine; a wait that is met costs none of them."""

T = TypeVar("T")


class DeadlineError(AssertionError):
    """What was waited for did not come; an assertion, because in a test that is what it means."""


@overload
async def until(
    condition: Callable[[], Awaitable[T]], seconds: float, what: str, *, every: float = POLL_SECONDS
) -> T: ...


@overload
async def until(condition: Callable[[], T], seconds: float, what: str, *, every: float = POLL_SECONDS) -> T: ...


async def until(condition: Callable[[], object], seconds: float, what: str, *, every: float = POLL_SECONDS) -> object:
    """The first truthy answer of `condition` (plain or async), asked again and again for `seconds`.

    DeadlineError with `what` and the last answer when there was none. The condition's own exceptions pass through.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() >= deadline:
            raise DeadlineError(f"{what}: not within {seconds:g} s, last seen: {value!r}")
        await asyncio.sleep(every)
