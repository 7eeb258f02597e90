"""One lab for the plans, with people of its own: the admission policies hold for every command in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from lab import people
from lab.operator_process import OperatorProcess
from lab.route_watch import RouteWatch
from lab.stack import Lab
from tests.integration.plans.scaled import TIMES
from tests.integration.plans.stage import Stand
from tests.integration.plans.users import EVERYBODY


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stand() -> AsyncIterator[Stand]:
    async with Lab(users=EVERYBODY) as lab:
        await lab.install_tidegate()
        await people.install_policies(lab)
        settings = {"commandPolicy": people.POLICY, "reports": list(TIMES)}
        async with OperatorProcess(lab, settings=settings) as operator, RouteWatch(lab.api) as watch:
            yield Stand(lab, operator, watch)
