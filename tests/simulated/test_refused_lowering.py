"""A write that takes traffic from the candidate and is refused is tried again every second, and its run is evaluated all the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.simulated.cohorts import ALONE, Cohorts, until_step
from tests.simulated.cohorts import METRICS as OF_COHORTS
from tests.simulated.shop import Shop, spec, value
from tests.simulated.stepping_back import STEPS
from tests.simulated.test_own_evaluation import METRICS, first_at_zero
from tests.simulated.test_promotion import settling, sick_baseline
from tests.simulated.test_way_back import BOTH, freeze, share
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query
from tidegate.core.model.world import ArmName
from tidegate.ports.errors import PortError, Rejected, Unavailable
from tidegate.simulation.cluster.objects import SimulatedRoute
from tidegate.simulation.runner import Runner

BACK = {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
SLOW = {"metric": "latency", "max": "50%"}
"""The guard whose query hangs."""
HANGS = 60.0
"""Seconds, longer than any query lives."""
REFUSED = 45.0
"""Seconds during which writes are refused."""
SHARED = 2.0
"""Seconds that the baseline's answer is waited for: it tells a shared incident."""
Story = Callable[[str], Awaitable[tuple[Shop, Runner, Callable[[], object]]]]
"""A run at an interval, and what makes it write."""


async def step_back(interval: str) -> tuple[Shop, Runner, Callable[[], object]]:
    shop = Shop()
    runner = shop.rollout(spec(interval=interval, metrics=METRICS, steps=STEPS, guards=[BACK, SLOW]))
    await runner.run_until(shop.start + 300, lambda: shop.weight == 50)
    return shop, runner, lambda: _sick(shop)


async def edit(interval: str) -> tuple[Shop, Runner, Callable[[], object]]:
    shop, runner, _ = await step_back(interval)
    lower = [STEPS[0], {**STEPS[1], "weight": 30}, *STEPS[2:]]
    manifest = {**shop.cluster.rollouts["checkout"].spec, "steps": lower}
    return shop, runner, lambda: shop.cluster.edit_rollout("checkout", manifest)


async def excess(interval: str) -> tuple[Shop, Runner, Callable[[], object]]:
    shop, runner, _ = await step_back(interval)
    return shop, runner, lambda: shop.set_weight(10, 90)


async def cohort(interval: str) -> tuple[Shop, Runner, Callable[[], object]]:
    shop = Cohorts()
    metrics = [*OF_COHORTS, METRICS[1]]
    runner = shop.start_run(guards=[ALONE, SLOW], metrics=metrics, interval=interval)
    await until_step(shop, runner, "beta")
    return shop, runner, lambda: shop.sick.add('cohort="staff"')


async def way_back(interval: str) -> tuple[Shop, Runner, Callable[[], object]]:
    promotion = {"strategy": "CopyTemplate", "settle": "10m"}
    guards = [{"metric": "errors", "max": "5%"}, SLOW]
    shop, runner = await settling(interval=interval, metrics=METRICS, guards=guards, promotion=promotion)
    return shop, runner, lambda: sick_baseline(shop)


def _sick(shop: Shop, errors: float = 0.9) -> None:
    def answer(query: Query, _now: float) -> Answer:
        return value(errors if query.metric == "errors" and query.arm is ArmName.CANDIDATE else 0.0)

    shop.answer = answer


STORIES: dict[str, Story] = {one.__name__: one for one in (step_back, edit, excess, cohort, way_back)}


def refuse(shop: Shop, error: PortError) -> list[float]:
    """Refuses every write to the route; when each was tried."""
    tries: list[float] = []

    def before(call: str) -> None:
        if call == "router.write":
            tries.append(shop.clock.now())
            raise error

    shop.gate.before = before
    return tries


@pytest.mark.parametrize("interval", ["10s", "30s"])
@pytest.mark.parametrize("error", [Rejected("change freeze"), Unavailable("time-out")], ids=["refused", "no answer"])
@pytest.mark.parametrize("story", STORIES)
async def test_it_is_tried_again_every_second_however_long_a_query_hangs(
    story: str, error: PortError, interval: str
) -> None:
    shop, runner, begin = await STORIES[story](interval)
    shop.gate.takes = lambda call: HANGS if call == "metrics.sample latency" else 0.0
    tries = refuse(shop, error)
    runner.at(shop.clock.now() + 1.0, begin)
    began = shop.clock.now()
    await runner.run_until(began + 30.0 + REFUSED)
    assert tries
    gaps = [later - one for one, later in zip(tries, [*tries[1:], shop.clock.now()], strict=True)]
    assert max(gaps) <= 2.0, gaps
    assert len(tries) <= 4 * REFUSED, "and not without a pause"


