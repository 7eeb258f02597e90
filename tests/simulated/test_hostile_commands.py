"""RolloutCommands of somebody who means harm: each is refused in words that say why, and none delays anything.

A requester that is not the user who created the command is refused by the API server (tests/integration/admission).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.crowded import INTERVAL, WEIGHT, OfOne, crowd
from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.ports.errors import Missing, Rejected
from tidegate.ports.world import World

STEPS = [
    {"name": "canary", "weight": WEIGHT, "duration": "1h"},
    {"name": "half", "weight": 50, "duration": "1h", "gate": {"approvals": [{"name": "finance", "early": True}]}},
    {"name": "all", "weight": 100, "duration": "1h", "gate": {"approvals": [{"name": "finance"}]}},
]
GIVEN = {"action": Action.APPROVE, "step": "half", "approval": "finance", "requester": "ann"}
HOSTILE: tuple[tuple[dict[str, Any], str], ...] = (
    ({**GIVEN, "requester": ""}, "the command names no requester"),
    ({**GIVEN, "step": "all"}, "step 'all' is not reached"),
    ({**GIVEN, "step": "none"}, "there is no step 'none'"),
    ({**GIVEN, "approval": "owner"}, "step 'half' has no approval 'owner'"),
    ({**GIVEN, "step_hash": "0" * 20}, "step 'half' was edited since"),
    ({"action": Action.ABORT, "run": "9-gone"}, "run 9-gone is not in progress"),
    ({"action": Action.PROMOTE, "run": "0-before"}, "run 0-before is not in progress"),
    ({"action": Action.RESUME}, "the run is not paused"),
)
AFTERWARDS = ("run ", "no run is in progress", *(words for _, words in HOSTILE))
"""How a refusal may begin once the breach has decided: the run ends, or has ended."""


async def test_five_hundred_hostile_commands_delay_neither_their_rollout_nor_its_neighbour() -> None:
    def takes(_shop: Shop, call: str) -> float:
        return 0.2 if call == "commands.conclude" else 0.0

    def ports(world: World) -> World:
        return replace(world, commands=OfOne(world.commands, "shop-0"))

    async with crowd(2, takes, ports, steps=STEPS) as both:
        await both.passes(120, lambda: both.weights() == {WEIGHT})
        await both.passes(5)
        shop = both.shop
        few = {shop.command(**fields): words for fields, words in HOSTILE}
        both.scheduler.rollout_changed("shop", "shop-0")
        await both.passes(10, lambda: len(shop.cluster.outcomes) == len(few))
        for uid, words in few.items():
            done, message = shop.cluster.outcomes[uid]
            assert (done, message[: len(words)]) == (False, words)
        assert both.weights() == {WEIGHT}, "they have moved nothing"
        many = [shop.command(**HOSTILE[number % len(HOSTILE)][0]) for number in range(500)]
        both.scheduler.rollout_changed("shop", "shop-0")
        assert await both.breached(60) <= INTERVAL + 1.0
        await both.passes(300, lambda: len(shop.cluster.outcomes) == len(few) + len(many))
        outcomes = [shop.cluster.outcomes[uid] for uid in many]
    assert not [words for done, words in outcomes if done or not words.startswith(AFTERWARDS)]


async def test_a_command_that_is_replayed_is_carried_out_once() -> None:
    """The outcome is lost each time, and the same object comes back; as a new one it is for a run that is over."""
    shop = Shop()
    runner = shop.rollout()
    await runner.run_until(shop.start + 20)
    run = shop.status.run
    assert run is not None
    shop.command(Action.ABORT, run=run.id)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    shop.cluster.outcomes.clear()
    shop.command(Action.RETRY)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 20)
    again = shop.command(Action.ABORT, run=run.id)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 5)
    assert shop.cluster.outcomes[again] == (False, f"run {run.id} is not in progress")
    assert (shop.status.run is not None, shop.weight) == (True, 10)


LONG_TEXT = "\u202e\U0001f525\n\x1b[2J" * 4096
"""A reason of 64 KiB that an API server without the schema has let pass: bidirectional, a line break, an escape sequence."""


@pytest.mark.parametrize("action", [Action.PAUSE, Action.REJECT, Action.APPROVE, Action.ABORT, Action.ADVANCE])
async def test_a_reason_of_64_kib_makes_no_status_too_large_and_draws_on_no_terminal(action: Action) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 20)
    of_step = {"step": "half", "approval": "finance"} if action.of_approval else {}
    uid = shop.command(action, LONG_TEXT, requester="ann" if action is Action.REJECT else LONG_TEXT, **of_step)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 60)
    assert uid in shop.cluster.outcomes
    stored = json.dumps(shop.cluster.rollouts["checkout"].status, ensure_ascii=False)
    assert len(stored.encode()) < 32 * 1024
    texts = [stored, shop.cluster.outcomes[uid][1], *(words for *_, words in shop.cluster.events)]
    assert not [text for text in texts if "\u202e" in text or "\x1b" in text or "\n" in text]
    assert max(len(words) for *_, words in shop.cluster.events) <= 1600
    assert shop.status.approvals == ()


async def test_a_name_of_253_characters_is_carried_out_as_any_other() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 20)
    uid = shop.command(Action.PAUSE)
    shop.cluster.commands[-1] = replace(shop.cluster.commands[-1], name=".".join(["x" * 62] * 4) + ".x")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 5)
    assert shop.cluster.outcomes[uid][0]


LONGEST_ACCOUNT = f"system:serviceaccount:{'n' * 63}:{'a' * 253}"
"""The longest name that Kubernetes gives: that of a service account."""


@pytest.mark.parametrize(("requester", "approved"), [(LONGEST_ACCOUNT, True), ("u" * 512, True), ("u" * 513, False)])
async def test_a_name_is_recorded_whole_or_refused_and_never_cut(requester: str, approved: bool) -> None:  # noqa: FBT001
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 20)
    uid = shop.command(**{**GIVEN, "requester": requester})
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 5)
    done, words = shop.cluster.outcomes[uid]
    assert done is approved, words
    assert [one.person for one in shop.status.approvals] == [requester] * approved
    if not approved:
        assert words == "the requester is not a user name of at most 512 characters in one line"


async def test_five_hundred_people_approve_and_one_counts() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 20)
    given = [shop.command(**{**GIVEN, "requester": f"user-{number}"}) for number in range(500)]
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 300, lambda: len(shop.cluster.outcomes) == len(given))
    done = [uid for uid in given if shop.cluster.outcomes[uid][0]]
    assert done == given[:1]
    assert [one.person for one in shop.status.approvals] == ["user-0"]
    words = {shop.cluster.outcomes[uid][1] for uid in given[1:]}
    assert words == {"finance of step half was already approved by user-0"}


@pytest.mark.parametrize("harm", ["breach", "abort"])
@pytest.mark.parametrize("many", [1, 500])
async def test_outcomes_that_cannot_be_written_delay_neither_an_abort_nor_a_breach(many: int, harm: str) -> None:
    def refused(call: str) -> None:
        if call == "commands.conclude":
            raise Rejected("not allowed")

    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 20)
    shop.gate.before = refused
    for _ in range(many):
        shop.command(Action.PAUSE)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == WEIGHT
    if harm == "breach":
        shop.values["candidate"] = 0.2
    else:
        shop.command(Action.ABORT)
    began = runner.due = shop.clock.now()
    await runner.run_until(began + 60, lambda: shop.weight == 0)
    assert (shop.weight, shop.clock.now() - began <= INTERVAL + 1.0) == (0, True)
    assert shop.cluster.outcomes == {}


async def test_a_command_deleted_while_it_is_carried_out_is_carried_out_once() -> None:
    """It vanishes between the decision and the write of its outcome; its place in status is free again later."""
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 20)

    def gone(call: str) -> None:
        if call == "commands.conclude":
            shop.cluster.commands.clear()
            raise Missing("not found")

    shop.gate.before = gone
    shop.command(Action.PAUSE)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    paused = [reason for _, _, reason, _ in shop.cluster.events if reason == "PausedByCommand"]
    assert (len(paused), shop.status.phase) == (1, "Paused")
    shop.gate.before = lambda _call: None
    resumed = shop.command(Action.RESUME)
    shop.cluster.commands[-1] = replace(shop.cluster.commands[-1], uid="another")
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert resumed not in shop.cluster.outcomes
    assert shop.cluster.outcomes["another"][0]
