"""Statuses as version 0.1.0 wrote them: a run under way is taken over, to the same end, and a breach of it is answered.

The fixture was written by that version in the same simulated shop; it is kept as it is, whatever later versions write.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.shop import Shop
from tidegate.api.commands import Action
from tidegate.api.reading_back import read_back
from tidegate.api.rollout.status import RolloutStatus
from tidegate.simulation.runner import Runner

CASES: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "fixtures" / "status-0.1.0.json").read_text())[
    "cases"
]
IN_A_STEP = [
    name
    for name, case in CASES.items()
    if case["rules"] == [{"checkout": 90, "checkout-canary": 10}] and "promotion" not in case["status"]["run"]
]


def taken_over(name: str) -> tuple[Shop, Runner]:
    """The shop as 0.1.0 left it, and an operator of this version that has just started."""
    case, shop = copy.deepcopy(CASES[name]), Shop()
    shop.clock.advance_to(case["now"] + 5)
    for deployment, image in case["images"].items():
        shop.cluster.set_image(deployment, image)
    route = shop.cluster.routes["HTTPRoute/checkout"]
    route.rules, route.generation, route.manager = case["rules"], case["generation"], case["manager"]
    runner = shop.rollout(case["spec"])
    stored = shop.cluster.rollouts["checkout"]
    taken = replace(stored, status=case["status"], finalizers=tuple(case["finalizers"]))
    shop.cluster.put_rollout(taken)
    return shop, runner


@pytest.mark.parametrize("name", CASES)
def test_every_part_of_it_is_read(name: str) -> None:
    assert read_back(RolloutStatus, CASES[name]["status"]).left_out == ()


@pytest.mark.parametrize("name", IN_A_STEP)
async def test_a_breach_is_answered_within_an_interval(name: str) -> None:
    shop, runner = taken_over(name)
    before = shop.weight
    await runner.run_until(shop.clock.now() + 5)
    assert shop.weight == before == 10
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 11


async def test_a_run_goes_on_to_its_end() -> None:
    shop, runner = taken_over("under way in a step")
    await runner.run_until(shop.clock.now() + 900, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert shop.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"] == "shop:v2"
    assert shop.status.runs == 1
    assert [one.step for one in reversed(shop.status.checkpoints)] == ["canary", "half"]


@pytest.mark.parametrize("name", ["the promoted baseline rolls out", "settling"])
async def test_a_promotion_goes_on_to_its_end(name: str) -> None:
    shop, runner = taken_over(name)
    await runner.run_until(shop.clock.now() + 1200, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Succeeded", 0)


@pytest.mark.parametrize("name", ["the promoted baseline rolls out", "settling"])
async def test_an_abort_of_a_promotion_puts_the_old_template_back(name: str) -> None:
    shop, runner = taken_over(name)
    await runner.run_until(shop.clock.now() + 1)
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)
    assert shop.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"] == "shop:v1"


@pytest.mark.parametrize(("name", "ready"), [("reverted", "False"), ("succeeded", "True")])
async def test_what_was_done_is_not_done_again(name: str, ready: str) -> None:
    shop, runner = taken_over(name)
    await runner.run_until(shop.clock.now() + 600)
    assert (shop.weight, shop.status.runs) == (0, 1)
    assert {one.type: one.status for one in shop.status.conditions}["Ready"] == ready