@pytest.mark.parametrize("seconds", [0.5, 4.0, 8.0])
@pytest.mark.parametrize("story", ["step_back", "edit", "excess", "cohort"])
async def test_an_answer_that_comes_after_several_tries_decides_at_once(story: str, seconds: float) -> None:
    """The tries cost no query its answer, however long that takes."""
    shop, runner, begin = await STORIES[story]("30s")
    tries = refuse(shop, Rejected("change freeze"))
    runner.at(shop.clock.now() + 1.0, begin)
    await runner.run_until(shop.clock.now() + 60.0, lambda: len(tries) > 1)
    answered: list[float] = []
    before = shop.answer

    def answer(query: Query, now: float) -> Answer:
        if query.metric != "latency" or query.arm is not ArmName.CANDIDATE:
            return before(query, now) if before is not None else value(0.0)
        answered.append(now)
        return value(0.9)

    shop.answer = answer
    shop.gate.takes = lambda call: seconds if call == "metrics.sample latency" else 0.0

    def ending() -> bool:
        return shop.status.run is None or shop.status.run.ending is not None

    await runner.run_until(shop.clock.now() + 60.0, ending)
    assert ending()
    assert shop.clock.now() - answered[0] <= SHARED + 0.1


@pytest.mark.parametrize("call", ["store.read", "workloads.arm", "router.read", "metric_templates.read"])
@pytest.mark.parametrize("change", [0.4, 0.8, 1.9, 2.5])
async def test_a_change_while_queries_are_open_and_reads_hang_delays_no_answer(change: float, call: str) -> None:
    shop, runner, _ = await STORIES["step_back"]("30s")
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 40, lambda: len(asked) > before)
    following = runner.due

    def answer(query: Query, _now: float) -> Answer:
        return value(0.9 if query.metric == "latency" and query.arm is ArmName.CANDIDATE else 0.0)

    shop.answer = answer
    shop.gate.takes = lambda one: {"metrics.sample latency": 2.0, call: HANGS}.get(one, 0.0)
    runner.at(following + 0.3, lambda: setattr(shop.gate, "streams_away", True))
    runner.at(following + change, lambda: shop.command(Action.PAUSE))
    await runner.run_until(following + 20)
    late = first_at_zero(shop, following)
    assert late is not None
    assert late <= 2.0 + SHARED + 0.1


async def test_a_step_back_beside_a_query_that_hangs_is_announced_at_once() -> None:
    shop, runner, begin = await STORIES["step_back"]("30s")
    shop.gate.takes = lambda call: HANGS if call == "metrics.sample latency" else 0.0
    begin()
    await runner.run_until(shop.clock.now() + 40, lambda: shop.weight == 10)
    announced = next(one[0] for one in shop.cluster.events if one[2] == "SteppedBack")
    assert announced - shop.cluster.history[-1].time <= 0.3


async def test_each_excess_beside_a_query_that_hangs_is_corrected_at_once() -> None:
    shop, runner, _ = await STORIES["step_back"]("30s")
    shop.gate.takes = lambda call: HANGS if call == "metrics.sample latency" else 0.0
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 40, lambda: len(asked) > before)
    following = runner.due
    for after in (1.0, 3.0, 5.0):
        runner.at(following + after, lambda: shop.set_weight(10, 90))
    await runner.run_until(following + 20)
    weights = [(write.time - following, write.rules[0]["checkout-canary"]) for write in shop.cluster.history[-6:]]
    assert [weight for _, weight in weights] == [90, 50, 90, 50, 90, 50]
    assert all(lowered[0] - raised[0] <= 0.3 for raised, lowered in zip(weights[::2], weights[1::2], strict=True))


