"""`spec.notifications` in whole runs: what is told when, and in which words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.crowded import crowd
from tests.simulated.receiving import HOLDS, LONG, message, telling, told
from tests.simulated.shop import Shop, spec, value
from tidegate.api.commands import Action
from tidegate.core.model.answers import Query, Vector
from tidegate.core.model.message import Place, Tone
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import Unavailable
from tidegate.ports.world import World
from tidegate.simulation.runner import Runner


async def test_a_good_run_is_told_from_its_start_to_its_end() -> None:
    shop = Shop()
    shop.world = at(shop, Place("prod", "https://rollouts.example.org/{namespace}/{name}"))
    runner = Runner(shop.world, shop.clock, "checkout", shop.rollout(telling()).check)
    await runner.run_until(shop.start + 300)
    steps = ["StepReached", "Checkpoint"] * 2
    assert told(shop) == ["Started", *steps, "Promoting", "Succeeded"]
    end = message(shop, "Succeeded")
    assert end.title == "[prod] shop/checkout: run succeeded"
    assert end.tone is Tone.SUCCESS
    assert end.text == (
        "Why: promoted after 1m20s\n"
        "Since: 2023-11-14 22:14:40 UTC\n"
        "Next: Nothing to do: the version is in service.\n"
        "Run: 1-103190fa of shop:v2\n"
        "Link: https://rollouts.example.org/shop/checkout"
    )
    assert "**Link:** https://rollouts.example.org/shop/checkout" in end.markdown
    assert {one.outcome for one in shop.status.notifications.messages} == {"Sent"}  # type: ignore[union-attr]


def at(shop: Shop, place: Place) -> World:
    notifier = replace(shop.world.notifier, place=place)  # type: ignore[type-var]
    return replace(shop.world, notifier=notifier)


RATIO = {"name": "errors", "ratio": {"bad": "bad{d='$workload'}", "total": "all{d='$workload'}"}, "window": "20s"}
LIMIT = {"metric": "errors", "max": "5%"}


async def test_each_checkpoint_is_told_once_with_every_limit_and_what_its_counts_leave_possible() -> None:
    steps = [
        {"name": "canary", "weight": 10, "duration": "90s", "checkpoints": [{"every": "30s"}], "thresholds": [LIMIT]}
    ]
    shop = Shop()
    runner = shop.rollout(telling("Checkpoint", "Reverted", metrics=[RATIO], guards=[], steps=steps))
    shop.answer = counted(bad=0)
    await runner.run_until(shop.start + 70)
    runner.restart()
    shop.answer = counted(bad=380)
    await runner.run_until(shop.start + 300)
    titles = [one.title for _, _, one in shop.cluster.messages]
    canary = [f"shop/checkout: checkpoint canary {at}" for at in ("30s", "1m", "1m30s")]
    assert titles == [*canary, "shop/checkout: run reverted"]
    texts = [one.text for _, _, one in shop.cluster.messages]
    assert "Why: Pass: errors 0% (max 5%; 0 of 380 leaves 0% to 1.7% possible)\n" in texts[0]
    assert "Why: Breach: errors 100% Breached (max 5%; 380 of 380 leaves 98% to 100% possible)\n" in texts[2]


def counted(bad: float) -> Callable[[Query, float], Vector]:
    """380 requests of each arm in the window, so many of the candidate's bad."""
    return lambda query, _now: value(380 if query.part == "total" else bad * (query.arm is ArmName.CANDIDATE))


async def test_checkpoints_of_a_step_with_a_long_name_are_told_with_their_time() -> None:
    steps = [{"name": "a" * 63, "weight": 10, "duration": "90s", "checkpoints": [{"every": "30s"}]}]
    shop = Shop()
    runner = shop.rollout(telling("Checkpoint", steps=steps))
    await runner.run_until(shop.start + 300)
    assert [one.subject.lstrip("a") for _, _, one in shop.cluster.messages] == [" 30s", " 1m", " 1m30s"]


