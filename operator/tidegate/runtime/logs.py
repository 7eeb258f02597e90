"""Logging: one event a line, JSON for machines, colours for a person at a terminal.

What libraries log through the standard library takes the same way. Their chatter is held to warnings: a watch stream
that reconnects is no news.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog

from tidegate.api.values.text import printable

QUIETED: Final = ("kopf", "aiohttp", "urllib3", "asyncio", "kubernetes", "prometheus_api_client")
"""Libraries that are heard only when something is wrong."""

_OWN: Final = frozenset({"exc_info", "_record", "_from_structlog", "level", "timestamp", "logger"})
"""What structlog itself puts into an event."""
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
        without_control_characters,
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
        [structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=_traceback)]
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


def without_control_characters(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Escapes what others wrote (reasons, names, answers of servers), so that it forges no lines and draws over none."""
    for key, value in event.items():
        if key not in _OWN:
            event[key] = _escaped(value)
    return event


def _escaped(value: Any) -> Any:  # noqa: ANN401  (whatever was logged)
    match value:
        case str():
            return printable(value)
        case dict():
            return {_escaped(key): _escaped(one) for key, one in value.items()}
        case list() | tuple():
            return [_escaped(one) for one in value]
        case BaseException():
            return printable(str(value))
    return value


def _traceback(out: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """A traceback for people, indented, so that no message in it looks like another log line."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, exc_info)
    out.write("\n".join(f"    {printable(line)}" for line in text.getvalue().rstrip("\n").split("\n")))


def without_secrets(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blanks what is named like a secret or looks like an Authorization header, whoever logged it."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = "[hidden]"
        elif isinstance(value, str):
            event[key] = _SECRET_TEXT.sub(r"\1 [hidden]", value)
    return event
