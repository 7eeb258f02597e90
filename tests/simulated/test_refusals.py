"""What is refused reaches the status, in the refusal's words, and is tried again within seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.shop import REF, Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.world import RolloutObject, Route
from tidegate.ports.errors import PortError, Rejected, Unavailable
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]
FREEZE = "patch HTTPRoute shop/checkout: 422 denied by policy change-freeze: no changes on Fridays"


async def under_way(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 10
    return shop, runner


def refuse(shop: Shop, name: str, error: PortError) -> None:
    def before(call: str) -> None:
        if call == name:
            raise error

    shop.gate.before = before


def stalled(shop: Shop) -> tuple[str, str]:
    found = [
        (one.reason, one.message) for one in shop.status.conditions if (one.type, one.status) == ("Stalled", "True")
    ]
    return found[0] if found else ("", "")


def told(shop: Shop, reason: str) -> list[str]:
    return [event[3] for event in shop.cluster.events if event[2] == reason]


@pytest.mark.parametrize(
    "error", [Rejected(FREEZE), Unavailable("patch HTTPRoute shop/checkout: 500 webhook timed out")]
)
async def test_a_revert_that_is_refused_says_so_and_comes_as_soon_as_it_may(error: PortError) -> None:
    shop, runner = await under_way()
    refuse(shop, "router.write", error)
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 25)
    reason, message = stalled(shop)
    assert (reason, str(error) in message) == ("RevertRefused", True)
    assert len(told(shop, "RevertRefused")) == 1
    ready = {one.type: one.status for one in shop.status.conditions}["Ready"]
    assert ready == "False"
    shop.gate.before = lambda _call: None
    begun = shop.clock.now()
    await runner.run_until(begun + 30, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 1.1
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.outcome, stalled(shop)[0]) == ("Reverted", "Reverted")


async def test_a_raise_that_is_refused_says_so() -> None:
    shop = Shop()
    refuse(shop, "router.write", Rejected(FREEZE))
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 30)
    reason, message = stalled(shop)
    assert (reason, FREEZE in message) == ("WriteRefused", True)
    assert len(told(shop, "WriteRefused")) == 1
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 15)
    assert (shop.weight, stalled(shop)[0]) == (10, "")


async def test_a_correction_that_is_refused_is_not_told_as_done() -> None:
    shop, runner = await under_way()
    refuse(shop, "router.write", Rejected(FREEZE))
    runner.at(shop.clock.now() + 1, lambda: shop.set_weight(20, 80))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, stalled(shop)[0]) == (80, "WriteRefused")
    assert (told(shop, "WeightCorrected"), len(told(shop, "WriteRefused"))) == ([], 1)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 15)
    assert (shop.weight, len(told(shop, "WeightCorrected"))) == (10, 1)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_finalizer_that_is_refused_is_not_told_as_restored(begun: bool) -> None:  # noqa: FBT001
    if begun:
        shop, runner = await under_way()
        stripped = replace(shop.cluster.rollouts["checkout"], finalizers=())
        runner.at(shop.clock.now() + 1, lambda: shop.cluster.put_rollout(stripped))
    else:
        shop = Shop()
        runner = shop.rollout(spec(steps=LONG))
    refuse(shop, "store.set_finalizer", Rejected("patch Rollout shop/checkout: 403 forbidden"))
    await runner.run_until(shop.clock.now() + 60)
    assert (stalled(shop)[0], told(shop, "FinalizerRestored"), len(told(shop, "WriteRefused"))) == (
        "WriteRefused",
        [],
        1,
    )
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 15)
    assert shop.cluster.rollouts["checkout"].finalizers
    assert len(told(shop, "FinalizerRestored")) == int(begun)


async def test_a_template_that_may_not_be_written_says_so() -> None:
    shop, runner = await under_way(steps=[{"name": "canary", "weight": 10, "duration": "60s"}])
    refuse(shop, "workloads.write_template", Rejected("patch Deployment shop/checkout: 403 forbidden"))
    await runner.run_until(shop.clock.now() + 120)
    reason, message = stalled(shop)
    assert (reason, "403 forbidden" in message) == ("WriteRefused", True)


async def test_a_status_that_may_not_be_written_is_told_in_an_event_and_reverts_all_the_same() -> None:
    shop, runner = await under_way()
    refuse(shop, "store.write_status", Rejected("patch Rollout shop/checkout: 403 forbidden"))
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 30, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 11
    await runner.run_until(shop.clock.now() + 30)
    assert len(told(shop, "StatusRefused")) == 1
    assert "403 forbidden" in told(shop, "StatusRefused")[0]


async def test_a_reverted_rollout_never_says_ready_whatever_is_asked_of_it() -> None:
    """Commands at rest, refused and carried out, write the status too."""
    shop, runner = await under_way()
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Reverted"
    seen: set[str] = set()

    def after(call: str) -> None:
        if call == "store.write_status":
            conditions = shop.cluster.rollouts["checkout"].status["conditions"]
            seen.add({one["type"]: one["status"] for one in conditions}["Ready"])

    shop.gate.after = after
    for action in (Action.PAUSE, Action.RESUME, Action.ABORT):
        runner.at(shop.clock.now(), lambda action=action: shop.command(action))
        await runner.run_until(shop.clock.now() + 5)
    assert "True" not in seen


@pytest.mark.parametrize(
    ("loss", "reason"),
    [
        (lambda shop: shop.cluster.deployments.pop("checkout"), "BaselineMissing"),
        (lambda shop: shop.cluster.services.update({"checkout-canary": {"app": "checkout"}}), "ArmsOverlap"),
        (lambda shop: shop.set_weight(80, 20), "CandidateAlreadyServing"),
        (lambda shop: shop.cluster.edit_rollout("checkout", {"steps": "nonsense"}), "InvalidSpec"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_whatever_stalls_before_a_run_gives_one_event(loss: object, reason: str) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG, progressDeadline="30s"))
    loss(shop)  # type: ignore[operator]
    for _ in range(4):
        await runner.run_until(shop.clock.now() + 60)
        runner.restart()
    assert len(told(shop, reason)) == 1
    assert stalled(shop)[0] == reason


async def test_an_invalid_edit_in_mid_run_gives_one_event() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.edit_rollout("checkout", {"steps": "nonsense"}))
    await runner.run_until(shop.clock.now() + 120)
    assert len(told(shop, "InvalidSpec")) == 1
    assert "nothing is raised until it is valid" in stalled(shop)[1]


async def test_a_baseline_that_could_not_take_a_revert_gives_one_event() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now() + 1, lambda: setattr(shop.cluster.deployments["checkout"], "available", 0))
    await runner.run_until(shop.clock.now() + 120)
    assert len(told(shop, "BaselineNotReady")) == 1


@pytest.mark.parametrize("when", ["step", "revert", "rest"])
async def test_a_write_that_a_webhook_changes_is_a_refusal_and_does_not_run_hot(when: str) -> None:
    """The API server says 200 each time, and something else is stored: that is told, and tried again at a measured pace."""
    shop, runner = await under_way()
    if when == "rest":
        shop.values["candidate"] = 0.5
        await runner.run_until(shop.clock.now() + 60)
        assert shop.outcome == "Reverted"

    def after(call: str) -> None:
        if call == "router.write":
            shop.set_weight(10, 90)

    shop.gate.after = after
    if when == "revert":
        shop.values["candidate"] = 0.5
    else:
        runner.at(shop.clock.now(), lambda: shop.set_weight(10, 90))
    before = runner.ticks, shop.gate.calls.count("router.write")
    await runner.run_until(shop.clock.now() + 60, lambda: runner.ticks - before[0] > 1000)
    assert runner.ticks - before[0] <= 300
    assert 20 <= shop.gate.calls.count("router.write") - before[1] <= 300
    reason, message = stalled(shop)
    assert reason == ("RevertRefused" if when == "revert" else "WriteRefused")
    assert "admission webhook" in message
    assert len(told(shop, reason)) == 1


async def test_a_put_back_that_is_refused_does_not_keep_a_breach_from_being_seen() -> None:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    both = [{"kind": "HTTPRoute", "name": name} for name in ("checkout", "other")]
    runner = shop.rollout(spec(interval="1s", traffic=both))
    await runner.run_until(shop.start + 10)
    assert shop.weight == 10
    write = shop.cluster.write_route

    def refusing(route: Route, pairs: Mapping[str, tuple[int, int]], manager: str, mirrors: Mapping[str, int]) -> Route:
        if route.ref.name == "other":
            raise Rejected("change freeze")
        return write(route, pairs, manager, mirrors)

    shop.cluster.write_route = refusing  # type: ignore[method-assign]
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_weights(replace(REF, name="other"), {"#0": (10, 90)}))
    await runner.run_until(shop.clock.now() + 5)
    begun = shop.clock.now()
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 10, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 2.0


async def test_a_status_that_is_refused_keeps_no_rollout_from_being_deleted() -> None:
    shop, runner = await under_way()
    refuse(shop, "store.write_status", Rejected("denied by policy"))
    runner.at(shop.clock.now(), lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, "checkout" in shop.cluster.rollouts) == (0, False)


@pytest.mark.parametrize("lost", [True, False])
async def test_the_end_is_told_once_when_its_record_gets_no_answer(lost: bool) -> None:  # noqa: FBT001
    shop, runner = await under_way()
    shop.values["candidate"] = 0.5
    failed: list[str] = []

    def fail(call: str) -> None:
        if call == "store.write_status" and shop.weight == 0 and (shop.outcome if lost else len(failed) < 3):
            failed.append(call)
            if not lost or len(failed) == 1:
                raise Unavailable("no answer in time")

    if lost:
        shop.gate.after = fail
    else:
        shop.gate.before = fail
    await runner.run_until(shop.clock.now() + 60)
    assert failed
    assert (shop.outcome, len(told(shop, "Reverted"))) == ("Reverted", 1)


@pytest.mark.parametrize("kind", ["Superseded", "Deleted", "Retried"])
async def test_no_write_says_idle_between_the_end_of_a_run_and_what_follows(kind: str) -> None:
    shop, runner = await under_way()
    phases: list[str] = []
    stored = shop.cluster.put_status

    def put(rollout: RolloutObject, status: Mapping[str, Any]) -> RolloutObject:
        phases.append(str(status.get("phase")))
        assert any(one["type"] in {"Reconciling", "Stalled"} for one in status["conditions"])
        return stored(rollout, status)

    shop.cluster.put_status = put  # type: ignore[method-assign]
    acts = {
        "Superseded": lambda: shop.cluster.set_image("checkout-canary", "shop:v3"),
        "Deleted": lambda: shop.cluster.delete_rollout("checkout"),
        "Retried": lambda: (shop.command(Action.RETRY), shop.command(Action.ABORT)),
    }
    runner.at(shop.clock.now(), acts[kind])
    await runner.run_until(shop.clock.now() + 8)
    assert "Reverting" in phases
    assert "Idle" not in phases
