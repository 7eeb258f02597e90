"""`gate.checks`: a weight is raised only while limits on metrics without an arm are met, and they are asked for no sooner."""

from __future__ import annotations

import functools
from typing import Any

from tests.simulated.shop import Shop, spec, value
from tidegate.api.commands import Action
from tidegate.api.validation import check_rollout
from tidegate.core.model.answers import Answer, Failed, FailedReason, Query, Vector
from tidegate.core.model.pace import EVERY_POINT, Pace
from tidegate.simulation.cluster.objects import SimulatedCronJob
from tidegate.simulation.pace import FROM_CHANGE_TO_CHANGE
from tidegate.simulation.runner import Runner

INCIDENTS = {"name": "incidents", "query": "open_incidents", "window": "1h"}
GATE = {"checks": [{"metric": "incidents", "max": 0}]}


class Checked:
    """A shop in which a step's gate checks the open incidents."""

    def __init__(
        self, step: int = 0, gate: dict[str, Any] | None = None, *, pace: Pace = EVERY_POINT, **changes: object
    ) -> None:
        self.shop = Shop()
        self.incidents: Answer = value(0)
        self.asked: list[float] = []
        self.shop.answer = self._answer
        made = spec()
        steps = [
            {**one, **({"gate": gate or GATE} if place == step else {})} for place, one in enumerate(made["steps"])
        ]
        self.runner: Runner = self.shop.rollout(
            spec(**{"steps": steps, "metrics": [*made["metrics"], INCIDENTS], **changes}), pace=pace
        )

    def _answer(self, query: Query, now: float) -> Answer | None:
        if query.metric != "incidents":
            return None
        self.asked.append(now - self.shop.start)
        return self.incidents

    async def passes(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.clock.now() + seconds)

    @property
    def closed(self) -> str:
        gate = self.shop.status.gate
        return gate.closed[0].message if gate is not None else ""


async def test_a_check_that_is_not_met_moves_no_traffic_and_says_why() -> None:
    world = Checked()
    world.incidents = value(2)
    await world.passes(600)
    assert world.shop.weights() == [0]
    assert world.closed == "incidents is 2, above max 0 (window 1h)"
    status = world.shop.status
    assert status.gate is not None
    assert (status.gate.closed[0].part, status.phase) == ("checks", "Waiting")
    assert len([one for one in world.asked if one > 60]) == 54, "asked every interval"
    world.incidents = value(0)
    await world.passes(11)
    assert world.shop.weight == 10
    assert world.shop.status.gate is None


async def test_a_check_that_is_met_delays_nothing() -> None:
    world, plain = Checked(step=1), Shop()
    runner = plain.rollout()
    for one, many in ((world.shop, world.runner), (plain, runner)):
        await many.run_until(one.start + 120, lambda one=one: one.weight == 50)
    raised = [one.cluster.history[-1].time - one.start for one in (world.shop, plain)]
    assert raised[0] - raised[1] <= 2.0, "one more look"


async def test_nothing_known_is_not_met() -> None:
    for answer in (Vector(()), Failed(FailedReason.REFUSED, "no answer")):
        world = Checked(step=1)
        world.incidents = answer
        await world.passes(600)
        assert world.shop.weight == 10
        assert "incidents" in world.closed


async def test_nothing_is_asked_while_another_part_is_closed() -> None:
    world = Checked(gate={**GATE, "approvals": [{"name": "ops"}]})
    await world.passes(3600)
    assert world.asked == []
    assert world.closed == "awaits approval of ops"
    approve = functools.partial(world.shop.command, Action.APPROVE, step="canary", approval="ops")
    world.runner.at(world.shop.clock.now(), approve)
    await world.passes(20)
    assert world.shop.weight == 10


async def test_an_answer_of_before_is_none_of_now() -> None:
    """The incident opens while the step is watched, after the check was met once."""
    world = Checked(step=1)
    await world.passes(25)
    world.incidents = value(1)
    await world.passes(300)
    assert world.shop.weight == 10
    assert world.closed.startswith("incidents is 1")


async def test_a_check_never_delays_a_revert_and_a_run_without_checks_asks_none() -> None:
    world = Checked(step=1)
    world.incidents = value(1)
    await world.passes(120)
    world.shop.values["candidate"] = 0.06
    await world.passes(11)
    assert world.shop.weight == 0
    other = Checked(step=5)
    await other.passes(300)
    assert other.asked == []


async def test_what_was_not_met_is_remembered_between_evaluations() -> None:
    world = Checked()
    world.incidents = value(2)
    await world.passes(35)
    for _ in range(5):
        world.runner.restart()
        await world.passes(1.5)
        assert world.closed.startswith("incidents is 2")


