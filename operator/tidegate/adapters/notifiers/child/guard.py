"""What the process may do while it sends: connect where that is allowed, and nothing else.

A plugin of apprise does what a tenant's URL says. An audit hook (PEP 578) sees every connection, resolution, file and process that
Python code asks for, whichever library does, and cannot be taken off again.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import sysconfig
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from tidegate.adapters.notifiers.allowed import Allowed, RefusedError, is_public


@dataclass
class Sending:
    """One message that is being sent."""

    own_host: bool = True
    """The URL names the host: it must be one that is allowed. Of other services the plugin names it."""
    internal: set[str] = field(default_factory=set)
    """Addresses of internal hosts that the administrator named."""
    refused: str = ""
    """What was refused, for people: a plugin would only say that it failed."""
    status: str = ""
    """The HTTP status that the plugin logged."""


SENDING: Final[ContextVar[Sending | None]] = ContextVar("sending", default=None)

_PROCESSES: Final = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn"}
)
_PYTHON: Final = (*sys.path, sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), "/usr/lib", "/usr/share")
_SYSTEM: Final = ("/etc/ssl", "/etc/pki", "/etc/hosts", "/etc/resolv.conf", "/etc/mime.types", "/etc/localtime")
_READABLE: Final = tuple(os.path.realpath(one) for one in (*_PYTHON, *_SYSTEM) if one not in {"", "/", "."})
"""Files that may be read: Python's own and what resolving and TLS need. No token of the pod is among them."""


def watch(allowed: Allowed) -> None:
    """Watches everything from now on, in every thread."""
    real = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  (as the function it stands for)
        found = real(host, *arguments, **named)
        sending, name = SENDING.get(), _text(host)
        if sending is not None and allowed.is_internal(name):
            sending.internal.update(str(one[4][0]) for one in found)
        return found

    socket.getaddrinfo = resolved
    sys.addaudithook(lambda event, arguments: _look(allowed, event, arguments))


def _look(allowed: Allowed, event: str, arguments: tuple[Any, ...]) -> None:
    try:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            _check_name(allowed, _text(arguments[0]))
        elif event in {"socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"}:
            _check_address(arguments[1])
        elif event in _PROCESSES:
            _refuse("the service starts a process")
        elif event == "open":
            _check_file(arguments[0], arguments[2])
    except RefusedError as error:
        sending = SENDING.get()
        if sending is not None:
            sending.refused = sending.refused or str(error)
        raise


def _check_name(allowed: Allowed, name: str) -> None:
    sending = SENDING.get()
    if sending is None or sending.own_host:
        allowed.check_host(name)


def _check_address(address: Any) -> None:  # noqa: ANN401  (of any family)
    sending = SENDING.get()
    if address is None and sending is not None:  # of a message on a socket that was connected before
        return
    host = address[0] if isinstance(address, tuple) and address else ""
    if is_public(_text(host)) or (sending is not None and _text(host) in sending.internal):
        return
    _refuse("the host is not at a public address, and not one of notifications.internalHosts")


def _check_file(path: Any, flags: Any) -> None:  # noqa: ANN401  (as audited)
    if isinstance(path, int):  # it is open already
        return
    writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC)
    place = os.path.realpath(_text(path))
    if writes or not any(place == one or place.startswith(f"{one}/") for one in _READABLE):
        _refuse("the service reads or writes a file")


def _refuse(why: str) -> NoReturn:
    raise RefusedError(why)


def _text(value: Any) -> str:  # noqa: ANN401  (as audited)
    found = os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else ""
    try:
        return str(ipaddress.ip_address(found))
    except ValueError:
        return found
