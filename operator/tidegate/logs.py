"""Logging: one event a line, JSON for machines, colours for a person at a terminal.

What libraries log through the standard library takes the same way. Their chatter is held to warnings: a watch stream
that reconnects is no news.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog

QUIETED: Final = ("kopf", "aiohttp", "urllib3", "asyncio", "kubernetes", "prometheus_api_client")
"""Libraries that are heard only when something is wrong."""

_SECRET_KEY: Final = re.compile(r"token|password|secret|authorization|cookie", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)


def configure(
    format: Literal["auto", "json", "console"] = "auto",  # noqa: A002  (the configuration's own word)
    level: str = "info",
    stream: TextIO | None = None,
) -> None:
    """Sets up logging for the process; `stream` is standard error by default."""
    out = stream or sys.stderr
    for_people = format == "console" or (format == "auto" and out.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    renderer: list[structlog.types.Processor] = (
        [structlog.dev.ConsoleRenderer(colors=out.isatty())]
        if for_people
        else [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=()), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in QUIETED:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    # It warns at each start that it takes no signals off the main thread, which is why it runs there.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)


def without_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blanks what is named like a secret or looks like an Authorization header, whoever logged it."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = "[hidden]"
        elif isinstance(value, str):
            event[key] = _SECRET_TEXT.sub(r"\1 [hidden]", value)
    return event
