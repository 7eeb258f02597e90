"""A write that is refused for long is told within an interval: in status, or in one Event where status itself is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.ports.errors import Rejected
from tidegate.simulation.runner import Runner

INTERVAL = 10.0
WORDS = "denied by policy change-freeze"
STEPS = [{"name": "canary", "weight": 10, "duration": "30s"}]


def refuse(shop: Shop, call: str) -> list[float]:
    """From now on the call is refused; when it was."""
    refused: list[float] = []

    def before(name: str) -> None:
        if name == call:
            refused.append(shop.clock.now())
            raise Rejected(WORDS)

    shop.gate.before = before
    return refused


async def until_refused(shop: Shop, runner: Runner, refused: list[float]) -> float:
    """Runs until an interval after the first refusal; when that was."""
    await runner.run_until(shop.clock.now() + 120, lambda: bool(refused))
    assert refused, "it was tried"
    await runner.run_until(refused[0] + INTERVAL)
    return refused[0]


def stripped(shop: Shop) -> None:
    shop.cluster.strip_finalizers("checkout")


CASES: list[tuple[str, str, float, Callable[[Shop], None] | None]] = [
    ("a run's first raise", "router.write", 0, None),
    ("the finalizer of its beginning", "store.set_finalizer", 0, None),
    ("a finalizer that somebody took off", "store.set_finalizer", 20, stripped),
    ("the promotion", "workloads.write_template", 20, None),
]


@pytest.mark.parametrize(("why", "call", "after", "act"), CASES, ids=[case[0] for case in CASES])
async def test_what_cannot_be_written_is_in_status_in_the_refusals_words(
    why: str, call: str, after: float, act: Callable[[Shop], None] | None
) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    if after:
        await runner.run_until(shop.start + after)
    refused = refuse(shop, call)
    if act is not None:
        runner.at(shop.clock.now(), lambda: act(shop))
    await until_refused(shop, runner, refused)
    stalled = [one for one in shop.status.conditions if (one.type, one.status) == ("Stalled", "True")]
    assert [(one.reason, WORDS in one.message) for one in stalled] == [("WriteRefused", True)], why
    await runner.run_until(shop.clock.now() + 120)
    assert len([one for one in shop.cluster.events if one[2] == "WriteRefused"]) == 1
    assert shop.weight == (10 if after else 0), "nothing moves meanwhile"
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    await runner.run_until(shop.clock.now() + INTERVAL)
    assert not [one for one in shop.status.conditions if one.type == "Stalled"]


@pytest.mark.parametrize("after", [0, 20])
async def test_a_status_that_cannot_be_written_is_told_in_one_event(after: float) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=STEPS))
    if after:
        await runner.run_until(shop.start + after)
    refused = refuse(shop, "store.write_status")
    first = await until_refused(shop, runner, refused)
    said = [one for one in shop.cluster.events if one[2] == "StatusRefused"]
    assert [(WORDS in message, time - first <= INTERVAL) for time, _, _, message in said] == [(True, True)]
    await runner.run_until(shop.clock.now() + 120)
    assert len([one for one in shop.cluster.events if one[2] == "StatusRefused"]) == 1
    assert shop.weight <= 10, "nothing is raised that is not recorded"
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
