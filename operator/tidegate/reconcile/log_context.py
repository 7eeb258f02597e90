"""What the log lines of a delivery are of: the Rollout and run whose tick queued it, not those whose tick started the task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from contextvars import Context
from typing import Any, TypeAlias

from structlog.contextvars import bound_contextvars, get_contextvars

LogContext: TypeAlias = Mapping[str, Any]
"""What each log line says beside its own fields."""


def current() -> LogContext:
    """What the tick under way has bound."""
    return get_contextvars()


def of(context: LogContext) -> AbstractContextManager[None]:
    """Binds what was bound when a delivery was queued."""
    return bound_contextvars(**context)


def start_unbound(
    work: Coroutine[Any, Any, None], name: str, ended: Callable[[asyncio.Task[None]], None]
) -> asyncio.Task[None]:
    """Starts a task that works for several Rollouts, and binds nothing of the one whose tick starts it.

    Args:
        work: what it does.
        name: of the task.
        ended: called when it has ended.
    """
    task = asyncio.create_task(work, name=name, context=Context())
    task.add_done_callback(ended, context=Context())
    return task
