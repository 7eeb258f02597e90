"""What must be true before a raise is watched while the candidate has traffic; a loss is told at once and answered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.core.model.world import Acceptance, Unknown
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

STEPS = [{"name": "canary", "weight": 10, "duration": "2m"}, {"name": "half", "weight": 50, "duration": "1h"}]


async def under_way(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": STEPS, **changes}))
    await runner.run_until(shop.start + 30)
    assert shop.weight == 10
    return shop, runner


def stalled(shop: Shop) -> str:
    found = [one.reason for one in shop.status.conditions if (one.type, one.status) == ("Stalled", "True")]
    return found[0] if found else ""


def told(shop: Shop, reason: str) -> int:
    return [event[2] for event in shop.cluster.events].count(reason)


LOSSES: dict[str, Callable[[Shop], object]] = {
    "CandidateServiceMissing": lambda shop: shop.cluster.services.pop("checkout-canary"),
    "ArmsOverlap": lambda shop: shop.cluster.services.update({"checkout-canary": {"app": "checkout"}}),
}


@pytest.mark.parametrize("reason", LOSSES)
async def test_a_service_that_no_longer_selects_the_candidate_reverts_at_once(reason: str) -> None:
    shop, runner = await under_way()
    begun = shop.clock.now() + 1
    runner.at(begun, lambda: LOSSES[reason](shop))
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 0.1
    await runner.run_until(shop.clock.now() + 30)
    assert shop.status.history[0].reason == reason


@pytest.mark.parametrize("reason", LOSSES)
async def test_with_hold_the_step_stands_still_until_the_service_is_back(reason: str) -> None:
    shop, runner = await under_way(onPreconditionLost="Hold")
    before = dict(shop.cluster.services)
    runner.at(shop.clock.now() + 1, lambda: LOSSES[reason](shop))
    await runner.run_until(shop.clock.now() + 600)
    assert (shop.weight, stalled(shop), told(shop, reason)) == (10, reason, 1)
    runner.at(shop.clock.now(), lambda: shop.cluster.services.update(before))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, stalled(shop)) == (10, ""), "what was not watched does not count"
    await runner.run_until(shop.clock.now() + 120)
    assert shop.weight == 50


async def test_a_baseline_without_its_service_stops_the_step_and_reverts_nothing() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.services.pop("checkout"))
    await runner.run_until(shop.clock.now() + 600)
    assert (shop.weight, stalled(shop), told(shop, "BaselineServiceMissing")) == (10, "BaselineServiceMissing", 1)
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30, lambda: shop.weight == 0)
    assert shop.weight == 0, "a breach reverts all the same"


UNREACHED: dict[str, tuple[str, Callable[[Shop], object]]] = {
    "no Deployment": ("BaselineMissing", lambda shop: shop.cluster.deployments.pop("checkout")),
    "no Service": ("BaselineServiceMissing", lambda shop: shop.cluster.services.pop("checkout")),
    "a Service that selects nothing": (
        "ArmsOverlap",
        lambda shop: shop.cluster.services.update(checkout={"app": "nobody"}),
    ),
    "a Service that selects the candidate": (
        "ArmsOverlap",
        lambda shop: shop.cluster.services.update(checkout={"app": "checkout-canary"}),
    ),
}


@pytest.mark.parametrize("response", ["Revert", "Hold"])
@pytest.mark.parametrize("case", UNREACHED)
async def test_a_baseline_that_nobody_would_reach_stops_the_step_and_is_not_reverted_to(
    case: str, response: str
) -> None:
    """A revert would turn a share of failed requests, or of another version's, into all of them."""
    shop, runner = await under_way(onPreconditionLost=response)
    reason, lose = UNREACHED[case]
    services, deployments = dict(shop.cluster.services), dict(shop.cluster.deployments)
    begun = shop.clock.now() + 1
    runner.at(begun, lambda: lose(shop))
    await runner.run_until(begun + 2)
    assert (shop.weight, stalled(shop)) == (10, reason)
    await runner.run_until(begun + 600)
    assert (shop.weight, stalled(shop), told(shop, reason), told(shop, "StepPassed")) == (10, reason, 1, 0)
    assert "a revert would send the traffic to no backend" in shop.status.message
    assert shop.status.step is not None
    assert shop.status.step.watched < 60
    assert shop.status.history == ()
    shop.cluster.services.update(services)
    shop.cluster.deployments.update(deployments)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 180)
    assert (shop.weight, stalled(shop)) == (50, "")


