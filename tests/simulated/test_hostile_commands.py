"""RolloutCommands of somebody who means harm: each is refused in words that say why, and none delays anything.

A requester that is not the user who created the command is refused by the API server (tests/integration/admission).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.simulated.crowded import INTERVAL, WEIGHT, crowd
from tests.simulated.shop import Shop
from tidegate.api.commands import Action
from tidegate.core.model.world import Command
from tidegate.ports.protocols import Commands
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


@dataclass(frozen=True)
class OfOne:
    """The commands of a cluster are all for one Rollout."""

    commands: Commands
    rollout: str

    async def pending(self, namespace: str, rollout: str) -> Sequence[Command]:
        return await self.commands.pending(namespace, rollout) if rollout == self.rollout else ()

    async def conclude(self, namespace: str, command: Command, *, done: bool, message: str) -> None:
        await self.commands.conclude(namespace, command, done=done, message=message)


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
