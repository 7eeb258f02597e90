"""After the promotion the promoted version breaches: the traffic goes back to the candidate, whatever fails. And a scaling is told once."""

from __future__ import annotations

import math

import pytest

from tests.simulated.ratio_shop import SLOW
from tests.simulated.scaled import STEPS, Scaled
from tests.simulated.shop import BY_PODS, Shop, by_pods, spec
from tests.simulated.test_promotion import AWAIT, GOOD, image, settling, sick_baseline, stage, stalled, until
from tests.simulated.test_refusals import refuse
from tests.simulated.test_scale_to_zero import Sticky, started
from tests.simulated.test_way_back import BOTH, freeze, share
from tidegate.api.commands import Action
from tidegate.core.model.answers import Vector
from tidegate.ports.errors import Conflict, PortError, Rejected, Unavailable
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

# A scaling that fails is not told as done


@pytest.mark.parametrize("error", [Rejected("deployments.apps is forbidden"), Unavailable("no answer")])
async def test_a_scaling_that_fails_is_told_as_done_once_it_is_done(error: PortError) -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 1}, steps=STEPS)
    refuse(scaled.shop, "workloads.scale", error)
    await scaled.passes(300)
    assert (scaled.replicas, scaled.told("ScaleRefused"), scaled.told("CandidateScaled")) == (2, 1, 0)
    scaled.shop.gate.before = lambda _call: None
    await scaled.passes(30)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 1)


async def test_a_scaling_that_hangs_is_told_once() -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 1}, steps=STEPS)
    scaled.shop.gate.takes = lambda call: 8.0 if call == "workloads.scale" else 0.0
    await scaled.passes(100)
    scaled.shop.gate.takes = lambda _call: 0.0
    await scaled.passes(20)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 1)


async def test_a_scaling_whose_answer_is_lost_is_told_once_it_is_seen() -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 1}, steps=STEPS)

    def after(call: str) -> None:
        if call == "workloads.scale":
            raise Unavailable("the answer is lost")

    scaled.shop.gate.after = after
    await scaled.passes(100)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 1)


async def test_a_scaling_to_zero_that_is_refused_is_told_as_done_once_it_is_done() -> None:
    sticky = await started()
    sticky.fails("workloads.scale")
    await sticky.breaches()
    await sticky.passes(60)
    assert (sticky.pods, scalings(sticky)) == (2, 0)
    sticky.works_again()
    await sticky.passes(30)
    assert (sticky.pods, scalings(sticky), sticky.shop.outcome) == (0, 1, "Reverted")


def scalings(sticky: Sticky) -> int:
    return sum(event[2] == "CandidateScaled" for event in sticky.cluster.events)


# Users do not stay on what breached


FAILS = {
    "store.write_status": Rejected("quota exceeded"),
    "store.read": Unavailable("time-out"),
    "workloads.arm": Unavailable("time-out"),
    "router.read": Unavailable("time-out"),
}


@pytest.mark.parametrize("call", FAILS)
async def test_a_read_or_a_record_that_fails_does_not_keep_users_on_a_promoted_version_that_breaches(call: str) -> None:
    shop, runner = await settling(interval="2s")
    refuse(shop, call, FAILS[call])
    sick_baseline(shop)
    begun = shop.clock.now()
    await runner.run_until(begun + 60)
    assert served_again(shop, begun) <= 3.0


@pytest.mark.parametrize("call", FAILS)
async def test_a_read_or_a_record_that_hangs_does_not_either(call: str) -> None:
    shop, runner = await settling(interval="2s")
    shop.gate.takes = lambda one: 60.0 if one == call else 0.0
    sick_baseline(shop)
    begun = shop.clock.now()
    await runner.run_until(begun + 60)
    assert served_again(shop, begun) <= 3.0


async def test_a_write_that_meets_another_is_tried_again_at_once_although_nothing_can_be_read_live() -> None:
    shop, runner = await settling(interval="2s")
    met: list[float] = []

    def before(call: str) -> None:
        if call == "store.read":
            raise Unavailable("time-out")
        if call == "router.write" and not met:
            met.append(shop.clock.now())
            raise Conflict("another client has written it")

    shop.gate.before = before
    sick_baseline(shop)
    begun = shop.clock.now()
    await runner.run_until(begun + 60)
    assert served_again(shop, begun) == met[0] - begun


@pytest.mark.parametrize("frozen", ["checkout", "other"])
async def test_a_route_that_refuses_does_not_keep_the_users_of_another_on_it(frozen: str) -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    shop, runner = await until(shop, "Settling", traffic=BOTH, interval="2s")
    write = shop.cluster.write_route
    freeze(shop, frozen)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    free = {"checkout": "other", "other": "checkout"}[frozen]
    assert (stage(shop), share(shop, free), share(shop, frozen)) == ("SentBack", 50, 0)
    assert stalled(shop) == "RevertRefused"
    assert said(shop) == "the traffic could not be sent back to the candidate: change freeze"
    shop.cluster.write_route = write  # type: ignore[method-assign]
    begun = shop.clock.now()
    await runner.run_until(begun + 30, lambda: share(shop, frozen) == 50)
    assert shop.clock.now() - begun <= 1.1
    await runner.run_until(begun + 90)
    assert (stalled(shop), "the candidate serves again" in shop.status.message) == ("PromotionBreached", True)


