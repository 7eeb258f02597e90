"""What guards say while a call hangs is neither forgotten nor kept to oneself: clocks, holds and warnings."""

from __future__ import annotations

import pytest

from tests.simulated.shop import Shop, value
from tests.simulated.test_own_evaluation import manifest, until_weight
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName


@pytest.mark.parametrize("call", ["workloads.arm", "router.read", "store.read"])
@pytest.mark.parametrize("takes", [0, 1.3, 2.5, 4.5])
@pytest.mark.parametrize("period", [2, 3, 4])
async def test_a_good_sample_resets_for_whatever_hangs_beside_it(call: str, takes: float, period: int) -> None:
    """One sample in `period` is good, and the breach must last as long as that: it never does."""
    shop = Shop()
    guards = [{"metric": "errors", "max": "5%", "for": f"{period}s"}]
    runner = shop.rollout(manifest(guards=guards, onPreconditionLost="Hold"))
    await until_weight(shop, runner, 10)
    await runner.run_until(shop.clock.now() + 3)
    runner.at(shop.clock.now(), lambda: shop.cluster.services.update({"checkout-canary": {"app": "checkout"}}))
    shop.gate.takes = lambda name: takes if name == call else 0.0  # each tick looks live at what was lost
    begun = shop.clock.now()

    def answer(query: Query, now: float) -> Answer:
        sick = query.arm is ArmName.CANDIDATE and query.metric == "errors"
        return value(0.5 if sick and round(now - begun) % period else 0.0)

    shop.answer = answer
    await runner.run_until(begun + 200, lambda: bool(shop.outcome))
    assert shop.weight == 10
    shop.answer = lambda query, _now: value(0.5 if query.arm is ArmName.CANDIDATE else 0.0)
    await runner.run_until(begun + 240, lambda: shop.weight == 0)
    assert shop.weight == 0, "one that lasts does"


@pytest.mark.parametrize("call", ["router.write", "store.write_status"])
@pytest.mark.parametrize(("response", "reasons"), [("Hold", ["Holding", "HoldEnded"]), ("Warn", ["LimitBreached"])])
async def test_what_a_guard_says_while_a_raise_hangs_is_told_once(call: str, response: str, reasons: list[str]) -> None:
    shop = Shop()
    guards = [{"metric": "errors", "max": "5%"}, {"metric": "latency", "max": "50%", "onBreach": response}]
    runner = shop.rollout(manifest(guards=guards))
    await until_weight(shop, runner, 10)
    hung: list[float] = []

    def takes(name: str) -> float:
        if name != call or hung or shop.clock.now() < shop.start + 15:
            return 0.0
        hung.append(shop.clock.now())
        return 4.9

    def answer(query: Query, now: float) -> Answer:
        sick = hung and hung[0] < now < hung[0] + 2.5 and query.arm is ArmName.CANDIDATE
        return value(0.9 if sick and query.metric == "latency" else 0.0)

    shop.gate.takes, shop.answer = takes, answer
    await runner.run_until(shop.clock.now() + 40)
    assert hung
    told = [event[2] for event in shop.cluster.events]
    assert [reason for reason in told if reason in {"Holding", "HoldEnded", "LimitBreached"}] == reasons
    assert shop.weight == 50


async def test_a_hold_that_comes_up_while_a_raise_is_recorded_keeps_it_from_being_written() -> None:
    shop = Shop()
    guards = [{"metric": "errors", "max": "5%"}, {"metric": "latency", "max": "50%", "onBreach": "Hold"}]
    runner = shop.rollout(manifest(guards=guards))
    await until_weight(shop, runner, 10)
    hung: list[float] = []

    def takes(name: str) -> float:
        if name != "store.write_status" or hung or shop.clock.now() < shop.start + 15:
            return 0.0
        hung.append(shop.clock.now())
        return 4.5

    def answer(query: Query, _now: float) -> Answer:
        sick = hung and query.arm is ArmName.CANDIDATE and query.metric == "latency"
        return value(0.9 if sick else 0.0)

    shop.gate.takes, shop.answer = takes, answer
    await runner.run_until(shop.clock.now() + 40)
    assert hung
    assert (shop.weight, [event[2] for event in shop.cluster.events].count("Holding")) == (10, 1)
    shop.answer = None
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 50


async def test_an_end_that_somebody_writes_out_of_the_status_goes_on() -> None:
    """A stale copy of the status is restored while the revert waits for a pod of the baseline."""
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    stale = shop.cluster.rollouts["checkout"].status
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 3)
    assert shop.status.run is not None
    assert shop.status.run.ending is not None
    shop.values["candidate"] = 0.0
    runner.at(shop.clock.now(), lambda: shop.cluster.put_status(shop.cluster.rollouts["checkout"], stale))
    await runner.run_until(shop.clock.now() + 3)
    shop.cluster.deployments["checkout"].available = 2
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, shop.outcome) == (0, "Reverted")


async def test_an_outcome_that_hangs_is_written_once() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    shop.gate.takes = lambda name: 4.5 if name == "commands.conclude" else 0.0
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await runner.run_until(shop.clock.now() + 30)
    assert len(shop.cluster.outcomes) == 1
    assert shop.gate.calls.count("commands.conclude") == 1
