"""A run in its first step, as the tests of breaches begin."""

from __future__ import annotations

from tests.simulated.shop import Shop, spec
from tidegate.simulation.runner import Runner


async def started(shop: Shop, **changes: object) -> Runner:
    runner = shop.rollout(spec(**changes))
    await runner.run_until(shop.start + 15)
    assert shop.weight == 10
    return runner


LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]