async def test_a_candidate_that_is_lost_with_its_baseline_is_not_reverted() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now() + 1, shop.cluster.services.clear)
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, stalled(shop), shop.outcome) == (10, "BaselineServiceMissing", "")


PROMOTING: dict[str, dict[str, object]] = {
    "RollingOut": {"strategy": "CopyTemplate", "settle": "20s"},
    "Awaiting": {"strategy": "AwaitBaseline"},
}


@pytest.mark.parametrize("stage", PROMOTING)
@pytest.mark.parametrize("reason", LOSSES)
async def test_a_candidate_that_is_not_reached_in_a_promotion_reverts(reason: str, stage: str) -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 3600.0
    steps = [{"name": "half", "weight": 50, "duration": "10s"}]
    runner = shop.rollout(spec(steps=steps, promotion=PROMOTING[stage], progressDeadline="5h"))
    await runner.run_until(shop.start + 120)
    assert shop.status.run is not None
    assert shop.status.run.promotion is not None
    assert (shop.status.run.promotion.stage, shop.weight) == (stage, 50)
    shop.cluster.rollout_seconds = 5.0
    begun = shop.clock.now() + 1
    runner.at(begun, lambda: LOSSES[reason](shop))
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.weight == 0
    await runner.run_until(shop.clock.now() + 60)
    assert shop.status.history[0].reason == reason


@pytest.mark.parametrize("stage", PROMOTING)
async def test_with_hold_a_promotion_tells_of_what_is_lost_for_as_long_as_it_lasts(stage: str) -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 36000.0
    steps = [{"name": "half", "weight": 50, "duration": "10s"}]
    runner = shop.rollout(spec(steps=steps, promotion=PROMOTING[stage], onPreconditionLost="Hold"))
    await runner.run_until(shop.start + 120)
    shop.cluster.services.pop("checkout-canary")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 3600)
    assert (shop.weight, stalled(shop)) == (50, "CandidateServiceMissing")


@pytest.mark.parametrize("state", [Acceptance.REFUSED, Acceptance.PENDING])
async def test_a_route_that_its_gateway_refuses_in_a_step_stops_clock_checkpoints_and_raises(state: Acceptance) -> None:
    shop, runner = await under_way()
    route = shop.cluster.routes["HTTPRoute/checkout"]
    runner.at(shop.clock.now() + 1, lambda: setattr(route, "acceptance", state))
    await runner.run_until(shop.clock.now() + 600)
    assert shop.weight == 10
    assert shop.status.checkpoints == ()
    assert stalled(shop) == "RouteNotAccepted"
    assert told(shop, "RouteNotAccepted") == 1
    watched = shop.status.step.watched if shop.status.step else 0
    assert watched < 60
    runner.at(shop.clock.now(), lambda: setattr(route, "acceptance", Acceptance.ACCEPTED))
    await runner.run_until(shop.clock.now() + 80)
    assert (shop.weight, stalled(shop)) == (10, "")
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 50


@pytest.mark.parametrize("state", [Acceptance.REFUSED, Acceptance.PENDING])
async def test_guards_revert_while_a_route_is_not_accepted(state: Acceptance) -> None:
    shop, runner = await under_way()
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = state
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 5)
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 11


async def test_a_route_that_is_refused_already_is_not_raised_on() -> None:
    shop = Shop()
    route = shop.cluster.routes["HTTPRoute/checkout"]
    route.acceptance = Acceptance.REFUSED
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 0
    runner.at(shop.clock.now(), lambda: setattr(route, "acceptance", Acceptance.ACCEPTED))
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 10


