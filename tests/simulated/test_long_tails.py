"""Weeks at 100 % with thinning checkpoints, and then the promotion: restarts, clock changes and other versions do no harm."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.simulation.runner import Runner

DAY = 86400.0
INTERVAL = "15m"
TAIL = 5 * DAY
JUMPS = 3
LEAP = 1800.0
"""Seconds that a tick may add at most: two intervals."""
STEPS = [
    {"name": "canary", "weight": 10, "duration": "1h"},
    {
        "name": "everyone",
        "weight": 100,
        "duration": "5d",
        "checkpoints": [{"every": "15m", "until": "12h"}, {"every": "2h", "until": "1d"}, {"every": "1d"}],
        "thresholds": [{"metric": "errors", "max": "1%"}],
    },
]


def restart(_shop: Shop, runner: Runner) -> None:
    runner.restart()


def forward(_shop: Shop, runner: Runner) -> None:
    runner.leap(3600)


def back(_shop: Shop, runner: Runner) -> None:
    runner.leap(-3600)


def newer_version(shop: Shop, runner: Runner) -> None:
    """A version with more fields has written the status, and is rolled back."""
    stored = shop.cluster.rollouts["checkout"]
    status = {**stored.status, "run": {**stored.status["run"], "ledger": [{"kept": True}]}}
    shop.cluster.put_status(stored, status)
    runner.restart()


EVENTS: dict[str, Callable[[Shop, Runner], None]] = {
    "restarts": restart,
    "the clock is set forward": forward,
    "the clock is set back": back,
    "a newer version is rolled back": newer_version,
}


@pytest.mark.parametrize("event", EVENTS)
async def test_a_long_tail_is_watched_whole_and_each_checkpoint_is_judged_once(event: str) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS, interval=INTERVAL))
    begun = shop.clock.monotonic()
    for day in (0.3, 0.9, 4.5):
        await runner.run_until(shop.clock.now() + day * DAY - (shop.clock.monotonic() - begun))
        EVENTS[event](shop, runner)
        assert shop.weight == 100
    judged = shop.status.step
    assert judged is not None
    assert judged.name == "everyone"
    await runner.run_until(shop.clock.now() + 3 * DAY, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    assert shop.weights() == [0, 10, 100, 0]
    assert shop.clock.monotonic() - begun >= TAIL - JUMPS * LEAP
    assert shop.clock.monotonic() - begun < TAIL + DAY, "what was not watched is watched again, and no more"
    last = [one.at for one in shop.status.checkpoints if one.step == "everyone"]
    assert last == list(dict.fromkeys(last)), "none is judged twice"
    assert last[:4] == ["5d", "4d", "3d", "2d"]


async def test_a_breach_late_in_it_reverts_within_an_interval() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS, interval=INTERVAL))
    await runner.run_until(shop.start + 4 * DAY)
    shop.values["candidate"] = 0.06
    bad = shop.clock.now()
    await runner.run_until(bad + 3600, lambda: shop.weight == 0)
    assert shop.weight == 0
    assert shop.cluster.history[-1].time - bad <= 15 * 60 + 0.1
