"""Which addresses and hosts a tenant's URL may reach."""

from __future__ import annotations

import pytest

from tidegate.adapters.notifiers.allowed import Allowed, RefusedError, is_public

INTERNAL = (
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",  # noqa: S104  (nothing is bound)
    "10.96.0.1",
    "172.16.4.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "localhost",
    "",
)
PUBLIC = ("93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808", "::ffff:8.8.8.8")


@pytest.mark.parametrize("address", INTERNAL)
def test_an_address_of_the_operators_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("hosts", "host", "taken"),
    [
        ((), "hooks.example.org", False),
        (("hooks.example.org",), "hooks.example.org", True),
        (("hooks.example.org",), "HOOKS.example.org.", True),
        (("hooks.example.org",), "evil-hooks.example.org", False),
        (("*.example.org",), "a.b.example.org", True),
        (("*.example.org",), "example.org", False),
        (("*.example.org",), "evilexample.org", False),
        (("*",), "anything.test", True),
        (("*",), "[::1]", True),
    ],
)
def test_hosts_are_names_or_all_below_one(hosts: tuple[str, ...], host: str, taken: bool) -> None:  # noqa: FBT001
    allowed = Allowed(hosts=hosts)
    if taken:
        allowed.check_host(host)
    else:
        with pytest.raises(RefusedError, match=r"notifications\.hosts"):
            allowed.check_host(host)


def test_of_several_addresses_the_public_ones_are_used() -> None:
    assert Allowed().reachable("x.test", ["10.0.0.1", "8.8.8.8"]) == ["8.8.8.8"]
    with pytest.raises(RefusedError, match="internalHosts"):
        Allowed().reachable("x.test", ["10.0.0.1", "127.0.0.1"])


def test_an_internal_host_may_be_anywhere_and_needs_no_other_entry() -> None:
    allowed = Allowed(internal_hosts=("events.tools.svc",))
    allowed.check_host("events.tools.svc")
    assert allowed.reachable("events.tools.svc", ["10.96.3.4"]) == ["10.96.3.4"]
    with pytest.raises(RefusedError):
        allowed.check_host("other.tools.svc")
