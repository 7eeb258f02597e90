"""Standard output and error as they may be: closed, full, or in an encoding that has no arrows."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from typing import Final, TextIO

HANDLER: Final = "tidegate.plain"
"""The name of the codec error handler."""

CANNOT_WRITE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What writing to a full or broken output ends in."""

_PLAIN: Final = {
    "→": "->",
    "…": "...",
    "·": "-",
    "−": "-",
    "–": "-",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "≤": "<=",
    "≥": ">=",
}


def prepare() -> None:
    """Makes both streams able to take every text: a stream that is closed takes it nowhere."""
    codecs.register_error(HANDLER, _plainly)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started us (`>&-`)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  (lives as long as the process)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)


def flush() -> None:
    """Writes what is buffered. Raises: OSError."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def give_up(stream: TextIO) -> None:
    """Sends what could not be written nowhere, so that the end of the process does not try once more."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: arrows and the like in ASCII, others as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    escaped = (_PLAIN.get(one) or one.encode("unicode_escape").decode() for one in lost)
    return "".join(escaped), error.end
