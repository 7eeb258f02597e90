"""Nothing of a Rollout stands before its own evaluation: a breach is answered within an interval and a second, whatever hangs."""

from __future__ import annotations

import pytest

from tests.simulated.shop import Shop, spec, value
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import Conflict, PortError, Rejected, Unavailable
from tidegate.simulation.ports.port import CALL_TIMEOUT
from tidegate.simulation.runner import Runner

GUARDS = [{"metric": "errors", "max": "5%"}, {"metric": "latency", "max": "50%", "onBreach": "Warn"}]
METRICS = [
    {"name": name, "query": f'{name}{{deployment="$workload"}}', "unit": "ratio", "window": "20s"}
    for name in ("errors", "latency")
]
STEPS = [{"name": "canary", "weight": 10, "duration": "20s"}, {"name": "half", "weight": 50, "duration": "1h"}]
CALLS = (
    "router.write",
    "store.write_status",
    "store.set_finalizer",
    "store.read",
    "router.read",
    "workloads.arm",
    "announcer.announce",
    "commands.conclude",
)
SLOW = CALL_TIMEOUT + 3.0
"""Seconds: longer than a call's time-out."""


def manifest(interval: str = "1s", **changes: object) -> dict[str, object]:
    return spec(**{"interval": interval, "metrics": METRICS, "guards": GUARDS, "steps": STEPS, **changes})


def first_at_zero(shop: Shop, after: float) -> float | None:
    """Seconds after an instant until the candidate was at 0."""
    backends = [(write.time, write.rules[0]) for write in shop.cluster.history]
    return next((time - after for time, rule in backends if time >= after and not rule["checkout-canary"]), None)


async def until_weight(shop: Shop, runner: Runner, weight: float) -> None:
    await runner.run_until(shop.start + 300, lambda: shop.weight == weight)
    assert shop.weight == weight


def refuse_outcomes(shop: Shop) -> None:
    def before(call: str) -> None:
        if call == "commands.conclude":
            raise Rejected("forbidden")

    shop.gate.before = before


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("lead", [0.2, 1.5, 4.0])
async def test_a_call_that_hangs_does_not_delay_the_answer_to_a_breach(call: str, lead: float) -> None:
    """Whatever begins before the breach hangs beyond its time-out; the breach comes `lead` seconds after the first that does."""
    shop = Shop()
    runner = shop.rollout(manifest(onPreconditionLost="Hold"))
    await until_weight(shop, runner, 10)
    begun: list[float] = []

    def takes(name: str) -> float:
        now = shop.clock.now()
        if name != call or (begun and now >= begun[0] + lead):
            return 0.0
        begun.append(now)
        return SLOW

    def breach(query: Query, now: float) -> Answer:
        sick = begun and now >= begun[0] + lead and query.arm is ArmName.CANDIDATE
        return value(0.5 if sick and query.metric == "errors" else 0.0)

    shop.gate.takes, shop.answer = takes, breach
    if call == "commands.conclude":
        runner.at(shop.clock.now() + 3, lambda: shop.command(Action.PAUSE))
    if call == "store.set_finalizer":
        stored = shop.cluster.rollouts["checkout"]
        runner.at(shop.clock.now() + 3, lambda: shop.cluster.strip_finalizers(stored.name))
    if call == "router.read":
        runner.at(shop.clock.now() + 3, lambda: shop.set_weight(95, 5))
    if call in {"store.read", "workloads.arm"}:  # everything is looked at live before a lost Service is believed
        overlap = {"checkout-canary": {"app": "checkout"}}
        runner.at(shop.clock.now() + 3, lambda: shop.cluster.services.update(overlap))
    await runner.run_until(shop.clock.now() + 60, lambda: bool(begun) and shop.weight == 0)
    assert begun, "the call was made"
    late = first_at_zero(shop, begun[0] + lead)
    assert late is not None, "reverted"
    assert late <= 2.0


