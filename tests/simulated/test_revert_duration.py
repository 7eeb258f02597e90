"""How long reverts take is told once a revert, from the answer that decided it until every target is at 0."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.world import RolloutObject
from tidegate.ports.errors import Unavailable
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.ports.telling import Silence
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


@dataclass
class Told(Silence):
    reverts: list[float | None] = field(default_factory=list)

    def reverted(self, rollout: RolloutObject, *, seconds: float | None) -> None:
        del rollout
        self.reverts.append(seconds)


async def under_way() -> tuple[Shop, Runner, Told]:
    shop, told = Shop(), Told()
    shop.cluster.add_route(SimulatedRoute("GRPCRoute", "checkout", [{"checkout": 1, "checkout-canary": 0}]))
    shop.world = replace(shop.world, telemetry=told)
    traffic = [{"kind": kind, "name": "checkout"} for kind in ("HTTPRoute", "GRPCRoute")]
    runner = shop.rollout(spec(steps=LONG, traffic=traffic))
    await runner.run_until(shop.start + 60)
    return shop, runner, told


async def test_a_revert_of_two_targets_is_one_and_lasts_until_the_last_of_them() -> None:
    shop, runner, told = await under_way()
    left = [2]

    def before(call: str) -> None:
        if call == "router.write" and left[0]:
            left[0] -= 1
            raise Unavailable("no answer")

    shop.gate.before = before
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Reverted"
    (took,) = told.reverts
    assert took is not None
    assert took >= 1.0, "the retry counts"


@pytest.mark.parametrize("end", ["abort", "delete"])
async def test_an_end_that_no_answer_decided_has_no_duration(end: str) -> None:
    shop, runner, told = await under_way()
    act = {"abort": lambda: shop.command(Action.ABORT), "delete": lambda: shop.cluster.delete_rollout("checkout")}[end]
    runner.at(shop.clock.now() + 3, act)
    await runner.run_until(shop.clock.now() + 60)
    assert told.reverts == [None]