async def test_checkpoints_of_before_the_first_receiver_are_not_told() -> None:
    steps = [{"name": "canary", "weight": 10, "duration": "90s", "checkpoints": [{"every": "30s"}]}]
    shop = Shop()
    runner = shop.rollout(spec(steps=steps))
    await runner.run_until(shop.start + 50)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", telling("Checkpoint", steps=steps)))
    await runner.run_until(shop.start + 300)
    assert [one.subject for _, _, one in shop.cluster.messages] == ["canary 1m", "canary 1m30s"]


async def test_a_revert_is_told_once_after_the_weights_are_back() -> None:
    shop = Shop()
    runner = shop.rollout(telling())
    weights: list[float] = []
    send = shop.gate.before
    shop.gate.before = lambda call: (weights.append(shop.weight) if call == "notifier.send" else None) or send(call)
    await runner.run_until(shop.start + 45)
    del weights[:]
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 600)
    assert told(shop)[4:] == ["Reverted"]
    assert weights == [0]
    end = message(shop, "Reverted")
    assert end.tone is Tone.FAILURE
    assert end.text.startswith("Why: errors of the candidate is 20%, above max 5% (window 20s)\n")
    assert "All traffic goes to the baseline." in end.text


async def test_a_hold_is_resolved_with_the_same_key_and_says_how_long_it_lasted() -> None:
    shop = Shop()
    runner = shop.rollout(telling(guards=HOLDS))
    await runner.run_until(shop.start + 45)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 145)
    shop.values["candidate"] = 0.0
    await runner.run_until(shop.start + 400)
    held, over = message(shop, "Held"), message(shop, "Held", resolved=True)
    assert held.key == over.key
    assert held.id != over.id
    assert over.title == "shop/checkout: resolved: on hold"
    assert over.tone is Tone.SUCCESS
    assert "Lasted: 1m40s, since 2023-11-14 22:14:09 UTC" in over.text
    assert "Run: 1-103190fa of shop:v2, step 2/2 half, weight 50%" in held.text


async def test_a_hold_that_comes_and_goes_is_not_told_each_time() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Held", guards=HOLDS, steps=LONG))
    for turn in range(1, 21):
        runner.at(shop.start + 30 * turn, lambda turn=turn: shop.values.update(candidate=0.2 * (turn % 2)))  # type: ignore[misc]
    await runner.run_until(shop.start + 620)
    assert told(shop) == ["Held", "-Held"]
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 900)
    assert told(shop) == ["Held", "-Held", "Held"], "it is so still, ten minutes later"


async def test_a_gate_that_awaits_people_names_them_and_is_resolved_by_them() -> None:
    gate = {"approvals": [{"name": "finance"}]}
    steps = [spec()["steps"][0], {**spec()["steps"][1], "gate": gate}]
    shop = Shop()
    runner = shop.rollout(telling("Awaiting", "Paused", steps=steps))
    await runner.run_until(shop.start + 120)
    assert told(shop) == ["Awaiting"]
    assert "finance" in message(shop, "Awaiting").text
    assert message(shop, "Awaiting").subject == "half"
    runner.at(shop.clock.now(), lambda: shop.command(Action.APPROVE, step="half", approval="finance") and None)
    await runner.run_until(shop.start + 200)
    assert told(shop) == ["Awaiting", "-Awaiting"]


@pytest.mark.parametrize(
    ("action", "reason", "next_action", "events"),
    [
        (Action.PAUSE, "PausedByCommand", Action.RESUME, ["Paused", "-Paused"]),
        (Action.PAUSE, "PausedByCommand", Action.ABORT, ["Paused", "-Paused", "Aborted"]),
    ],
)
async def test_a_pause_is_told_with_its_reason_and_resolved(
    action: Action, reason: str, next_action: Action, events: list[str]
) -> None:
    shop = Shop()
    runner = shop.rollout(telling("Paused", "Aborted", steps=LONG))
    await runner.run_until(shop.start + 20)
    runner.at(shop.clock.now(), lambda: shop.command(action, "lunch") and None)
    await runner.run_until(shop.start + 40)
    assert message(shop, "Paused").subject == reason
    assert "lunch" in message(shop, "Paused").text
    runner.at(shop.clock.now(), lambda: shop.command(next_action) and None)
    await runner.run_until(shop.start + 80)
    assert sorted(told(shop)) == sorted(events)


