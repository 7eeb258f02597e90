"""Refuses to this process what a read-only file system refuses. Loaded by Python before anything else."""

from __future__ import annotations

import errno
import os
import sys

_CHANGING = frozenset(
    {
        "os.mkdir",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.utime",
        "tempfile.mkstemp",
    }
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    flags = arguments[2] if event == "open" and len(arguments) > 2 else 0
    path = str(arguments[0]) if arguments else ""
    writes = isinstance(flags, int) and flags & _WRITING and path != os.devnull and not path.isdecimal()
    if event in _CHANGING or writes:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


sys.addaudithook(_refuse)
