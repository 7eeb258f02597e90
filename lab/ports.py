"""Free loopback ports for the lab's processes."""

from __future__ import annotations

import random
import socket

from lab.reserved import reserve

# Below the range from which kernels take ports for outgoing connections (32768 on Linux): a process that is stopped
# and started again must find its port still free.
_FIRST, _LAST = 20000, 32000
_TRIES = 200


def free_port() -> int:
    """A TCP port nobody listens on at 127.0.0.1, given to no other caller on this machine while this process runs."""
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)  # noqa: S311 (no secret)
        if _is_free(port) and reserve(f"port {port}"):
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST} after {_TRIES} tries")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