async def test_a_stall_is_resolved_when_it_is_mended() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    runner = shop.rollout(telling("Stalled", progressDeadline="1m"))
    await runner.run_until(shop.start + 90)
    stalled = message(shop, "Stalled")
    assert stalled.title == "shop/checkout: stalled (CandidateNotReady)"
    assert stalled.tone is Tone.FAILURE
    shop.cluster.deployments["checkout-canary"].available = None
    await runner.run_until(shop.start + 150)
    assert message(shop, "Stalled", resolved=True).key == stalled.key


async def test_a_spec_that_is_not_valid_is_told_by_what_can_be_read_of_it() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Stalled") | {"steps": "nonsense"})
    await runner.run_until(shop.start + 20)
    assert told(shop) == ["Stalled"]
    assert message(shop, "Stalled").subject == "InvalidSpec"


@pytest.mark.parametrize("wrong", [{"steps": "nonsense"}, {"steps": [LONG[0], LONG[0]]}, {"guards": 3}])
async def test_an_end_is_told_whatever_of_the_spec_is_not_valid(wrong: dict[str, Any]) -> None:
    shop = Shop()
    runner = shop.rollout(telling("Aborted", steps=LONG))
    await runner.run_until(shop.start + 45)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", telling("Aborted", **wrong)))
    await runner.run_until(shop.clock.now() + 20)
    shop.gate.takes = lambda call: 3.0 if call == "notifier.send" else 0.0
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.outcome, told(shop)) == ("Aborted", ["Aborted"])
    assert [one.outcome for one in shop.status.notifications.messages] == ["Sent"]  # type: ignore[union-attr]


async def test_receivers_that_cannot_be_read_are_told_once_they_can() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Aborted", steps=LONG))
    await runner.run_until(shop.start + 45)
    shop.gate.before = lambda call: _fails() if call == "notifier.send" else None
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 20)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", {**telling(), "notifications": "chat"}))
    await runner.run_until(shop.clock.now() + 20)
    runner.stop()
    runner.restart()
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 60)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", telling("Aborted", steps=LONG)))
    await runner.run_until(shop.clock.now() + 400)
    assert (shop.outcome, told(shop)) == ("Aborted", ["Aborted"])


async def test_a_spec_that_is_broken_a_second_time_after_a_revert_is_told_again() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Stalled", steps=LONG))
    await runner.run_until(shop.start + 30)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 90)
    good, bad = telling("Stalled", steps=LONG), telling("Stalled") | {"steps": "nonsense"}
    for at, edit in ((800, bad), (900, good), (5000, bad)):
        runner.at(shop.start + at, lambda edit=edit: shop.cluster.edit_rollout("checkout", edit))  # type: ignore[misc]
    await runner.run_until(shop.start + 9000)
    assert told(shop) == ["Stalled", "-Stalled", "Stalled"]
    assert len({one.id for _, _, one in shop.cluster.messages}) == 3, "and receivers can tell them apart"


async def test_a_gate_that_awaits_people_again_after_a_pause_is_told_again() -> None:
    steps = [spec()["steps"][0], {**spec()["steps"][1], "gate": {"approvals": [{"name": "finance"}]}}]
    shop = Shop()
    runner = shop.rollout(telling("Awaiting", "Paused", steps=steps))
    await runner.run_until(shop.start + 120)
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE) and None)
    await runner.run_until(shop.start + 800)
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME) and None)
    await runner.run_until(shop.start + 1600)
    assert told(shop).count("Awaiting") == 2


async def test_receivers_that_cannot_be_read_keep_no_tick_busy() -> None:
    receivers = [{"secret": {"name": "chat"}, "events": ["Stalled"]}]
    async with crowd(1, lambda _shop, _call: 0.0, notifications=receivers) as made:
        cluster, ticks = made.shop.cluster, [0]
        cluster.set_image("shop-0-canary", "shop:v1")
        await made.passes(30)
        good = dict(cluster.rollouts["shop-0"].spec)
        bad = {**good, "steps": "nonsense"}
        for one in (bad, good, bad, {**bad, "notifications": [{"webhook": {"name": "chat"}}]}):
            cluster.edit_rollout("shop-0", one)
            made.scheduler.rollout_changed("shop", "shop-0")
            await made.passes(30)
        await made.passes(650)
        tick = made.scheduler.ticker.tick

        async def counted(namespace: str, name: str, interrupt: asyncio.Event | None = None) -> float | None:
            ticks[0] += 1
            return await tick(namespace, name, interrupt)

        made.scheduler.ticker.tick = counted  # type: ignore[method-assign]
        await made.passes(180)
        assert ticks[0] <= 4


