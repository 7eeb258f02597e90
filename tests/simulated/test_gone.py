"""What is gone counts as restored: no deletion waits for what can never come, and no wait outlives what it waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.simulated.shop import Shop, check, spec
from tidegate.api.commands import Action
from tidegate.core.model.world import Acceptance
from tidegate.ports.errors import Unavailable
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


async def under_way(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 10
    return shop, runner


def exists(shop: Shop) -> bool:
    return "checkout" in shop.cluster.rollouts


def stalled(shop: Shop) -> tuple[str, str]:
    found = [
        (one.reason, one.message) for one in shop.status.conditions if (one.type, one.status) == ("Stalled", "True")
    ]
    return found[0] if found else ("", "")


def everything(shop: Shop) -> None:
    shop.cluster.deployments.clear()
    shop.cluster.services.clear()
    shop.cluster.routes.clear()


def all_but_the_route(shop: Shop) -> None:
    shop.cluster.deployments.clear()
    shop.cluster.services.clear()


LOSSES: dict[str, Callable[[Shop], object]] = {
    "everything": everything,
    "all but the route": all_but_the_route,
    "the route": lambda shop: shop.cluster.routes.clear(),
    "the kind of route": lambda shop: shop.cluster.not_served.add("HTTPRoute"),
    "the baseline": lambda shop: shop.cluster.deployments.pop("checkout"),
    "the candidate": lambda shop: shop.cluster.deployments.pop("checkout-canary"),
    "the Services": lambda shop: shop.cluster.services.clear(),
    "nothing": lambda _shop: None,
}


@pytest.mark.parametrize("first", ["the Rollout", "the rest"])
@pytest.mark.parametrize("loss", LOSSES)
async def test_a_deletion_ends_whatever_is_deleted_beside_it_in_whatever_order(loss: str, first: str) -> None:
    shop, runner = await under_way()
    both = [lambda: shop.cluster.delete_rollout("checkout"), lambda: LOSSES[loss](shop)]
    for number, act in enumerate(both if first == "the Rollout" else reversed(both)):
        runner.at(shop.clock.now() + 1 + number, act)
    await runner.run_until(shop.clock.now() + 60)
    assert not exists(shop), stalled(shop)
    if "HTTPRoute/checkout" in shop.cluster.routes and not shop.cluster.not_served:
        assert shop.weight == 0


async def test_a_finalizer_that_is_removed_while_an_end_waits_is_put_back_and_a_deletion_finds_the_weights_restored() -> (
    None
):
    shop, runner = await under_way()
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, stalled(shop)[0]) == (10, "BaselineUnavailable")
    shop.cluster.put_rollout(replace(shop.cluster.rollouts["checkout"], finalizers=()))
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 10)
    assert shop.cluster.rollouts["checkout"].finalizers
    runner.stop()
    shop.cluster.delete_rollout("checkout")
    runner.restart()
    shop.cluster.deployments["checkout"].available = 3
    await runner.run_until(shop.clock.now() + 60)
    assert (exists(shop), shop.weight) == (False, 0)


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_deletion_that_was_asked_for_while_the_operator_was_away_ends_too(loss: str) -> None:
    shop, runner = await under_way()
    runner.stop()
    LOSSES[loss](shop)
    shop.cluster.delete_rollout("checkout")
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert not exists(shop)


async def test_a_revert_that_waits_for_a_pod_ends_when_its_namespace_is_deleted() -> None:
    shop, runner = await under_way()
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, stalled(shop)[0]) == (10, "BaselineUnavailable")
    assert "Abort forces it" in stalled(shop)[1]
    shop.cluster.delete_rollout("checkout")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 20)
    assert exists(shop), "the candidate serves, and pods of the baseline may come back"
    assert "Abort" not in stalled(shop)[1]
    runner.at(shop.clock.now(), lambda: everything(shop))
    await runner.run_until(shop.clock.now() + 30)
    assert not exists(shop)


async def test_where_neither_arm_has_a_pod_there_is_nothing_to_lose() -> None:
    shop, runner = await under_way()
    shop.cluster.deployments["checkout"].available = 0
    shop.cluster.deployments["checkout-canary"].available = 0
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 0)
    assert shop.weight == 0


async def test_a_breach_with_its_baseline_deleted_waits_and_says_so_and_an_abort_forces_it() -> None:
    shop, runner = await under_way()
    shop.cluster.deployments.pop("checkout")
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, stalled(shop)[0]) == (10, "BaselineUnavailable")
    assert [event[2] for event in shop.cluster.events].count("BaselineUnavailable") == 1
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 5)
    assert shop.weight == 0


async def test_a_route_that_cannot_be_read_is_not_gone() -> None:
    shop, runner = await under_way()
    shop.gate.before = _unreadable("router.read")
    runner.restart()
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + 60)
    assert exists(shop), "the finalizer stays until the weights are known to be back"
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 60)
    assert (exists(shop), shop.weight) == (False, 0)


def _unreadable(name: str) -> Callable[[str], None]:
    def before(call: str) -> None:
        if call == name:
            raise Unavailable(f"{call}: 503")

    return before


async def test_whoever_waits_for_a_claim_is_woken_when_its_holder_goes() -> None:
    shop, _ = await under_way()
    shop.cluster.add_rollout("second", spec(steps=LONG))
    second = Runner(shop.world, shop.clock, "second", check)
    await second.run_until(shop.clock.now() + 5)
    waiting = shop.cluster.rollouts["second"].status["conditions"]
    assert "Claimed" in {one["reason"] for one in waiting}
    index = second.ticker._index  # noqa: SLF001
    assert ("shop", "second") in index.watchers("Rollout", "shop", "checkout")


async def test_a_finalizer_that_was_taken_off_is_put_back_at_once() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.strip_finalizers("checkout"))
    await runner.run_until(shop.clock.now() + 2)
    assert shop.cluster.rollouts["checkout"].finalizers == ("tidegate.dev/restore-weights",)
    assert [event[2] for event in shop.cluster.events].count("FinalizerRestored") == 1
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + 60)
    assert (exists(shop), shop.weight) == (False, 0)


async def test_a_rollout_that_vanished_from_its_run_has_its_weights_put_back() -> None:
    """The finalizer was taken off and the object deleted before anybody could look."""
    shop, runner = await under_way()

    def vanish() -> None:
        shop.cluster.strip_finalizers("checkout")
        shop.cluster.delete_rollout("checkout")

    runner.at(shop.clock.now() + 1, vanish)
    await runner.run_until(shop.clock.now() + 3)
    assert (exists(shop), shop.weight) == (False, 0)
    await runner.run_until(shop.clock.now() + 60)
    assert at_rest(runner)


def at_rest(runner: Runner) -> bool:
    return runner.due == float("inf") and not runner.ticker._records  # noqa: SLF001


async def test_a_rollout_that_was_replaced_by_one_of_its_name_starts_only_when_the_old_weights_are_back() -> None:
    shop, runner = await under_way()

    def replace() -> None:
        shop.cluster.strip_finalizers("checkout")
        shop.cluster.delete_rollout("checkout")
        shop.cluster.add_rollout("checkout", spec(steps=LONG))

    runner.at(shop.clock.now() + 1, replace)
    await runner.run_until(shop.clock.now() + 3)
    assert shop.weight == 0
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 10
    assert shop.status.runs == 1


@pytest.mark.parametrize("state", [Acceptance.PENDING, Acceptance.REFUSED])
async def test_a_revert_has_ended_when_its_gateway_has_taken_it(state: Acceptance) -> None:
    shop, runner = await under_way()
    route = shop.cluster.routes["HTTPRoute/checkout"]

    def written(call: str) -> None:
        if call == "router.write":
            route.acceptance = state

    shop.gate.after = written
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, shop.outcome) == (0, "")
    reason, message = stalled(shop)
    assert reason == "RevertNotAccepted"
    assert "may still get requests" in message
    assert [event[2] for event in shop.cluster.events].count("RevertNotAccepted") == 1
    shop.gate.after = lambda _call: None
    runner.at(shop.clock.now(), lambda: setattr(route, "acceptance", Acceptance.ACCEPTED))
    await runner.run_until(shop.clock.now() + 20)
    assert shop.outcome == "Reverted"


async def test_a_deletion_waits_for_its_gateway_half_a_minute_and_says_that_it_let_go() -> None:
    shop, runner = await under_way()
    route = shop.cluster.routes["HTTPRoute/checkout"]
    shop.gate.after = lambda call: setattr(route, "acceptance", Acceptance.PENDING) if call == "router.write" else None
    begun = shop.clock.now()
    runner.at(begun, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(begun + 25)
    assert (exists(shop), shop.weight) == (True, 0)
    await runner.run_until(begun + 40)
    assert not exists(shop)
    told = [event[3] for event in shop.cluster.events if event[2] == "RevertNotAccepted"]
    assert "the finalizer is removed all the same" in told[-1]
