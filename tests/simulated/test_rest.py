"""Before a run and at rest: what is waited for, who may claim what, and what it costs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulated.shop import Shop, check, spec, value
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query
from tidegate.ports.errors import Rejected
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


def reason(shop: Shop, name: str = "checkout", kind: str = "Stalled") -> str:
    conditions = shop.cluster.rollouts[name].status["conditions"]
    return next((one["reason"] for one in conditions if one["type"] == kind), "")


def without_deployment(shop: Shop) -> Callable[[], None]:
    taken = shop.cluster.deployments.pop("checkout-canary")
    return lambda: shop.cluster.deployments.update({"checkout-canary": taken})


def without_baseline(shop: Shop) -> Callable[[], None]:
    taken = shop.cluster.deployments.pop("checkout")
    return lambda: shop.cluster.deployments.update({"checkout": taken})


def without_service(shop: Shop) -> Callable[[], None]:
    taken = shop.cluster.services.pop("checkout-canary")
    return lambda: shop.cluster.services.update({"checkout-canary": taken})


def without_route(shop: Shop) -> Callable[[], None]:
    taken = shop.cluster.routes.pop("HTTPRoute/checkout")
    return lambda: shop.cluster.routes.update({"HTTPRoute/checkout": taken})


def without_backend(shop: Shop) -> Callable[[], None]:
    rules = shop.cluster.routes["HTTPRoute/checkout"].rules
    taken = rules[0].pop("checkout-canary")
    return lambda: rules[0].update({"checkout-canary": taken})


@pytest.mark.parametrize(
    ("take", "said"),
    [
        (without_deployment, "CandidateMissing"),
        (without_baseline, "BaselineMissing"),
        (without_service, "CandidateServiceMissing"),
        (without_route, "RouteMissing"),
        (without_backend, "BackendsMissing"),
    ],
)
async def test_what_is_missing_before_a_run_is_named_and_waited_for(
    take: Callable[[Shop], Callable[[], None]], said: str
) -> None:
    shop = Shop()
    give_back = take(shop)
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 60)
    assert (shop.status.run, reason(shop, kind="Ready"), reason(shop)) == (None, said, "")
    await runner.run_until(shop.start + 1000)
    assert reason(shop) == said, "it is stalled when it has lasted"
    runner.at(shop.clock.now(), give_back)
    await runner.run_until(shop.clock.now() + 25)
    assert shop.weight == 10


async def test_a_rule_that_is_not_there_is_named() -> None:
    shop = Shop()
    runner = shop.rollout(spec(traffic=[{"kind": "HTTPRoute", "name": "checkout", "rules": ["everyone"]}]))
    await runner.run_until(shop.start + 60)
    assert reason(shop, kind="Ready") == "RuleMissing"
    assert "everyone" in shop.status.message


async def test_a_kind_of_route_that_is_not_served_stalls_and_crashes_nothing() -> None:
    shop = Shop()

    runner = shop.rollout(spec())
    shop.cluster.not_served.add("HTTPRoute")
    await runner.run_until(shop.start + 60)
    assert (shop.status.run, reason(shop)) == (None, "RouterNotServed")


async def test_an_active_run_keeps_what_an_older_rollout_claims_too() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    other = spec(traffic=[{"kind": "HTTPRoute", "name": "other"}], steps=LONG, paused=True)
    older = Runner(shop.world, shop.clock, "older", check)
    shop.cluster.add_rollout("older", other)
    await older.run_until(shop.start + 5)
    shop.cluster.add_rollout("checkout", spec(steps=LONG))
    runner = Runner(shop.world, shop.clock, "checkout", check)
    await runner.run_until(shop.clock.now() + 30)
    assert reason(shop) == "Claimed", "at rest the older one has the better right"
    shop.cluster.delete_rollout("older")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 10
    shop.cluster.add_rollout("again", {**other, "paused": False})
    again = Runner(shop.world, shop.clock, "again", check)
    await again.run_until(shop.clock.now() + 30)
    assert reason(shop, "again") == "Claimed"
    assert "'checkout'" in shop.cluster.rollouts["again"].status["message"]


async def test_a_run_claims_what_it_began_with_although_its_spec_was_edited() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 25)
    elsewhere = {"deployment": "x", "service": "x"}
    shop.cluster.edit_rollout("checkout", spec(steps=LONG, candidate=elsewhere, baseline={**elsewhere, "service": "y"}))
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    shop.cluster.add_rollout("second", spec(steps=LONG, traffic=[{"kind": "HTTPRoute", "name": "other"}]))
    second = Runner(shop.world, shop.clock, "second", check)
    await second.run_until(shop.clock.now() + 30)
    assert reason(shop, "second") == "Claimed"


async def test_a_quiet_tick_asks_prometheus_and_nothing_else_of_anybody() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 60)
    shop.gate.calls.clear()
    await runner.run_until(shop.start + 240)
    assert set(shop.gate.calls) == {"metrics.sample"}


async def test_a_paused_and_lowered_run_makes_no_request_either() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 60)
    runner.at(shop.clock.now(), lambda: shop.set_weight(99, 1))
    await runner.run_until(shop.start + 120)
    shop.gate.calls.clear()
    await runner.run_until(shop.start + 240)
    assert set(shop.gate.calls) == {"metrics.sample"}


async def test_an_undecided_checkpoint_with_changing_numbers_writes_no_status() -> None:
    shop = Shop()
    requests = [0.0]

    def answer(_query: Query, _now: float) -> Answer:
        requests[0] += 1
        return value(1.0 + requests[0] % 7)

    shop.answer = answer
    ratio = {"name": "errors", "ratio": {"bad": "b", "total": "t"}, "minimumRequests": 50, "window": "20s"}
    step = {"name": "canary", "weight": 10, "duration": "30s", "thresholds": [{"metric": "errors", "max": "1%"}]}
    runner = shop.rollout(spec(metrics=[ratio], guards=[], steps=[step]))
    await runner.run_until(shop.start + 120)
    shop.gate.calls.clear()
    await runner.run_until(shop.start + 280)
    assert "store.write_status" not in shop.gate.calls


async def test_a_rollout_at_rest_is_not_looked_at() -> None:
    shop = Shop()
    runner = shop.rollout(spec())
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    await runner.run_until(shop.clock.now() + 1)
    ticks = runner.ticks
    shop.gate.calls.clear()
    await runner.run_until(shop.clock.now() + 86400)
    assert (runner.ticks, shop.gate.calls) == (ticks, [])


async def test_the_status_is_written_only_when_something_changed() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 60)
    for _ in range(5):
        version = shop.cluster.rollouts["checkout"].resource_version
        runner.due = shop.clock.now()
        await runner.run_until(shop.clock.now())
        assert shop.cluster.rollouts["checkout"].resource_version == version


async def test_each_decision_is_told_once() -> None:
    shop = Shop()
    runner = shop.rollout(spec())
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    reasons = [event[2] for event in shop.cluster.events]
    assert reasons == [
        "RunStarted",
        "StepStarted",
        "StepPassed",
        "StepStarted",
        "StepPassed",
        "Promoting",
        "ReturningTraffic",
        "Succeeded",
    ]


async def test_each_decision_of_an_aborted_run_is_told_once_although_the_status_is_refused_for_a_while() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 25)

    def before(call: str) -> None:
        if call == "store.write_status":
            raise Rejected("no")

    shop.gate.before = before
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 30)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 30)
    reasons = [event[2] for event in shop.cluster.events]
    assert reasons == ["RunStarted", "StepStarted", "StatusRefused", "AbortedByCommand", "Aborted"]


async def test_a_deleted_rollout_is_let_go_of_with_one_call() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 25)
    runner.at(shop.start + 30, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.start + 60)
    assert "checkout" not in shop.cluster.rollouts
    assert shop.gate.calls.count("store.set_finalizer") == 2
