"""While a write that is urgent itself hangs or is refused, its run goes on: guards are evaluated, and what ends the run is not delayed."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulated.shop import Shop, spec, value
from tests.simulated.stepping_back import STEPS
from tests.simulated.test_own_evaluation import METRICS, SLOW, first_at_zero
from tests.simulated.test_promotion import image, settling, sick_baseline
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import PortError, Rejected, Unavailable
from tidegate.simulation.runner import Runner

LIMITS = [
    {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"step": "canary"}},
    {"metric": "latency", "max": "50%"},
]
INTERVAL = 2.0


async def at_half(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    raw = {"interval": f"{INTERVAL:g}s", "metrics": METRICS, "steps": STEPS, "guards": LIMITS, **changes}
    runner = shop.rollout(spec(**raw))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    await runner.run_until(shop.clock.now() + 20)
    return shop, runner


def breaches(shop: Shop, metric: str, since: float, then: str = "", lead: float = 0.0) -> None:
    """From an instant on the candidate breaches in one metric, and `lead` seconds later in another as well."""

    def answer(query: Query, now: float) -> Answer:
        first = query.metric == metric and now >= since
        second = query.metric == then and now >= since + lead
        return value(0.9 if query.arm is ArmName.CANDIDATE and (first or second) else 0.0)

    shop.answer = answer


def hangs_until(shop: Shop, calls: set[str], end: float) -> None:
    shop.gate.takes = lambda call: SLOW if call in calls and shop.clock.now() < end else 0.0


@pytest.mark.parametrize("lead", [2.5, 4.0, 7.0])
@pytest.mark.parametrize("call", ["router.write", "store.write_status"])
async def test_a_step_back_that_hangs_does_not_delay_a_revert(call: str, lead: float) -> None:
    shop, runner = await at_half()
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since, "latency", lead)
    hangs_until(shop, {call}, since + lead)
    await runner.run_until(since + 60)
    late = first_at_zero(shop, since + lead)
    assert late is not None
    assert late <= INTERVAL + 0.3
    assert shop.outcome == "Reverted"


async def test_what_is_given_up_for_a_revert_leaves_no_task() -> None:
    shop, runner = await at_half()
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since, "latency", 2.5)
    hangs_until(shop, {"store.write_status"}, since + 2.5)
    await runner.run_until(since + 60, lambda: shop.weight == 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_revert_beside_a_step_back_is_decided_on_the_route_as_that_has_written_it() -> None:
    """The run's own write is no conflict, which would cost a look at the route and the wait before that."""
    shop, runner = await at_half(interval="10s")
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since, "latency")
    takes = {"metrics.sample latency": 2.0, "store.write_status": SLOW}
    shop.gate.takes = lambda call: takes.get(call, 0.0)
    await runner.run_until(since + 60, lambda: shop.weight == 0)
    stepped, reverted = (write.time for write in shop.cluster.history[-2:])
    assert reverted - stepped <= 2.0 + 2.0 + 0.1, "the answers of the candidate and the baseline"
    assert shop.weight == 0


async def test_a_correction_that_is_written_as_a_revert_is_decided_is_announced() -> None:
    shop, runner = await at_half(interval="10s", guards=LIMITS[1:])
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 20, lambda: len(asked) > before)
    following = runner.due
    breaches(shop, "latency", following)
    takes = {"metrics.sample latency": 0.25, "router.write": 0.5}
    shop.gate.takes = lambda call: takes.get(call, 0.0)
    runner.at(following, lambda: shop.set_weight(10, 90))
    await runner.run_until(following + 9)
    told = [one[2] for one in shop.cluster.events if one[0] >= following]
    assert told == ["WeightCorrected", "GuardBreached", "Reverted"]
    assert [write.rules[0]["checkout-canary"] for write in shop.cluster.history[-3:]] == [90, 50, 0]


async def test_a_second_step_back_goes_before_one_that_hangs() -> None:
    first = {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"weight": 30}}
    second = {"metric": "latency", "max": "50%", "onBreach": "StepBack", "stepBack": {"weight": 5}}
    shop, runner = await at_half(guards=[second, first])
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since, "latency", 2.5)
    hangs_until(shop, {"router.write"}, since + 2.5)
    await runner.run_until(since + 2.5 + INTERVAL + 0.3)
    assert shop.weight == 5


async def test_an_abort_goes_before_a_step_back_that_hangs() -> None:
    shop, runner = await at_half()
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since)
    hangs_until(shop, {"router.write"}, since + 3.2)
    runner.at(since + 3.2, lambda: shop.command(Action.ABORT))
    await runner.run_until(since + 60)
    late = first_at_zero(shop, since + 3.2)
    assert late is not None
    assert late <= 0.3


async def test_a_pause_neither_supersedes_a_step_back_that_hangs_nor_is_lost() -> None:
    shop, runner = await at_half()
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since)
    hangs_until(shop, {"router.write"}, since + 3.2)
    uid: list[str] = []
    runner.at(since + 3.0, lambda: uid.append(shop.command(Action.PAUSE)))
    await runner.run_until(since + 30)
    assert shop.weight == 10
    assert shop.cluster.outcomes[uid[0]][0]
    assert shop.gate.calls.count("router.write") <= 5