async def test_a_candidate_that_breaches_while_a_route_refuses_is_reverted() -> None:
    """The run goes on while the traffic is on its way back: its guards are evaluated."""
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    shop, runner = await until(shop, "Settling", traffic=BOTH, interval="2s")
    freeze(shop, "other")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    shop.values.update(baseline=GOOD, candidate=0.5)
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, image(shop)) == (0, "shop:v1")


async def test_it_is_said_that_the_candidate_serves_again_once_it_does() -> None:
    shop, runner = await settling(interval="2s")
    write = shop.cluster.write_route
    freeze(shop, "checkout")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight) == ("SentBack", 0)
    assert "serves again" not in said(shop)
    shop.cluster.write_route = write  # type: ignore[method-assign]
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, "the candidate serves again" in said(shop)) == (50, True)


async def test_a_route_that_cannot_be_read_at_all_is_not_said_to_serve() -> None:
    shop, runner = await settling(interval="2s")
    shop.gate.streams_away = True
    refuse(shop, "router.read", Unavailable("time-out"))
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight) == ("SentBack", 50), "written to the route as it was last read"
    assert "serves again" not in said(shop)
    assert "the traffic goes back to the candidate (HTTPRoute/checkout could not be read: time-out)" in said(shop)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, "the candidate serves again" in said(shop)) == (50, True)


async def test_a_route_that_an_edit_has_added_is_recorded_before_it_is_written() -> None:
    """What a revert must restore there is in no status yet: a process that dies would leave it unknown."""
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    shop, runner = await until(shop, "Settling", interval="2s", promotion={"strategy": "CopyTemplate", "settle": "1h"})
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.edit_rollout("checkout", {**edited(shop), "traffic": BOTH}))
    await runner.run_until(shop.clock.now() + 10)
    refuse(shop, "store.write_status", Rejected("quota exceeded"))
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, share(shop, "other")) == (50, 0)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, share(shop, "other")) == (50, 50)


@pytest.mark.parametrize("lost", ["before the record", "after it"])
async def test_a_process_that_dies_on_the_way_back_leaves_nothing_unknown(lost: str) -> None:
    shop, runner = await settling(interval="2s")
    if lost == "before the record":
        refuse(shop, "store.write_status", Unavailable("time-out"))
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30, lambda: shop.weight == 50)
    runner.restart()
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight, stalled(shop)) == ("SentBack", 50, "PromotionBreached")
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60)
    assert (image(shop), shop.cluster.routes["HTTPRoute/checkout"].rules) == (
        "shop:v1",
        [{"checkout": 1, "checkout-canary": 0}],
    )


def served_again(shop: Shop, begun: float) -> float:
    """Seconds until the candidate had traffic again, which it has kept."""
    back = [write.time - begun for write in shop.cluster.history if write.time > begun]
    return back[0] if len(back) == 1 and shop.weight == 50 else math.inf


def said(shop: Shop) -> str:
    return next((one.message for one in shop.status.conditions if one.type == "Stalled"), "")


def edited(shop: Shop) -> dict[str, object]:
    return dict(shop.cluster.rollouts["checkout"].spec)


# Pods as weights


@pytest.mark.parametrize("available", [4, 0])
async def test_pods_of_the_candidate_do_not_wait_for_those_of_a_baseline_that_breached(available: int) -> None:
    shop = Shop()
    by_pods(shop.cluster, 10)
    shop.cluster.scale_seconds = shop.cluster.rollout_seconds = SLOW
    promotion = {"strategy": "CopyTemplate", "settle": "10m"}
    steps = [{"name": "half", "weight": 50, "duration": "20s"}]
    runner = shop.rollout(spec(**{**BY_PODS, "steps": steps, "promotion": promotion, "interval": "5s"}))
    await runner.run_until(shop.start + 400, lambda: stage(shop) == "Settling")
    runner.at(shop.clock.now() + 20, lambda: setattr(shop.cluster.deployments["checkout"], "available", available))
    await runner.run_until(shop.clock.now() + 21)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 10, lambda: shop.pods[1] > 0)
    assert (stage(shop), shop.pods) == ("SentBack", (10, 5)), "first the capacity"
    await runner.run_until(shop.clock.now() + 600)
    assert (stage(shop), shop.pods, stalled(shop)) == ("SentBack", (5, 5), "PromotionBreached")


# What is said of a baseline that another client writes


