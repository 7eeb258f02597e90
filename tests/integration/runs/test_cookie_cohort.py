"""Same user, same version: the recipe of `examples/cookie-cohort.yaml` on Envoy, with 1,000 users and their cookies."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from rich.console import Console

from lab import demo_cohorts
from lab.operator_process import OperatorProcess
from lab.stack import Lab


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(lab: Lab) -> AsyncIterator[OperatorProcess]:
    await lab.install_tidegate()
    async with OperatorProcess(lab) as running:
        yield running


@pytest.mark.usefixtures("operator")
async def test_a_user_stays_on_one_version_and_after_a_revert_none_reaches_the_candidate(
    lab: Lab, namespace: str
) -> None:
    told = io.StringIO()
    assert await demo_cohorts.play(lab, namespace, Console(file=told, width=200)) == []
    assert "of 1000 in all; 0 saw both versions" in told.getvalue()
    assert "0 of 1000 users reach the candidate" in told.getvalue()
