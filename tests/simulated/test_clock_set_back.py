"""The operator's clock is set back by an hour in the middle: nothing waits for an hour, and nothing is written again and again."""

from __future__ import annotations

from typing import Final

import pytest

from tests.simulated.shop import Shop, spec
from tests.simulated.test_scale_to_zero import LONG, Sticky, started
from tidegate.core.model.world import Acceptance
from tidegate.ports.errors import Unavailable
from tidegate.simulation.runner import Runner

BACK: Final = -3600.0


async def at_ten_percent(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.clock.now() + 20)
    assert shop.weight == 10
    return shop, runner


async def deleted(shop: Shop, runner: Runner, before: float) -> None:
    """Deletes the Rollout, and sets the clock back once so many seconds have passed."""
    runner.at(shop.clock.now(), lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + before)
    assert "checkout" in shop.cluster.rollouts
    runner.leap(BACK)


@pytest.mark.parametrize("before", [0.5, 6.0])
async def test_a_deletion_does_not_wait_an_hour_for_a_scaling_that_is_refused(before: float) -> None:
    sticky = await started()
    sticky.fails("workloads.scale")
    await deleted(sticky.shop, sticky.runner, before)
    await sticky.passes(45)
    assert (sticky.cluster.rollouts, sticky.shop.weight) == ({}, 0)


async def refused(sticky: Sticky) -> int:
    """Times the scaling was tried in half a minute after the clock was set back."""
    sticky.fails("workloads.scale")
    await sticky.breaches()
    sticky.runner.leap(BACK)
    tried = sticky.shop.gate.calls.count("workloads.scale")
    await sticky.runner.run_until(sticky.shop.clock.now() + 30, lambda: sticky.runner.ticks > 500)
    return sticky.shop.gate.calls.count("workloads.scale") - tried


async def test_a_scaling_that_is_refused_is_tried_every_five_seconds() -> None:
    sticky = await started()
    assert 4 <= await refused(sticky) <= 8
    assert sticky.condition("Stalled") == "ScaleRefused"
    sticky.works_again()
    await sticky.passes(20)
    assert (sticky.shop.outcome, sticky.pods) == ("Reverted", 0)


@pytest.mark.parametrize("deletes", [False, True], ids=["a breach", "a deletion"])
async def test_a_gateway_that_does_not_take_the_revert_is_said_and_keeps_no_object(deletes: bool) -> None:
    shop, runner = await at_ten_percent()
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.PENDING
    if deletes:
        await deleted(shop, runner, 1)
        await runner.run_until(shop.clock.now() + 45)
        assert shop.cluster.rollouts == {}
        return
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 0)
    runner.leap(BACK)
    await runner.run_until(shop.clock.now() + 15)
    assert [one.reason for one in shop.status.conditions if one.type == "Stalled"] == ["RevertNotAccepted"]


async def test_a_deletion_does_not_wait_an_hour_for_the_job_of_a_hook() -> None:
    undo = {"name": "undo", "when": "Revert", "job": {"cronJob": "undo"}}
    shop, runner = await at_ten_percent(hooks=[undo])

    def before(call: str) -> None:
        if call == "jobs.start":
            raise Unavailable("jobs.start fails")

    shop.gate.before = before
    await deleted(shop, runner, 15)
    await runner.run_until(shop.clock.now() + 45)
    assert shop.cluster.rollouts == {}
