"""Other hands: people, Git, gateways, deletion, edits, lost pods."""

from __future__ import annotations

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.world import Acceptance
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}, {"name": "half", "weight": 50, "duration": "1h"}]


async def begun(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 25)
    assert shop.weight == 10
    return shop, runner


async def test_more_on_the_route_than_the_step_is_put_back_at_once() -> None:
    shop, runner = await begun()
    for number in range(3):
        now = shop.start + 30 + number
        runner.at(now, lambda: shop.set_weight(0, 100))
        await runner.run_until(now)
        assert shop.weight == 10


async def test_less_on_the_route_pauses_until_somebody_resumes() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.set_weight(98, 2))
    await runner.run_until(shop.start + 2 * 3600)
    assert shop.weight == 2
    assert shop.status.run.paused.reason == "LoweredByOther"
    assert shop.status.phase == "Paused"
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 20)
    assert shop.weight == 10
    assert shop.status.run.paused is None


async def test_abort_reverts_at_once_and_the_version_is_not_tried_again() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.command(Action.ABORT, "smells"))
    await runner.run_until(shop.start + 30)
    assert shop.weight == 0
    await runner.run_until(shop.start + 3600)
    assert shop.outcome == "Aborted"
    assert "smells" in shop.status.history[0].message
    assert shop.weights()[-1] == 0
    assert len(shop.status.history) == 1
    assert shop.status.phase == "Reverted"
    assert shop.cluster.outcomes["command-0"][0]


async def test_retry_tries_a_reverted_version_again() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.command(Action.ABORT))
    runner.at(shop.start + 60, lambda: shop.command(Action.RETRY))
    await runner.run_until(shop.start + 90)
    assert shop.weight == 10
    assert shop.status.run.id.startswith("2-")


async def test_a_command_for_a_run_that_is_not_under_way_is_refused() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.start + 31)
    assert shop.cluster.outcomes["command-0"] == (False, "the run is not paused")


async def test_deletion_mid_run_reverts_first() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.start + 60)
    assert "checkout" not in shop.cluster.rollouts
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}]


async def test_deletion_while_the_operator_is_down_reverts_at_its_return() -> None:
    shop, runner = await begun()
    shop.cluster.delete_rollout("checkout")
    assert "checkout" in shop.cluster.rollouts, "our finalizer keeps it"
    shop.clock.advance_to(shop.start + 3600)
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert "checkout" not in shop.cluster.rollouts


async def test_a_new_version_mid_run_reverts_and_starts_anew() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.start + 90)
    assert shop.status.history[0].outcome == "Superseded"
    assert shop.status.run.version.images == ("shop:v3",)
    assert shop.weights() == [0, 10, 0, 10]


async def test_a_change_of_revision_alone_starts_a_run() -> None:
    shop = Shop()
    runner = shop.rollout(spec(revision="r1"))
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    shop.cluster.edit_rollout("checkout", spec(revision="r2"))
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 15)
    assert shop.status.run.version.revision == "r2"


async def test_pause_stops_progress_but_not_a_revert() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.command(Action.PAUSE))
    await runner.run_until(shop.start + 3 * 3600)
    assert shop.weight == 10
    assert shop.status.step.watched <= 30
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_a_baseline_without_pods_delays_a_revert_until_one_is_there() -> None:
    shop, runner = await begun()
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 120)
    assert shop.weight == 10
    assert shop.status.run.ending is not None
    stalled = next(one for one in shop.status.conditions if one.type == "Stalled")
    assert stalled.reason == "BaselineUnavailable"
    shop.cluster.deployments["checkout"].available = 1
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_abort_forces_a_revert_onto_a_baseline_without_pods() -> None:
    shop, runner = await begun()
    shop.cluster.deployments["checkout"].available = 0
    runner.at(shop.start + 60, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.start + 61)
    assert shop.weight == 0


async def test_an_unready_baseline_blocks_a_raise_but_not_a_revert() -> None:
    shop, runner = await begun(baseline={"deployment": "checkout", "service": "checkout", "minAvailable": 2})
    shop.cluster.deployments["checkout"].available = 1
    await runner.run_until(shop.start + 2 * 3600)
    assert shop.weight == 10
    assert any(one.type == "RevertReady" and one.status == "False" for one in shop.status.conditions)
    assert any(one.type == "Stalled" and one.reason == "BaselineNotReady" for one in shop.status.conditions)
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_a_candidate_without_pods_for_too_long_is_a_breach() -> None:
    shop, runner = await begun()
    shop.cluster.deployments["checkout-canary"].available = 0
    await runner.run_until(shop.start + 100)
    assert shop.weight == 10
    await runner.run_until(shop.start + 160)
    assert shop.weight == 0


