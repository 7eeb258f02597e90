"""Checks of single values in the operator's configuration file, each with words that say what to write."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pydantic import Field
from yarl import URL

from tidegate.api.rollout.traffic import RouteKind
from tidegate.api.values.scalars import Duration
from tidegate.api.values.text import printable

HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, 5.6.2)."""
_VISIBLE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
"""A header's value (RFC 9110, 5.5)."""
PLACE: Final = r"spec(\.[A-Za-z0-9_-]+|\[\*\])*\.[A-Za-z0-9_-]+"
"""Where a number of a custom kind may stand."""


def shown(pattern: str) -> Any:  # noqa: ANN401  (pydantic's own type)
    """A pattern for the JSON schema (editors, the chart) alone: a validator says in words what is wrong."""
    return Field(json_schema_extra={"pattern": pattern})


def http_url(text: str) -> str:
    """An http or https URL without credentials, query and fragment; without the slash at its end.

    Raises: ValueError, in words for the administrator.
    """
    try:
        url = URL(text)
    except ValueError as error:
        raise ValueError("is not a URL; write it like http://prometheus.monitoring:9090") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("must begin with http:// or https:// and name a host")
    if url.user or url.password:
        raise ValueError("must not hold a password; use basicAuth with a passwordFile")
    if url.query_string or url.fragment:
        raise ValueError("must end with the path that /api/v1/query is added to")
    return text.rstrip("/")


def header_value(text: str) -> str:
    """A header's value.

    Raises: ValueError, in words for the administrator.
    """
    if not _VISIBLE.fullmatch(text):
        raise ValueError("must be on one line, without control characters")  # never the value: it may be a secret
    return text


def like(pattern: str, words: str) -> Callable[[str], str]:
    """A check of a whole text; `words` says what to write."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"write {words}")
        return text

    return check


def not_custom(kind: RouteKind) -> RouteKind:
    """A kind of route with a row of its own.

    Raises: ValueError, in words for the administrator.
    """
    if kind is RouteKind.CUSTOM:
        raise ValueError("kinds for 'kind: Custom' are described one by one, under 'custom'")
    return kind


def host_name(text: str) -> str:
    """A host's name in lower case, with its port if it has one.

    Raises: ValueError, in words for the administrator.
    """
    name = text.rstrip(".").lower()
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_.:-]*[a-z0-9_:])?", name):
        raise ValueError("write the name of a host, such as events.tools.svc, without scheme and port")
    return name


def host_pattern(text: str) -> str:
    """A host's name, `*.` and a name, or `*`.

    Raises: ValueError, in words for the administrator.
    """
    return text if text == "*" else ("*." if text.startswith("*.") else "") + host_name(text.removeprefix("*."))


def one_line(text: str) -> str:
    """A text without control characters.

    Raises: ValueError, in words for the administrator.
    """
    if printable(text) != text:
        raise ValueError("must be on one line, without control characters")
    return text


def link_template(text: str) -> str:
    """A URL with `{namespace}` and `{name}` at most; or empty.

    Raises: ValueError, in words for the administrator.
    """
    if text and (
        not re.fullmatch(r"https?://[^/\s]+(/[^\s]*)?", text) or "{" in re.sub(r"\{(namespace|name)\}", "", text)
    ):
        raise ValueError("write it like https://rollouts.example.org/{namespace}/{name}")
    return text


def listen_address(text: str) -> str:
    """`host:port`, or `:port`.

    Raises: ValueError, in words for the administrator.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdecimal() or int(port) > 65535 or "/" in host:
        raise ValueError("write it like 0.0.0.0:8080 or :8080")
    return text


def a_second_or_more(duration: Duration) -> Duration:
    """A duration from one second to five minutes.

    Raises: ValueError, in words for the administrator.
    """
    if not 1 <= duration.seconds <= 300:
        raise ValueError("must be from 1s to 5m")
    return duration