SMOKE = {**GATE, "jobs": [{"cronJob": "smoke"}]}


async def test_a_check_that_is_not_met_keeps_the_jobs_of_the_gate_from_starting() -> None:
    world = Checked(step=1, gate=SMOKE)
    world.incidents = value(2)
    await world.passes(300)
    assert not world.shop.cluster.created_jobs
    assert world.shop.status.gate is not None
    assert [one.part for one in world.shop.status.gate.closed] == ["checks", "jobs"]
    world.incidents = value(0)
    await world.passes(11)
    assert [one.cron_job for one in world.shop.cluster.created_jobs] == ["smoke"]
    await world.passes(45)
    assert world.shop.weight == 50


async def test_a_check_is_evaluated_again_once_the_jobs_have_succeeded_and_not_meanwhile() -> None:
    world = Checked(step=1, gate=SMOKE)
    world.shop.cluster.cron_jobs["smoke"] = SimulatedCronJob(lasts=1800)
    await world.passes(60)
    asked = len(world.asked)
    world.incidents = value(2)
    await world.passes(1200)
    assert len(world.asked) == asked
    await world.passes(1200)
    assert world.shop.weight == 10
    assert world.shop.status.gate is not None
    assert [one.part for one in world.shop.status.gate.closed] == ["checks"]
    world.incidents = value(0)
    await world.passes(11)
    assert world.shop.weight == 50
    assert len(world.shop.cluster.created_jobs) == 1


async def test_a_check_of_a_step_that_promote_skips_is_remembered_between_evaluations() -> None:
    canary, half = spec()["steps"]
    third = {"name": "third", "weight": 30, "duration": "10s", "gate": GATE}
    world = Checked(steps=[{**canary, "duration": "1h"}, third, half])
    world.incidents = value(2)
    await world.passes(60)
    world.runner.at(world.shop.clock.now(), lambda: world.shop.command(Action.PROMOTE))
    for _ in range(20):
        await world.passes(1)
        world.runner.due = world.shop.clock.now()
    writes = world.shop.gate.calls.count("store.write_status")
    for _ in range(60):
        await world.passes(1)
        world.runner.due = world.shop.clock.now()
        assert world.closed.startswith("incidents is 2")
    assert world.shop.gate.calls.count("store.write_status") == writes
    assert world.shop.weight == 10
    assert world.shop.status.gate is not None
    assert world.shop.status.gate.summary == "step third: incidents is 2, above max 0 (window 1h)"


def problems(**changes: object) -> list[tuple[str, str]]:
    made = spec()
    steps = [{**made["steps"][0], "gate": {"checks": [{"metric": "incidents", "max": 0}]}}]
    metrics = [*made["metrics"], INCIDENTS]
    manifest = {"metadata": {"name": "shop"}, "spec": spec(**{"steps": steps, "metrics": metrics, **changes})}
    return [(one.path, one.message) for one in check_rollout(manifest)[1]]


def steps(*checks: dict[str, object]) -> list[dict[str, Any]]:
    return [{"name": "canary", "weight": 10, "gate": {"checks": list(checks)}}]


def test_a_check_that_cannot_be_evaluated_is_refused_where_it_is_written() -> None:
    where = "spec.steps[0].gate.checks"
    assert problems() == []
    (unknown,) = problems(steps=steps({"metric": "nothing", "max": 0}))
    assert unknown[0] == f"{where}[0].metric"
    assert "there is no metric 'nothing'" in unknown[1]
    (of_an_arm,) = problems(steps=steps({"metric": "errors", "max": "1%"}))
    assert of_an_arm[0] == f"{where}[0].metric"
    assert "is of an arm" in of_an_arm[1]
    (misfit,) = problems(steps=steps({"metric": "incidents", "max": "5%"}))
    assert misfit[0] == f"{where}[0].max"
    (twice,) = problems(steps=steps(*[{"metric": "incidents", "max": 0}] * 2))
    assert twice[0] == f"{where}[1]"
    assert "give either 'max' or 'min'" in problems(steps=steps({"metric": "incidents", "max": 1, "min": 0}))[0][1]


async def test_where_time_is_jumped_over_the_jobs_start_all_the_same() -> None:
    world = Checked(step=1, gate=SMOKE, pace=FROM_CHANGE_TO_CHANGE)
    await world.runner.run_until(world.shop.start + 36000, lambda: world.shop.outcome != "")
    assert world.shop.outcome == "Succeeded"
    assert len(world.shop.cluster.created_jobs) == 1
