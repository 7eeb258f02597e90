"""Where messages may be sent: schemes, hosts and addresses that the administrator allows.

Of the standard library alone: the child process stands on it too.
A tenant writes the URL, and the operator's pod opens the connection. So an address counts, not a name: whatever a name resolves to
at the moment of connecting is either on the public Internet, or belongs to a host that the administrator named.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that stand for IPv4 ones (RFC 6052)."""
_PROTOCOLS: Final = ipaddress.IPv4Network("192.0.0.0/24")
"""Of protocols (RFC 6890): Python's releases differ in which of them they call global."""
_6TO4: Final = ipaddress.IPv6Network("2002::/16")
"""The same (RFC 3056)."""


class RefusedError(Exception):
    """The administrator does not allow it; the words name no part of the URL."""


@dataclass(frozen=True)
class Allowed:
    """What the administrator allows. Hosts are names or addresses, in lower case."""

    schemes: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """`*.example.org` for every name below it, `*` for every name."""
    internal_hosts: tuple[str, ...] = ()
    """Hosts that may be at an address which is not public."""

    def check_scheme(self, scheme: str) -> None:
        """Raises: RefusedError."""
        if scheme.lower() not in self.schemes:
            raise RefusedError("the URL's scheme is not one of the operator's notifications.schemes")

    def check_host(self, host: str) -> None:
        """Of a URL that names its own host. Raises: RefusedError."""
        name = _plain(host)
        if name not in self.internal_hosts and not any(_matches(name, pattern) for pattern in self.hosts):
            raise RefusedError("the host is not one of the operator's notifications.hosts")

    def is_internal(self, host: str) -> bool:
        """Whether a host may be at any address."""
        return _plain(host) in self.internal_hosts

    def reachable(self, host: str, addresses: Iterable[str]) -> list[str]:
        """Those of the addresses of a host that may be connected to.

        Raises: RefusedError: there is none.
        """
        found = [one for one in addresses if self.is_internal(host) or is_public(one)]
        if not found:
            raise RefusedError("the host is not at a public address, and not one of notifications.internalHosts")
        return found

    def as_json(self) -> dict[str, Any]:
        """For the child process."""
        return asdict(self)

    @classmethod
    def of_json(cls, data: dict[str, Any]) -> Allowed:
        """The reverse."""
        return cls(**{name: tuple(value) for name, value in data.items()})


def is_public(address: str) -> bool:
    """Whether an address is on the public Internet: not loopback, link-local, private, shared, multicast, reserved or a name."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(
        one.is_global and not one.is_multicast and not one.is_reserved and one not in _PROTOCOLS
        for one in _meant(found)
    )


def _meant(address: Address) -> tuple[Address, ...]:
    """The address, or the IPv4 address that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    if address in _6TO4 and address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    return (address,)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _matches(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[2:]
    return pattern in {"*", host}