async def test_what_is_said_of_an_awaited_baseline_that_breached_is_true() -> None:
    shop, runner = await until(Shop(), "Awaiting", rollout_seconds=5, promotion={**AWAIT, "settle": "60s"})
    runner.at(shop.clock.now() + 2, lambda: shop.cluster.set_image("checkout", "shop:v2"))
    await runner.run_until(shop.clock.now() + 60, lambda: stage(shop) == "Settling")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    assert "Abort restores the old version" not in said(shop)
    assert "still runs the version that breached (shop:v2), and Abort would give it all the traffic" in said(shop)
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_image("checkout", "shop:v1"))
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    assert "runs another version now (shop:v1): Abort gives it all the traffic" in said(shop)
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.outcome, shop.weight, image(shop)) == ("Aborted", 0, "shop:v1")


# A new version of the candidate while an awaited baseline has breached


async def breached_in_git(**changes: object) -> tuple[Shop, Runner]:
    """The baseline that another client has promoted breached, and the candidate serves again."""
    shop, runner = await until(Shop(), "Awaiting", rollout_seconds=5, promotion={**AWAIT, "settle": "60s"}, **changes)
    runner.at(shop.clock.now() + 2, lambda: shop.cluster.set_image("checkout", "shop:v2"))
    await runner.run_until(shop.clock.now() + 60, lambda: stage(shop) == "Settling")
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 30)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    return shop, runner


async def push(shop: Shop, runner: Runner, name: str, tag: str) -> None:
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_image(name, f"shop:{tag}"))
    await runner.run_until(shop.clock.now() + 30)


async def test_a_new_version_moves_nobody_to_an_awaited_baseline_that_breached() -> None:
    shop, runner = await breached_in_git()
    await push(shop, runner, "checkout-canary", "v3")
    await runner.run_until(shop.clock.now() + 3600)
    assert (shop.weight, stalled(shop)) == (50, "AnotherVersion")
    assert "still runs the version that breached (shop:v2)" in said(shop)
    assert [one[2] for one in shop.cluster.events].count("AnotherVersion") == 1
    shop.cluster.rollout_seconds = 300
    await push(shop, runner, "checkout", "v1")
    assert (shop.weight, "is rolling out another version (shop:v1)" in said(shop)) == (50, True)
    shop.values["baseline"] = GOOD
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert (shop.outcome, shop.status.history[0].reason) == ("Superseded", "NewVersion")
    runner.at(shop.clock.now() + 100, lambda: shop.cluster.set_image("checkout", "shop:v3"))
    await runner.run_until(shop.clock.now() + 900, lambda: len(shop.status.history) == 2)
    assert (shop.outcome, image(shop), shop.weight) == ("Succeeded", "shop:v3", 0)


async def test_a_baseline_that_cannot_be_read_is_not_taken_for_a_safe_one() -> None:
    shop, runner = await breached_in_git()
    shop.gate.streams_away = True

    def before(call: str) -> None:
        if call == "workloads.arm" and not next(turn):
            raise Unavailable("time-out")

    turn = iter(int(number % 2) for number in range(100_000))  # the baseline is read first
    shop.gate.before = before
    await push(shop, runner, "checkout-canary", "v3")
    await runner.run_until(shop.clock.now() + 300)
    assert shop.weight == 50
    assert "'checkout' could not be read" in said(shop)


@pytest.mark.parametrize("action", [Action.ABORT, Action.RESUME])
async def test_a_person_need_not_wait_for_a_baseline_that_breached(action: Action) -> None:
    shop, runner = await breached_in_git()
    await push(shop, runner, "checkout-canary", "v3")
    runner.at(shop.clock.now() + 1, lambda: shop.command(action))
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == ("Aborted" if action is Action.ABORT else "Superseded")
    assert shop.weights() == [0, 50, 0, 50, 0, 50], "the run of the new version has begun"


async def test_a_new_version_ends_the_run_where_nobody_is_moved_by_that() -> None:
    """Pushed before the breach, the candidate gets no traffic back: it stays where it is, and the new version gets its run."""
    shop, runner = await until(Shop(), "Awaiting", rollout_seconds=5, promotion={**AWAIT, "settle": "60s"})
    runner.at(shop.clock.now() + 2, lambda: shop.cluster.set_image("checkout", "shop:v2"))
    await runner.run_until(shop.clock.now() + 60, lambda: stage(shop) == "Settling")
    await push(shop, runner, "checkout-canary", "v3")
    assert stage(shop) == "Settling"
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weights()) == ("Superseded", [0, 50, 0, 50]), "the run of the new version has begun"


async def test_missing_data_moves_nobody_to_an_awaited_baseline_that_breached() -> None:
    shop, runner = await breached_in_git(missingData={"noData": {"after": "1m", "then": "Revert"}})
    shop.answer = lambda query, _now: None if query.part == "probe" else Vector(())
    await runner.run_until(shop.clock.now() + 600)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