@pytest.mark.parametrize("after", [0.05, 0.2, 0.35, 0.5, 0.65])
async def test_a_deletion_while_an_excess_is_written_and_reads_are_slow_is_seen(after: float) -> None:
    """What has changed is observed after the write at the latest, though what was observed beside it was given up."""
    shop, runner, _ = await STORIES["step_back"]("30s")
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 40, lambda: len(asked) > before)
    following = runner.due
    shop.gate.streams_away = True
    takes = {"metrics.sample latency": HANGS, "store.read": 0.2, "router.write": 0.3}
    shop.gate.takes = lambda call: takes.get(call, 0.0)
    runner.at(following + 1.0, lambda: shop.set_weight(10, 90))
    runner.at(following + 1.0 + after, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(following + 20)
    late = first_at_zero(shop, following + 1.0 + after)
    assert late is not None
    assert late <= 1.5


@pytest.mark.parametrize("after", [0.05, 0.15, 0.19])
async def test_a_change_while_the_one_before_is_read_is_seen_as_soon_as_that_was(after: float) -> None:
    shop, runner, _ = await STORIES["step_back"]("30s")
    asked = shop.world.metrics.asked  # type: ignore[attr-defined]
    before = len(asked)
    await runner.run_until(shop.clock.now() + 40, lambda: len(asked) > before)
    following = runner.due
    shop.gate.streams_away = True
    takes = {"metrics.sample latency": HANGS, "workloads.arm": 0.2}
    shop.gate.takes = lambda call: takes.get(call, 0.0)
    runner.at(following + 1.0, lambda: None)
    runner.at(following + 1.0 + after, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(following + 20)
    late = first_at_zero(shop, following + 1.0 + after)
    assert late is not None
    assert late <= 1.0


async def at_half_of_two_routes(**changes: object) -> tuple[Shop, Runner, dict[str, object]]:
    shop = Shop()
    shop.cluster.add_route(SimulatedRoute("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}]))
    manifest = spec(**{"traffic": BOTH, "steps": STEPS, "guards": [], **changes})
    runner = shop.rollout(manifest)
    await runner.run_until(shop.start + 300, lambda: (shop.weight, share(shop, "other")) == (50, 50))
    await runner.run_until(shop.clock.now() + 10)
    return shop, runner, manifest


def lowers_to_30(shop: Shop, manifest: dict[str, object]) -> None:
    lower = [STEPS[0], {**STEPS[1], "weight": 30}, *STEPS[2:]]
    shop.cluster.edit_rollout("checkout", {**manifest, "steps": lower})


async def test_an_edit_lowers_one_route_though_a_correction_of_another_is_refused() -> None:
    shop, runner, manifest = await at_half_of_two_routes()
    write = shop.cluster.write_route
    freeze(shop, "other")
    raised = shop.cluster.routes["HTTPRoute/other"].rules[0]
    runner.at(shop.clock.now(), lambda: raised.update({"checkout": 10, "checkout-canary": 90}))
    await runner.run_until(shop.clock.now() + 20)
    assert (shop.weight, share(shop, "other")) == (50, 90)
    edited = shop.clock.now()
    runner.at(edited, lambda: lowers_to_30(shop, manifest))
    await runner.run_until(edited + 5)
    assert (shop.weight, share(shop, "other")) == (30, 90)
    assert shop.cluster.history[-1].time - edited <= 1.0
    shop.cluster.write_route = write  # type: ignore[method-assign]
    await runner.run_until(edited + 20)
    told = [one[2] for one in shop.cluster.events]
    assert (shop.weight, share(shop, "other")) == (30, 30)
    assert (told.count("StepEdited"), told.count("WeightCorrected")) == (1, 1)
    assert "RevertRefused" not in told, "an edit reverts nothing"


async def test_a_step_back_that_one_route_refuses_keeps_no_edit_from_the_other() -> None:
    shop, runner, manifest = await at_half_of_two_routes(guards=[BACK])
    write = shop.cluster.write_route
    freeze(shop, "other")
    _sick(shop, 0.06)
    await runner.run_until(shop.clock.now() + 20)
    assert (shop.weight, share(shop, "other")) == (10, 50)
    edited = shop.clock.now()
    lower = [{**STEPS[0], "weight": 2}, *STEPS[1:]]
    runner.at(edited, lambda: shop.cluster.edit_rollout("checkout", {**manifest, "steps": lower}))
    await runner.run_until(edited + 5)
    assert (shop.weight, share(shop, "other")) == (2, 50)
    shop.cluster.write_route = write  # type: ignore[method-assign]
    await runner.run_until(edited + 20)
    assert (shop.weight, share(shop, "other")) == (2, 2)
    assert "WeightCorrected" not in [one[2] for one in shop.cluster.events], "nobody else has raised it"


async def test_an_edit_and_an_excess_seen_together_are_both_announced() -> None:
    shop, runner, manifest = await at_half_of_two_routes()
    now = shop.clock.now()
    runner.at(now, lambda: (shop.set_weight(10, 90), lowers_to_30(shop, manifest)))
    await runner.run_until(now + 20)
    assert (shop.weight, share(shop, "other")) == (30, 30)
    told = [one[2] for one in shop.cluster.events]
    assert (told.count("StepEdited"), told.count("WeightCorrected")) == (1, 1)