async def test_services_that_select_both_arms_stop_a_run_before_it_begins() -> None:
    shop = Shop()
    for name in ("checkout", "checkout-canary"):
        shop.cluster.deployments[name].template["metadata"]["labels"]["shop"] = "yes"
    shop.cluster.services["checkout"] = {"shop": "yes"}
    runner = shop.rollout()
    await runner.run_until(shop.start + 60)
    assert shop.weights() == [0]
    assert shop.status.run is None
    assert next(one for one in shop.status.conditions if one.type == "Stalled").reason == "ArmsOverlap"


async def test_a_candidate_that_serves_already_is_not_touched() -> None:
    shop = Shop()
    shop.set_weight(70, 30)
    runner = shop.rollout()
    await runner.run_until(shop.start + 600)
    assert shop.weight == 30
    assert shop.status.run is None
    assert next(one for one in shop.status.conditions if one.type == "Stalled").reason == "CandidateAlreadyServing"


async def test_the_same_version_in_both_arms_is_at_rest() -> None:
    shop = Shop()
    shop.cluster.set_image("checkout-canary", "shop:v1")
    runner = shop.rollout()
    await runner.run_until(shop.start + 600)
    assert shop.status.phase == "Idle"
    assert shop.weights() == [0]
    assert runner.ticks <= 2, "a Rollout at rest costs nothing"


async def test_time_counts_only_once_the_gateway_has_taken_the_route() -> None:
    shop = Shop()
    shop.cluster.routes["HTTPRoute/checkout"].acceptance = Acceptance.PENDING
    runner = shop.rollout()
    await runner.run_until(shop.start + 300)
    assert shop.weight == 10
    assert not shop.status.step.reached
    assert shop.status.run.waiting.reason == "RouteNotAccepted"
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0, "a revert does not wait for it"


async def test_foreign_backends_keep_their_weights_and_the_pair_its_sum() -> None:
    shop = Shop()
    shop.cluster.add_route(
        SimulatedRoute("HTTPRoute", "checkout", [{"checkout": 200, "checkout-canary": 0, "other": 7}])
    )
    runner = shop.rollout()
    await runner.run_until(shop.start + 25)
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 180, "checkout-canary": 20, "other": 7}]


@pytest.mark.parametrize("taken_back", ["by a breach", "by an abort"])
async def test_rules_without_names_that_change_places_get_their_own_sums_back(taken_back: str) -> None:
    shop = Shop()
    rules = [{"checkout": total, "checkout-canary": 0} for total in (37, 7)]
    route = shop.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", rules, identities=["/api", "/"]))
    runner = shop.rollout()
    await runner.run_until(shop.start + 25)
    assert route.rules == [{"checkout": 90, "checkout-canary": 10}] * 2

    def swap() -> None:
        route.rules.reverse()
        route.identities.reverse()
        route.generation += 1

    runner.at(shop.clock.now(), swap)
    await runner.run_until(shop.clock.now() + 1)
    if taken_back == "by a breach":
        shop.values["candidate"] = 0.06
    else:
        runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert route.rules == [{"checkout": 7, "checkout-canary": 0}, {"checkout": 37, "checkout-canary": 0}]


async def test_a_weight_the_sum_cannot_express_is_refused_before_the_run() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", [{"checkout": 5, "checkout-canary": 0, "other": 7}]))
    runner = shop.rollout()
    await runner.run_until(shop.start + 60)
    assert shop.status.run is None
    assert next(one for one in shop.status.conditions if one.type == "Stalled").reason == "WeightNotExpressible"


async def test_half_a_percent_makes_the_sum_finer() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=[{"name": "tiny", "weight": "0.5", "duration": "1h"}]))
    await runner.run_until(shop.start + 25)
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 995, "checkout-canary": 5}]


async def test_an_edit_to_a_lower_weight_acts_now_and_a_higher_one_is_a_raise() -> None:
    shop, runner = await begun()
    lower = [{**LONG[0], "weight": 5}, LONG[1]]
    runner.at(shop.start + 30, lambda: shop.cluster.edit_rollout("checkout", spec(steps=lower)))
    await runner.run_until(shop.start + 30)
    assert shop.weight == 5
    higher = [{**LONG[0], "weight": 20}, LONG[1]]
    runner.at(shop.start + 60, lambda: shop.cluster.edit_rollout("checkout", spec(steps=higher)))
    await runner.run_until(shop.start + 90)
    assert shop.weight == 20


