"""Names held by one process among all on this machine, until it ends: two labs then never share a port or an address."""

from __future__ import annotations

import atexit
import socket

_held: list[socket.socket] = []


@atexit.register
def _let_go() -> None:
    """Without it the interpreter would warn of each at its end."""
    while _held:
        _held.pop().close()


def reserve(name: str) -> bool:
    """Whether `name` is this process' from now on; not when it is already held, by this process or another.

    The kernel keeps it as an abstract socket's address: for this network namespace, as ports are, and free again however the
    process ends.
    """
    holder = socket.socket(socket.AF_UNIX)
    try:
        holder.bind(f"\0tidegate-lab {name}")
    except OSError:
        holder.close()
        return False
    _held.append(holder)
    return True