@pytest.mark.parametrize("interval", [1.0, 5.0, 10.0, 30.0])
async def test_a_query_that_hangs_delays_no_other_evaluation(interval: float) -> None:
    shop = Shop()
    runner = shop.rollout(manifest(f"{interval:g}s"))
    await until_weight(shop, runner, 10)
    shop.gate.takes = lambda name: 1e6 if name == "metrics.sample latency" else 0.0
    await runner.run_until(shop.clock.now() + 3 * interval + 0.7)
    begun = shop.clock.now()
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 120, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= interval + 1.0
    asked = [query for query in shop.world.metrics.asked if query.metric == "errors"]  # type: ignore[attr-defined]
    assert len(asked) >= 3


async def test_a_raise_that_hangs_is_carried_out_in_the_end() -> None:
    """What takes longer than an interval is not begun anew in every evaluation."""
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    shop.gate.takes = lambda name: 4.0 if name in {"router.write", "store.write_status"} else 0.0
    await runner.run_until(shop.clock.now() + 120, lambda: shop.weight == 50)
    assert shop.weight == 50
    writes = shop.gate.calls.count("router.write")
    assert writes <= 3


async def test_an_abort_supersedes_a_raise_that_hangs() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    hung: list[float] = []

    def takes(name: str) -> float:
        if name == "router.write" and not hung:
            hung.append(shop.clock.now())
            runner.at(hung[0] + 0.3, lambda: shop.command(Action.ABORT))
            return SLOW
        return 0.0

    shop.gate.takes = takes
    await runner.run_until(shop.clock.now() + 60, lambda: bool(hung) and shop.weight == 0)
    late = first_at_zero(shop, hung[0])
    assert late is not None
    assert late <= 0.6


async def test_a_hand_on_the_route_is_put_back_while_a_query_hangs() -> None:
    shop = Shop()
    runner = shop.rollout(manifest("30s"))
    await until_weight(shop, runner, 10)
    shop.gate.takes = lambda name: 1e6 if name == "metrics.sample latency" else 0.0
    raised: list[float] = []

    def answered(query: Query, now: float) -> None:
        if query.metric == "errors" and not raised:
            raised.append(now + 1.0)
            runner.at(now + 1.0, lambda: shop.set_weight(10, 90))

    shop.answer = answered
    await runner.run_until(shop.clock.now() + 100, lambda: bool(raised) and shop.clock.now() > raised[0] + 3)
    back = next(write.time for write in shop.cluster.history if write.time >= raised[0] and write.manager == "tidegate")
    assert back - raised[0] <= 0.1


@pytest.mark.parametrize("error", [Rejected, Unavailable])
async def test_outcomes_of_commands_that_cannot_be_written_stop_nothing(error: type[Exception]) -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)

    def before(call: str) -> None:
        if call == "commands.conclude":
            raise error("patch RolloutCommand: 403 forbidden")

    shop.gate.before = before
    for action in (Action.PAUSE, Action.RESUME):
        runner.at(shop.clock.now(), lambda action=action: shop.command(action))
        await runner.run_until(shop.clock.now() + 2)
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 50)
    assert shop.weight == 50, "the step went on"
    runner.at(shop.clock.now(), lambda: shop.set_weight(0, 100))
    await runner.run_until(shop.clock.now() + 1)
    assert shop.weight == 50, "a raise by another client is corrected"
    unwritten = {one.type: one.message for one in shop.status.conditions}.get("OutcomesUnwritten", "")
    assert "403 forbidden" in unwritten
    begun = shop.clock.now()
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 30, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 2.0
    shop.gate.before = lambda _call: None
    await runner.run_until(begun + 120)
    assert {done for done, _ in shop.cluster.outcomes.values()} == {True}
    assert shop.outcome == "Reverted"
    assert "OutcomesUnwritten" not in {one.type for one in shop.status.conditions}