async def test_an_invalid_edit_keeps_the_last_valid_spec_and_its_guards() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.cluster.edit_rollout("checkout", {"steps": "nonsense"}))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 10
    assert next(one for one in shop.status.conditions if one.type == "Stalled").reason == "InvalidSpec"
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 0


async def test_a_route_that_disappears_ends_the_run() -> None:
    shop, runner = await begun()
    runner.at(shop.start + 30, lambda: shop.cluster.routes.pop("HTTPRoute/checkout"))
    await runner.run_until(shop.start + 90)
    assert shop.outcome == "Reverted"
    assert shop.status.history[0].reason == "RouteMissing"


async def test_a_target_removed_from_the_spec_is_put_back_first() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("GRPCRoute", "checkout", [{"checkout": 3, "checkout-canary": 0}]))
    both = [{"kind": "HTTPRoute", "name": "checkout"}, {"kind": "GRPCRoute", "name": "checkout"}]
    runner = shop.rollout(spec(steps=LONG, traffic=both))
    await runner.run_until(shop.start + 25)
    assert shop.cluster.routes["GRPCRoute/checkout"].rules == [{"checkout": 90, "checkout-canary": 10}]
    runner.at(shop.start + 30, lambda: shop.cluster.edit_rollout("checkout", spec(steps=LONG)))
    await runner.run_until(shop.start + 50)
    assert shop.cluster.routes["GRPCRoute/checkout"].rules == [{"checkout": 3, "checkout-canary": 0}]
    assert shop.weight == 10
    assert len(shop.status.targets) == 1


async def test_the_older_of_two_rollouts_keeps_what_both_claim() -> None:
    shop, runner = await begun()
    shop.cluster.add_rollout("second", spec())
    second = type(runner)(shop.world, shop.clock, "second", runner.check)
    await second.run_until(shop.clock.now() + 30)
    stalled = [one for one in shop.cluster.rollouts["second"].status["conditions"] if one["type"] == "Stalled"]
    assert stalled[0]["reason"] == "CandidateAlreadyServing" or "checkout" in stalled[0]["message"]


async def test_a_gate_opens_at_its_time() -> None:
    shop = Shop()
    steps = [
        {"name": "canary", "weight": 10, "duration": "30s"},
        {"name": "half", "weight": 50, "duration": "1h", "gate": {"sinceStep": {"step": "canary", "elapsed": "10m"}}},
    ]
    runner = shop.rollout(spec(steps=steps))
    await runner.run_until(shop.start + 500)
    assert shop.weight == 10
    assert shop.status.step.passed
    assert shop.status.next_check_time is not None
    shop.values["candidate"] = 0.02
    await runner.run_until(shop.start + 590)
    raised = [write.time for write in shop.cluster.history]
    await runner.run_until(shop.start + 660)
    assert shop.weight == 50
    assert shop.cluster.history[-1].time - raised[1] >= 600 - 0.001


async def test_after_a_revert_the_candidate_is_kept_at_zero() -> None:
    shop, runner = await begun()
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 90, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    runner.at(shop.start + 100, lambda: shop.set_weight(50, 50))
    await runner.run_until(shop.start + 101)
    assert shop.weight == 0


async def test_other_backends_of_a_route_are_refused_during_a_run_and_the_ones_it_has_are_put_back() -> None:
    shop, runner = await begun()
    backends = {"baseline": {"name": "checkout"}, "candidate": {"name": "checkout-other"}}
    shop.cluster.routes["HTTPRoute/checkout"].rules[0]["checkout-other"] = 0
    edited = spec(steps=LONG, traffic=[{"kind": "HTTPRoute", "name": "checkout", "backends": backends}])
    runner.at(shop.start + 30, lambda: shop.cluster.edit_rollout("checkout", edited))
    await runner.run_until(shop.start + 90)
    assert shop.weight == 10
    stalled = next(one for one in shop.status.conditions if one.type == "Stalled")
    assert (stalled.status, stalled.reason) == ("True", "ArmsImmutable")
    assert "the backends of a route" in stalled.message
    runner.at(shop.start + 100, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.start + 110)
    rule = shop.cluster.routes["HTTPRoute/checkout"].rules[0]
    assert (rule["checkout-canary"], rule["checkout-other"]) == (0, 0)
    assert rule["checkout"] > 0