async def test_an_evaluation_that_a_step_back_cut_short_is_done_beside_its_write() -> None:
    """Its answers come after the one that decided: that must not cost an interval, or a write's time-out."""
    shop, runner = await at_half(interval="30s")
    await runner.run_until(shop.clock.now() + 60)
    asked = [query for query in shop.world.metrics.asked if query.metric == "errors"]  # type: ignore[attr-defined]
    assert asked
    since = shop.clock.now()
    breaches(shop, "errors", since, "latency")
    shop.gate.takes = lambda call: {"metrics.sample latency": 0.2, "router.write": SLOW}.get(call, 0.0)
    await runner.run_until(since + 60, lambda: shop.status.run is None or shop.status.run.ending is not None)
    stepped = next(one[0] for one in shop.cluster.events if one[2] == "SteppedBack")
    assert shop.status.run is not None
    assert shop.status.run.ending is not None
    assert shop.status.run.ending.since.timestamp() - stepped <= 1.1


async def test_guards_are_evaluated_while_a_step_back_is_refused() -> None:
    shop, runner = await at_half()
    since = shop.clock.now() + 1.0
    breaches(shop, "errors", since, "latency", 10.0)

    def refuse(call: str) -> None:
        if call == "router.write":
            raise Rejected("change freeze")

    shop.gate.before = refuse
    await runner.run_until(since + 10.0 + INTERVAL + 1.5)
    assert shop.status.run is not None
    assert shop.status.run.ending is not None


async def test_a_step_back_after_a_refused_raise_waits_for_no_other_metric() -> None:
    """What was refused before is another write: the open queries are waited for only before the same one is tried again."""
    shop = Shop()
    down = {**LIMITS[0], "stepBack": {"weight": 5}}
    runner = shop.rollout(spec(interval="30s", metrics=METRICS, steps=STEPS, guards=[down, LIMITS[1]]))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 10)
    refused: list[float] = []

    def refuse(call: str) -> None:
        if call == "router.write":
            refused.append(shop.clock.now())
            raise Rejected("change freeze")

    shop.gate.before = refuse
    await runner.run_until(shop.clock.now() + 200)
    assert refused
    shop.gate.before = lambda _call: None
    sick: list[float] = []

    def answer(query: Query, now: float) -> Answer:
        breached = query.metric == "errors" and query.arm is ArmName.CANDIDATE
        sick.extend([now] if breached else [])
        return value(0.9 if breached else 0.0)

    shop.answer = answer
    shop.gate.takes = lambda call: SLOW if call == "metrics.sample latency" else 0.0
    await runner.run_until(shop.clock.now() + 60, lambda: shop.weight == 5)
    assert shop.weight == 5
    assert shop.cluster.history[-1].time - sick[0] <= 2.5, "only what tells a shared incident is waited for"


@pytest.mark.parametrize("lead", [2.5, 4.0, 7.0])
@pytest.mark.parametrize("call", ["router.write", "store.write_status"])
async def test_a_way_back_that_hangs_does_not_delay_the_revert_of_a_candidate_that_breaches(
    call: str, lead: float
) -> None:
    shop, runner = await settling(interval=f"{INTERVAL:g}s", promotion={"strategy": "CopyTemplate", "settle": "10m"})
    await runner.run_until(shop.clock.now() + 10)
    since = shop.clock.now() + 1.0
    runner.at(since, lambda: sick_baseline(shop))
    runner.at(since + lead, lambda: shop.values.update(candidate=0.5))
    hangs_until(shop, {call}, since + lead)
    await runner.run_until(since + lead + INTERVAL + 0.3)
    assert image(shop) == "shop:v1", "the old template is restored first"


@pytest.mark.parametrize("error", [Rejected("change freeze"), Unavailable("time-out")])
async def test_an_edit_whose_write_was_refused_is_not_announced_as_a_correction(error: PortError) -> None:
    shop, runner = await at_half(guards=[])
    lower = [STEPS[0], {**STEPS[1], "weight": 30}, *STEPS[2:]]

    def refuse(call: str) -> None:
        if call == "router.write":
            raise error

    shop.gate.before = refuse
    runner.at(
        shop.clock.now(),
        lambda: shop.cluster.edit_rollout("checkout", {**shop.cluster.rollouts["checkout"].spec, "steps": lower}),
    )
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 50
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 30)
    told = [one[2] for one in shop.cluster.events]
    assert (shop.weight, told.count("StepEdited"), told.count("WeightCorrected")) == (30, 1, 0)
    runner.at(shop.clock.now(), lambda: shop.set_weight(40, 60))
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, [one[2] for one in shop.cluster.events].count("WeightCorrected")) == (30, 1)


async def test_what_another_client_raises_while_an_edit_is_refused_is_announced_as_a_correction() -> None:
    shop, runner = await at_half(guards=[])
    lower = [STEPS[0], {**STEPS[1], "weight": 30}, *STEPS[2:]]

    def refuse(call: str) -> None:
        if call == "router.write":
            raise Rejected("change freeze")

    shop.gate.before = refuse
    runner.at(
        shop.clock.now(),
        lambda: shop.cluster.edit_rollout("checkout", {**shop.cluster.rollouts["checkout"].spec, "steps": lower}),
    )
    runner.at(shop.clock.now() + 10, lambda: shop.set_weight(10, 90))
    await runner.run_until(shop.clock.now() + 60)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, [one[2] for one in shop.cluster.events].count("WeightCorrected")) == (30, 1)