async def test_hundreds_of_commands_are_each_carried_out_once_and_delay_nothing() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    for number in range(300):
        shop.command(Action.PAUSE if number % 2 == 0 else Action.RESUME)
    shop.gate.takes = lambda name: 0.05 if name == "commands.conclude" else 0.0
    begun = shop.clock.now()
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 30, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 2.0
    await runner.run_until(begun + 300)
    assert len(shop.cluster.outcomes) == 300
    assert len({event[3] for event in shop.cluster.events if event[2] == "PausedByCommand"}) == 1
    assert max(len(shop.status.commands), 0) <= 40


async def test_a_refused_command_stays_refused_when_its_outcome_was_lost() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    lost = [True]

    def before(call: str) -> None:
        if call == "commands.conclude" and lost:
            lost.pop()
            raise Unavailable("no answer")

    shop.gate.before = before
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 30)
    assert list(shop.cluster.outcomes.values()) == [(False, "the run is not paused")]


async def test_an_abort_is_carried_out_however_many_outcomes_wait() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    refuse_outcomes(shop)
    for _ in range(100):
        shop.command(Action.PAUSE)
    await runner.run_until(shop.clock.now() + 5)
    begun = shop.clock.now()
    runner.at(begun, lambda: shop.command(Action.ABORT))
    await runner.run_until(begun + 5, lambda: shop.weight == 0)
    assert shop.weight == 0
    assert shop.clock.now() - begun <= 1.1


async def test_a_pause_on_a_run_that_is_ending_is_refused() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    shop.cluster.deployments["checkout"].available = 0
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 5)
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await runner.run_until(shop.clock.now() + 5)
    ((done, message),) = shop.cluster.outcomes.values()
    assert (done, message.endswith("is ending")) == (False, True)


async def test_a_retry_right_after_an_abort_is_taken() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    runner.at(shop.clock.now(), lambda: (shop.command(Action.ABORT), shop.command(Action.RETRY)))
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 0)
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 10)
    assert shop.weight == 10
    assert [done for done, _ in shop.cluster.outcomes.values()] == [True, True]


@pytest.mark.parametrize("error", [Conflict, Rejected, Unavailable])
async def test_a_revert_whose_write_failed_is_tried_again_while_its_record_hangs(error: type[PortError]) -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    failing = [True]

    def before(call: str) -> None:
        if call == "router.write" and failing:
            failing.pop()
            raise error("try again")

    shop.gate.before = before
    shop.gate.takes = lambda name: SLOW if name == "store.write_status" else 0.0
    begun = shop.clock.now()
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    late = first_at_zero(shop, begun)
    assert late is not None
    assert late <= 3.0


async def test_outcomes_that_are_refused_are_tried_one_at_a_time() -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    refuse_outcomes(shop)
    for _ in range(30):
        shop.command(Action.RETRY)
    await runner.run_until(shop.clock.now() + 600)
    assert shop.gate.calls.count("commands.conclude") <= 20
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 120)
    assert len(shop.cluster.outcomes) == 30


READS = ("store.read", "workloads.arm", "router.read", "commands.pending")


@pytest.mark.parametrize("call", [*READS, "all"])
@pytest.mark.parametrize("lead", [0.2, 1.5, 4.0])
async def test_reads_that_hang_while_the_watch_streams_are_away_delay_no_answer_to_a_breach(
    call: str, lead: float
) -> None:
    shop = Shop()
    runner = shop.rollout(manifest())
    await until_weight(shop, runner, 10)
    await runner.run_until(shop.clock.now() + 3.4)
    begun: list[float] = []

    def takes(name: str) -> float:
        if name != call and (call != "all" or name not in READS):
            return 0.0
        begun.append(shop.clock.now())
        return SLOW

    def breach(query: Query, now: float) -> Answer:
        sick = begun and now >= begun[0] + lead and query.arm is ArmName.CANDIDATE
        return value(0.5 if sick and query.metric == "errors" else 0.0)

    shop.gate.streams_away, shop.gate.takes, shop.answer = True, takes, breach
    await runner.run_until(shop.clock.now() + 60, lambda: bool(begun) and shop.weight == 0)
    late = first_at_zero(shop, begun[0] + lead)
    assert late is not None, "reverted"
    assert late <= 2.0
