"""One lab for all tests on real parts (integration, e2e), a namespace for each.

Tests and async fixtures here run on one event loop, the session's, on which the lab lives: tests are marked so below;
a fixture says `@pytest_asyncio.fixture(loop_scope="session")`.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from lab import binaries, manifests
from lab.stack import Lab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lab.control_plane import ControlPlane

# No test depends on wall-clock speed: an example that is slow on a busy machine is not wrong.
settings.register_profile("tidegate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tidegate")

ON_REAL_PARTS = tuple(Path(__file__).parent / folder for folder in ("integration", "e2e"))


def _is_on_real_parts(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(folder) for folder in ON_REAL_PARTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _is_on_real_parts(item) and item.get_closest_marker("asyncio"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Builds before the first test: that may take minutes, and a test has one."""
    if session.config.option.collectonly or not any(_is_on_real_parts(item) for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            binaries.all_programs()
        except (binaries.MissingProgramError, binaries.BuildError) as error:
            pytest.exit(str(error), returncode=1)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lab() -> AsyncIterator[Lab]:
    """Everything: API server, controllers, node, Envoy, Prometheus."""
    async with Lab() as running:
        yield running


@pytest.fixture(scope="session")
def cluster(lab: Lab) -> ControlPlane:
    """The lab's control plane, for tests that need no more."""
    return lab.control_plane


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(lab: Lab) -> AsyncIterator[str]:
    """The name of a namespace of the test's own, deleted after it with all that is in it."""
    item = manifests.namespace(f"t-{secrets.token_hex(4)}")
    await lab.api.create(item)
    yield item["metadata"]["name"]
    await lab.api.delete(item)
