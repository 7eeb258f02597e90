"""More commands than are remembered, and a process that ends among them: each is carried out once, and told of once at most."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.simulated.crashes import KilledError
from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.core.run.commands import REMEMBERED
from tidegate.simulation.runner import Runner

PAIRS = 30
"""Pauses, each followed by a Resume."""


async def commanded() -> tuple[Shop, Runner, list[str]]:
    """A run at its first step, and commands that nobody has seen yet."""
    shop = Shop()
    runner = shop.rollout(spec(steps=[{"name": "canary", "weight": 10, "duration": "1h"}]))
    await runner.run_until(shop.start + 30)
    given = [shop.command(action, f"{number}") for number in range(PAIRS) for action in (Action.PAUSE, Action.RESUME)]
    first = shop.clock.now() - 1.0
    shop.cluster.commands = [
        replace(one, created=first + place / 1000) for place, one in enumerate(shop.cluster.commands)
    ]
    runner.due = shop.clock.now()
    return shop, runner, given


def told(shop: Shop, reason: str) -> Counter[str]:
    """How often each message of a reason was told."""
    return Counter(message for _, _, said, message in shop.cluster.events if said == reason)


async def killed(shop: Shop, runner: Runner, outcomes: int) -> None:
    """Ends the process at the first port call after as many outcomes were written, and starts another one."""

    def before(_call: str) -> None:
        if len(shop.cluster.outcomes) >= outcomes:
            raise KilledError

    shop.gate.before = before
    with pytest.raises(KilledError):
        await runner.run_until(shop.clock.now() + 60)
    assert outcomes <= len(shop.cluster.outcomes) < 2 * PAIRS
    runner.stop()
    shop.gate.before = lambda _call: None
    runner.restart()


@pytest.mark.parametrize("kills", [(1,), (20,), (REMEMBERED,), (REMEMBERED + 1,), (1, 20, REMEMBERED + 1)], ids=str)
async def test_a_process_that_ends_among_many_commands_carries_none_out_again(kills: tuple[int, ...]) -> None:
    shop, runner, given = await commanded()
    for outcomes in kills:
        await killed(shop, runner, outcomes)
    await runner.run_until(shop.clock.now() + 60)
    assert set(shop.cluster.outcomes) == set(given)
    assert [words for done, words in shop.cluster.outcomes.values() if not done] == []
    for reason in ("PausedByCommand", "Resumed"):
        times = told(shop, reason)
        assert [message for message, count in times.items() if count > 1] == []
        assert times.total() <= PAIRS
    assert shop.status.run is not None
    assert shop.status.run.paused is None, "the last one was a Resume"
    assert len(shop.status.commands) <= REMEMBERED


async def test_more_commands_than_are_remembered_are_each_told_of_once() -> None:
    """Outcomes are delivered by the time that there is something to tell: the deliveries have just ended."""
    shop, runner, given = await commanded()
    await runner.run_until(shop.clock.now() + 60)
    assert set(shop.cluster.outcomes) == set(given)
    for reason, action in (("PausedByCommand", "Pause"), ("Resumed", "Resume")):
        assert told(shop, reason) == Counter({f"{action} by ann: {number}": 1 for number in range(PAIRS)})
