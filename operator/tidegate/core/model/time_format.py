"""Epoch seconds, as decisions use them, and the instants of the API. Nothing here asks what time it is."""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST = datetime.max.replace(microsecond=999_000, tzinfo=UTC).timestamp()


def instant(epoch: float) -> datetime:
    """The instant `epoch` seconds after 1970, to the millisecond, in UTC; beyond the years 1 to 9999 the first or last of them.

    An instant of the API may be written with another time zone's offset, or be a distance from one near the end.
    """
    return datetime.fromtimestamp(min(max(round(epoch, 3), _FIRST), _LAST), UTC)


def in_words(seconds: float) -> str:
    """A length of time for people, such as `1h30m`, `45s` or `0.5s`."""
    if seconds < 1:
        return f"{round(seconds, 3):g}s"
    left = round(seconds)
    words = ""
    for name, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        words += f"{count}{name}" if count else ""
    return words
