"""Settings of the allocator and of TLS, in processes of their own: they are for good."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SAY = (
    "import asyncio.sslproto; from tidegate.runtime.allocator import economize; done = economize();"
    "print(done, asyncio.sslproto.SSLProtocol.max_size)"
)


def said(**environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", SAY]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_the_settings_are_taken() -> None:
    assert said() == "True 32768"


def test_an_administrators_own_settings_are_left_as_they_are() -> None:
    assert said(MALLOC_ARENA_MAX="4") == "False 32768"
