"""What leaves the tick: in turn over the Rollouts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.api.reasons import Reason
from tidegate.core.model.plan import ConcludeCommand, Decision
from tidegate.core.model.world import Command, RolloutObject
from tidegate.reconcile.outbox import Outbox


@dataclass
class Told:
    """Commands and an announcer that note what is delivered, in its order."""

    order: list[str] = field(default_factory=list)

    async def conclude(self, _namespace: str, command: Command, *, done: bool, message: str) -> None:
        del done, message
        self.order.append(command.name)

    async def announce(self, rollout: RolloutObject, decision: Decision) -> None:
        self.order.append(f"{rollout.name}: {decision.message}")


async def test_however_many_outcomes_of_one_rollout_wait_another_ones_announcement_is_among_the_first() -> None:
    shop, told = Shop(), Told()
    outbox = Outbox(replace(shop.world, commands=told, announcer=told))
    busy, other = shop.cluster.add_rollout("busy", spec()), shop.cluster.add_rollout("other", spec())
    for number in range(60):
        command = Command(f"uid-{number}", f"pause-{number}", Action.PAUSE, "", "", "", 0.0)
        outbox.conclude(busy, ConcludeCommand(command, done=True, message="paused"))
    outbox.announce(other, Decision(Reason.REVERTED, "reverted", warning=True))
    await outbox.drained()
    assert len(told.order) == 61
    assert "other: reverted" in told.order[:5]
    assert [one for one in told.order if one.startswith("pause")] == [f"pause-{number}" for number in range(60)]
