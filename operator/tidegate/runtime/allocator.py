"""Memory that is given back: settings of the C library's allocator and of asyncio's TLS, made once at the start.

Answers of the API server are large and short-lived. glibc keeps what they took in up to eight arenas a core, and raises by
itself the size from which it gives memory back; asyncio keeps 256 KiB for each TLS connection and takes as much again for
each read. Both are for throughput that an operator does not need.
"""

from __future__ import annotations

import asyncio.sslproto
import ctypes
import os
from typing import Final

ARENAS: Final = 2
"""Arenas of malloc for all threads: ours work one at a time, but for short waits."""
THRESHOLD: Final = 128 * 1024
"""Bytes: glibc's own first value for both thresholds; setting one keeps it from growing to 32 MiB."""
TLS_READ: Final = 32 * 1024
"""Bytes read from a TLS connection at once: two of its records."""

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Names and numbers are malloc.h's."""
_BY_ENVIRONMENT: Final = ("MALLOC_", "GLIBC_TUNABLES")


def economize() -> bool:
    """Makes the settings. Returns: whether the C library took them; another than glibc has none of these.

    An administrator's own settings in the environment (`MALLOC_ARENA_MAX` and the like) are left as they are.
    """
    # A class attribute that CPython reads at each connection and read; where a version has none, nothing changes.
    if hasattr(asyncio.sslproto.SSLProtocol, "max_size"):
        asyncio.sslproto.SSLProtocol.max_size = TLS_READ
    if any(name.startswith(_BY_ENVIRONMENT) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
        return False
    settings = ((M_ARENA_MAX, ARENAS), (M_TRIM_THRESHOLD, THRESHOLD), (M_MMAP_THRESHOLD, THRESHOLD))
    return all(mallopt(number, value) == 1 for number, value in settings)