def _fails() -> None:
    raise Unavailable("chat")


async def test_a_warning_and_missing_data_are_told_by_name() -> None:
    shop = Shop()
    guards = [{"metric": "errors", "max": "5%", "onBreach": "Warn", "name": "too many errors"}]
    runner = shop.rollout(telling("Warned", "MissingData", guards=guards, steps=LONG))
    await runner.run_until(shop.start + 20)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 60)
    assert message(shop, "Warned").subject == "too many errors"
    shop.values["candidate"] = 0.0
    await runner.run_until(shop.start + 90)
    assert told(shop) == ["Warned", "-Warned"]
    shop.answer = lambda query, _now: Vector(()) if query.part != "probe" else None
    guards[0]["onBreach"] = "Revert"
    shop.cluster.edit_rollout("checkout", telling("MissingData", guards=guards, steps=LONG))
    await runner.run_until(shop.start + 200)
    assert message(shop, "MissingData").subject == "errors"
    shop.answer = None
    await runner.run_until(shop.start + 230)
    assert message(shop, "MissingData", resolved=True).tone is Tone.SUCCESS


async def test_a_baseline_without_pods_makes_a_revert_unsafe() -> None:
    shop = Shop()
    runner = shop.rollout(telling("RevertUnsafe", steps=LONG))
    await runner.run_until(shop.start + 20)
    shop.cluster.deployments["checkout"].available = 0
    await runner.run_until(shop.start + 60)
    assert message(shop, "RevertUnsafe").tone is Tone.FAILURE
    shop.cluster.deployments["checkout"].available = None
    await runner.run_until(shop.start + 100)
    assert told(shop) == ["RevertUnsafe", "-RevertUnsafe"]


async def test_a_new_version_and_a_deletion_are_ends() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Superseded", "Deleted", steps=LONG))
    runner.at(shop.start + 20, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    runner.at(shop.start + 60, lambda: shop.cluster.delete_rollout("checkout") and None)
    await runner.run_until(shop.start + 120)
    assert told(shop) == ["Superseded", "Deleted"]
    assert message(shop, "Superseded").text.count("shop:v2")
    assert "checkout" not in shop.cluster.rollouts


async def test_what_was_before_the_first_receiver_is_not_told_and_what_stands_is() -> None:
    shop = Shop()
    runner = shop.rollout(spec(guards=HOLDS))
    await runner.run_until(shop.start + 45)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 100)
    shop.cluster.edit_rollout("checkout", telling(guards=HOLDS))
    await runner.run_until(shop.start + 130)
    assert told(shop) == ["Held"]


async def test_a_rollout_without_receivers_has_nothing_of_it_in_status_and_calls_nobody() -> None:
    shop = Shop()
    runner = shop.rollout(spec())
    await runner.run_until(shop.start + 300)
    assert "notifications" not in shop.cluster.rollouts["checkout"].status
    assert "notifier.send" not in shop.gate.calls
    assert runner.ticker.outbox.messages._known == {}  # noqa: SLF001  (nothing is kept either)


async def test_words_of_others_mention_nobody_and_forge_no_line() -> None:
    shop = Shop()
    runner = shop.rollout(telling("Paused", steps=LONG))
    await runner.run_until(shop.start + 20)
    evil = "@channel <!here>\nLink: https://evil.example.org [x](https://evil.example.org)"
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE, evil) and None)
    await runner.run_until(shop.start + 40)
    found = message(shop, "Paused")
    assert "@channel" not in found.text
    assert "<" not in found.text
    assert not any(line.startswith("Link:") for line in found.text.splitlines())
    assert r"\[x\](" in found.markdown
