"""The four ways a call to the world can fail. Adapters translate their library's errors into these, cause chained."""

from __future__ import annotations


class PortError(Exception):
    """Any failure of a port; the message says what was tried, on which object, and what was answered."""


class Unavailable(PortError):  # noqa: N818  (the words of design.md)
    """No answer, or one that says try later. Whether the effect happened is unknown."""


class Conflict(PortError):  # noqa: N818
    """The object is no longer what the write was decided on. Read again and decide again."""


class Rejected(PortError):  # noqa: N818
    """The request was understood and refused: not allowed, not valid, or its kind is not served."""


class Missing(PortError):  # noqa: N818
    """The object does not exist."""