async def test_a_rule_that_is_added_in_mid_run_is_brought_to_the_weight_and_pauses_nothing() -> None:
    shop, runner = await under_way()
    route = shop.cluster.routes["HTTPRoute/checkout"]

    def add() -> None:
        route.rules.append({"checkout": 1, "checkout-canary": 0})
        route.generation += 1

    runner.at(shop.clock.now() + 1, add)
    await runner.run_until(shop.clock.now() + 30)
    assert shop.status.run is not None
    assert shop.status.run.paused is None
    assert [rule["checkout-canary"] for rule in route.rules] == [10, 10]
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert [(rule["checkout"], rule["checkout-canary"]) for rule in route.rules] == [(1, 0), (1, 0)]


async def test_a_known_rule_that_is_lowered_beside_a_new_one_still_pauses() -> None:
    shop, runner = await under_way()
    route = shop.cluster.routes["HTTPRoute/checkout"]

    def change() -> None:
        route.rules[0].update({"checkout": 97, "checkout-canary": 3})
        route.rules.append({"checkout": 1, "checkout-canary": 0})
        route.generation += 1

    runner.at(shop.clock.now() + 1, change)
    await runner.run_until(shop.clock.now() + 30)
    assert shop.status.run is not None
    assert shop.status.run.paused is not None
    assert shop.status.run.paused.reason == "LoweredByOther"


async def test_a_fight_over_the_route_is_told_once_and_its_time_does_not_count() -> None:
    shop, runner = await under_way(steps=[{"name": "canary", "weight": 10, "duration": "40s"}, STEPS[1]])
    begun = shop.clock.now()
    for number in range(600):
        runner.at(begun + 0.1 * number, lambda: shop.set_weight(20, 80))
    await runner.run_until(begun + 59)
    assert shop.weight == 10
    assert stalled(shop) == "RouteContested"
    assert told(shop, "WeightCorrected") <= 3
    assert told(shop, "RouteContested") == 1
    assert told(shop, "StepPassed") == 0
    await runner.run_until(begun + 300)
    assert (shop.weight, stalled(shop)) == (50, "")


async def test_a_fight_at_rest_is_told_once_and_never_says_ready() -> None:
    shop, runner = await under_way()
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Reverted"
    begun = shop.clock.now()
    for number in range(300):
        runner.at(begun + 0.1 * number, lambda: shop.set_weight(20, 80))
    await runner.run_until(begun + 29)
    assert (shop.weight, stalled(shop)) == (0, "RouteContested")
    assert told(shop, "WeightCorrected") <= 3


async def test_a_route_that_could_not_be_read_does_not_restart_the_clock_of_a_candidate_without_pods() -> None:
    shop, runner = await under_way(candidate={**spec()["candidate"], "unavailableAfter": "2m"})
    shop.cluster.deployments["checkout-canary"].available = 0
    begun = shop.clock.now()
    unread = [0]
    read = shop.world.router.read

    async def sometimes(ref: object, *, fresh: bool) -> object:
        unread[0] += 1
        if unread[0] % 3 == 0:
            return Unknown("503")
        return await read(ref, fresh=fresh)  # type: ignore[arg-type]

    shop.world.router.read = sometimes  # type: ignore[method-assign,assignment]
    await runner.run_until(begun + 600, lambda: shop.weight == 0)
    assert 119 <= shop.clock.now() - begun <= 250


async def test_two_routes_of_which_one_cannot_be_read_are_not_taken_for_no_traffic() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("GRPCRoute", "checkout", [{"checkout": 1, "checkout-canary": 0}]))
    traffic = [{"kind": "HTTPRoute", "name": "checkout"}, {"kind": "GRPCRoute", "name": "checkout"}]
    runner = shop.rollout(spec(steps=STEPS, traffic=traffic))
    await runner.run_until(shop.start + 30)
    assert shop.weight == 10
    shop.set_weight(100, 0)
    shop.cluster.not_served.add("GRPCRoute")
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30)
    await runner.run_until(shop.clock.now() + 30)
    assert shop.outcome == "Reverted", "guards were evaluated"
