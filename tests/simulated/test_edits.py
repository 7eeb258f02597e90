"""Edits of a spec in the middle of a run that change more than one thing at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.cohorts import RULES, Cohorts
from tests.simulated.shop import spec
from tests.simulated.stepping_back import STEPS
from tidegate.simulation.runner import Runner


def manifest(*rules: str, weight: int = 50) -> dict[str, Any]:
    traffic = [{"kind": "HTTPRoute", "name": "checkout", "rules": list(rules)}]
    return spec(traffic=traffic, steps=[STEPS[0], {**STEPS[1], "weight": weight}, STEPS[2]], guards=[])


async def at_half_of_every_rule() -> tuple[Cohorts, Runner]:
    shop = Cohorts()
    runner = shop.rollout(manifest(*RULES))
    await runner.run_until(shop.start + 300, lambda: shop.shares == (50, 50, 50))
    await runner.run_until(shop.clock.now() + 10)
    assert shop.shares == (50, 50, 50)
    return shop, runner


@pytest.mark.parametrize(("weight", "tries"), [(30, 1), (50, 1), (60, 2)])
async def test_an_edit_that_takes_a_rule_out_and_changes_the_weight_writes_the_route_once_each_way(
    weight: int, tries: int
) -> None:
    """The rule is restored and the weight lowered in one write; what raises follows in a second."""
    shop, runner = await at_half_of_every_rule()
    calls: list[str] = []
    shop.gate.before = lambda call: calls.append(call) if call == "router.write" else None
    edited = manifest(*RULES[:2], weight=weight)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", edited))
    await runner.run_until(shop.clock.now() + 30)
    assert shop.shares == (weight, weight, 0)
    assert len(calls) == tries
