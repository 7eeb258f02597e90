from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from lab import binaries
from lab.control_plane import User
from lab.stack import Lab

TEAM = User("team")
"""Someone without any right of their own."""


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def fresh() -> AsyncIterator[Lab]:
    """A cluster in which nothing of Tidegate has been installed, with the Prometheus operator's kinds."""
    async with Lab(users=[TEAM]) as lab:
        folder = binaries.monitoring_crds()
        kinds = ("servicemonitors", "podmonitors", "prometheusrules")
        await lab.control_plane.install_crds(folder / f"monitoring.coreos.com_{kind}.yaml" for kind in kinds)
        yield lab
