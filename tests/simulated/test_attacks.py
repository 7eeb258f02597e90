"""Gates, cohorts, pauses and Jobs when people edit them, delete them or set them at the worst moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.simulated.cohorts import ALONE, METRICS, STEPS, TRAFFIC, Cohorts, until_step
from tests.simulated.jobs import BREACH
from tests.simulated.jobs import Told as WithJobs
from tests.simulated.shop import spec
from tests.simulated.stepping_back import at_half, does, fails, passes, paused_of
from tests.simulated.test_approvals import QUORUM, Told, steps
from tests.simulated.test_gates import freeze
from tidegate.api.commands import Action
from tidegate.ports.errors import Conflict, PortError, Unavailable
from tidegate.simulation.cluster.objects import SimulatedCronJob


def edited(told: Told | WithJobs, **changes: object) -> None:
    """The Rollout is edited now."""
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.edit_rollout("checkout", spec(**changes)))


async def waiting(gate: dict[str, Any], *given: str) -> Told:
    told = Told(gate)
    await told.passes(100)
    for name in given:
        assert (await told.approves(name, f"{name}-owner"))[0]
    assert told.shop.weight == 10
    return told


@pytest.mark.parametrize("how", ["quorum reduced", "approver removed", "approver added", "gate removed"])
async def test_an_edit_of_the_approvals_never_opens_a_gate_by_what_was_given_before(how: str) -> None:
    """Whoever may edit the gate may open it (docs/approvals.md); what others gave for another gate does not count for it."""
    told = await waiting(QUORUM | {"required": 3}, "cost", "audit")
    names = {"approver removed": ("cost", "audit"), "approver added": ("cost", "audit", "docs", "law")}
    approvals = [{"name": one} for one in names.get(how, ("cost", "audit", "docs"))]
    gate = {"approvals": approvals, **({"required": 2} if how == "quorum reduced" else {})}
    if how == "gate removed":
        canary, half = spec()["steps"]
        edited(told, steps=[canary, half])
        await told.passes(30)
        assert told.shop.weight == 50
        return
    edited(told, steps=steps(gate))
    await told.passes(60)
    assert told.shop.weight == 10
    for name in ("cost", "audit", "docs", "law")[: 2 if how == "quorum reduced" else len(approvals)]:
        assert (await told.approves(name, f"{name}-owner"))[0]
    assert told.shop.weight == 50


async def test_an_approval_of_a_checklist_edited_meanwhile_is_refused_with_the_hash_it_was_seen_with() -> None:
    told = await waiting({"approvals": [{"name": "cost"}, {"name": "audit"}], "distinctPeople": False})
    assert told.status.gate is not None
    seen = told.status.gate.step_hash
    edited(told, steps=steps({"approvals": [{"name": "cost"}], "distinctPeople": False}))
    await told.passes(5)
    done, words = await told.approves("cost", "ann", step_hash=seen)
    assert (done, words) == (False, "step 'half' was edited since: review it again")
    assert told.shop.weight == 10


@pytest.mark.parametrize("fault", [Conflict("changed meanwhile"), Unavailable("no answer")])
async def test_a_freeze_that_begins_while_a_raise_is_in_flight_stops_the_next_try_and_no_revert(
    fault: PortError,
) -> None:
    asked = {"approvals": [{"name": "go"}]}
    told = Told(asked)
    await told.passes(100)
    shop, tried = told.shop, []

    def before(call: str) -> None:
        if call == "router.write" and not tried:
            tried.append(shop.clock.now())
            frozen = [freeze(shop, 0, 3600)]
            shop.cluster.edit_rollout("checkout", spec(steps=steps(asked), freezes=frozen))
            raise fault

    shop.gate.before = before
    await told.approves("go", "ann")
    await told.passes(60)
    assert (len(tried), shop.weight) == (1, 10)
    shop.values["candidate"] = BREACH
    began = shop.clock.now()
    await told.passes(30)
    assert (shop.weight, shop.cluster.history[-1].time - began <= 11) == (0, True)


@pytest.mark.parametrize(
    ("clock", "opens"),
    [
        ("2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"),  # 02:30 does not exist: the window opens at 03:00 local time
        ("2026-10-25T00:40:00Z", "2026-10-25T01:30:00Z"),  # 02:30 comes twice, and the first one is open already
    ],
)
async def test_a_run_raises_in_a_window_across_the_change_of_daylight_saving_time(clock: str, opens: str) -> None:
    told = Told({"windows": [{"from": "02:30", "to": "05:00", "timeZone": "Europe/Berlin"}]})
    at, first = (datetime.fromisoformat(one).astimezone(UTC).timestamp() for one in (clock, opens))
    told.runner.leap(at - told.shop.clock.now())
    await told.passes(4 * 3600)
    raised = [write.time for write in told.shop.cluster.history if write.rules[0]["checkout-canary"] == 50]
    expected = at if clock.startswith("2026-10") else first
    assert expected <= raised[0] <= expected + 120


@pytest.mark.parametrize("leap", [-1800.0, 0.0, 1800.0, 7200.0])
async def test_since_step_goes_by_the_clock_as_it_is_set_and_opens_no_later_than_that_says(leap: float) -> None:
    told = Told({"sinceStep": {"step": "canary", "elapsed": "1h"}})
    await told.passes(100)
    assert told.status.run is not None
    opens = told.status.run.begun[0].time.timestamp() + 3600
    told.runner.leap(leap)
    began = told.shop.clock.now()
    await told.runner.run_until(began + 7200, lambda: told.shop.weight == 50)
    raised = told.shop.clock.now()
    assert max(opens, began) <= raised <= max(opens, began) + 11
    told.shop.values["candidate"] = BREACH
    await told.passes(12)
    assert told.shop.weight == 0


@pytest.mark.parametrize("then", ["resumed", "aborted", "breached"])
async def test_stepped_back_held_and_paused_at_once(then: str) -> None:
    """A limit that holds is not met and spec.paused is set when another steps back: it goes down, and each is needed to go on."""
    holds = {"metric": "errors", "max": "2%", "onBreach": "Hold"}
    back = {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
    reverts = {"metric": "errors", "max": "20%"}
    shop, runner = await at_half({"step": "canary"}, guards=[holds, back, reverts])
    await fails(shop, runner, 0.03)
    assert (shop.weight, shop.status.run is not None and shop.status.run.hold is not None) == (50, True)
    raw = dict(shop.cluster.rollouts["checkout"].spec)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", {**raw, "paused": True}))
    await passes(shop, runner, 15)
    await fails(shop, runner)
    await passes(shop, runner, 15)
    assert (shop.weight, paused_of(shop).reason) == (10, "SteppedBack")
    if then == "aborted":
        await does(shop, runner, Action.ABORT, 30)
        assert (shop.weight, shop.outcome) == (0, "Aborted")
    elif then == "breached":
        await fails(shop, runner, 0.3)
        assert shop.weight == 0
    else:
        shop.values["candidate"] = 0.0
        await does(shop, runner, Action.RESUME, 120)
        assert shop.weight == 10, "spec.paused is set"
        runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", raw))
        await passes(shop, runner, 120)
        assert shop.weight == 50


def gated() -> list[dict[str, Any]]:
    canary, half = spec()["steps"]
    return [canary, {**half, "gate": {"jobs": [{"cronJob": "smoke"}]}}]


@pytest.mark.parametrize("when", ["before", "during", "retried"])
async def test_a_cron_job_deleted_in_mid_run_opens_no_gate_and_delays_no_revert(when: str) -> None:
    failing = int(when == "retried")
    told = WithJobs(steps=gated(), cron_jobs={"smoke": SimulatedCronJob(lasts=60, fails=failing, retries=0)})
    await told.passes(20 if when == "before" else 60)
    told.shop.cluster.cron_jobs["smoke"] = SimulatedCronJob(missing=True)
    if when == "during":
        await told.runner.run_until(told.shop.clock.now() + 120, lambda: told.shop.weight == 50)
        assert told.shop.weight == 50, "the Job that was created from it counts"
    else:
        await told.passes(120)
        if when == "retried":
            await told.does(Action.RESUME)
            await told.passes(60)
        assert (told.shop.weight, told.condition("JobsRefused")) == (10, ("True", "JobRefused"))
    told.shop.values["candidate"] = BREACH
    began = told.shop.clock.now()
    await told.passes(30)
    assert (told.shop.weight, told.shop.cluster.history[-1].time - began <= 11) == (0, True)


async def test_a_job_that_is_gone_before_its_end_was_read_is_no_success() -> None:
    """Its ttlSecondsAfterFinished passed while the operator was away: nobody knows how it ended, and Resume runs it again."""
    told = WithJobs(steps=gated(), cron_jobs={"smoke": SimulatedCronJob(lasts=60)})
    await told.passes(60)
    name = told.job("smoke").name
    now = told.shop.clock.now()
    told.runner.stand_still(now, now + 300)
    told.runner.at(now + 299, lambda: told.shop.cluster.jobs.pop(name))
    await told.passes(330)
    assert (told.shop.weight, told.job("smoke").outcome) == (10, "Failed")
    assert told.status.run is not None
    assert told.status.run.paused is not None
    await told.does(Action.RESUME)
    await told.runner.run_until(told.shop.clock.now() + 120, lambda: told.shop.weight == 50)
    assert (told.shop.weight, told.created) == (50, ["smoke", "smoke"])


LEFT = "rule other, which is not in spec.traffic, gives checkout-canary weight 100, and no revert changes that: name the rule there, or change it by hand"


@pytest.mark.parametrize(
    ("how", "shares", "words"),
    [("removed", [(5, 50), (0, 0)], ""), ("renamed", [(5, 100, 50), (0, 100, 0)], f" ({LEFT})")],
)
async def test_a_cohort_whose_rule_is_gone_from_the_route_raises_nothing_and_delays_no_revert(
    how: str, shares: list[tuple[float, ...]], words: str
) -> None:
    """A rule of another name is another one: the revert leaves it alone, and says what it gives the candidate."""
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    route = shop.cluster.routes["HTTPRoute/checkout"]

    def change() -> None:
        if how == "removed":
            del route.rules[1], route.names[1]
        else:
            route.names[1] = "other"

    runner.at(shop.clock.now(), change)
    await runner.run_until(shop.clock.now() + 90)
    missing = f"HTTPRoute/checkout has no rule staff with both checkout and checkout-canary{words}"
    assert (shop.shares, shop.why("Stalled")) == (shares[0], ("True", "RuleMissing", missing))
    assert shop.cohorts() == {"staff": (100, None), "beta": (50, 50)}
    assert shop.told("RuleMissing") == [missing]
    shop.sick.add("errors")
    began = shop.clock.now()
    await runner.run_until(began + 30)
    assert shop.written == [(0, 100, 0), (5, 100, 50), shares[1]]
    assert shop.cluster.history[-1].time - began <= 11
    assert (shop.outcome, shop.status.history[0].reason) == ("Reverted", "GuardBreached")
    assert shop.why("Ready") == ("False", "RuleMissing", missing), "what is left of it is said as long as it is so"


@pytest.mark.parametrize("paused", [True, False])
async def test_a_cohort_renamed_in_the_spec_is_put_back_and_given_traffic_again_as_a_raise(paused: bool) -> None:  # noqa: FBT001
    """The new name is another cohort, that no step has given traffic: it is lowered at once, and raised by the raise rule."""
    shop = Cohorts()
    runner = shop.start_run()
    await until_step(shop, runner, "beta")
    traffic = [TRAFFIC[0], {**TRAFFIC[1], "cohort": "people"}, TRAFFIC[2]]
    steps = [{**STEPS[0], "cohorts": {"people": 100}}, {**STEPS[1], "duration": "120s"}, STEPS[2]]
    new = spec(traffic=traffic, metrics=METRICS, steps=steps, paused=paused)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", new))
    await runner.run_until(shop.clock.now() + 30)
    raised = [] if paused else [(5, 100, 50)]
    assert shop.written == [(0, 100, 0), (5, 100, 50), (5, 0, 50), *raised]
    assert shop.cohorts() == {"people": (0, 0) if paused else (100, 100), "beta": (50, 50)}
    shop.sick.add("errors")
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.written[-1], shop.outcome) == ((0, 0, 0), "Reverted")
    assert shop.status.history[0].reason == "GuardBreached"


@pytest.mark.parametrize("sick", ['cohort="staff"', 'cohort="beta"'])
async def test_the_limit_of_a_cohort_that_an_edit_removed_reverts_nothing_else(sick: str) -> None:
    """Its rule gets the baseline's whole share in the tick of the edit; the limit that is left acts on its own cohort alone."""
    shop = Cohorts()
    of_beta = {**ALONE, "cohort": "beta"}
    runner = shop.start_run(guards=[ALONE, of_beta])
    await until_step(shop, runner, "beta")
    without = spec(
        traffic=[TRAFFIC[0], TRAFFIC[2]],
        metrics=METRICS,
        guards=[of_beta],
        steps=[{**STEPS[0], "weight": 1, "cohorts": {}}, {**STEPS[1], "cohorts": {"beta": 50}}, STEPS[2]],
    )
    shop.sick.add(sick)
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", without))
    await until_step(shop, runner, "half")
    beta = 0 if "beta" in sick else 50
    alone = [] if beta else [(5, 0, 0)]
    assert shop.written[2:] == [(5, 0, 50), *alone, (50, 0, beta)]
    assert shop.outcome == ""
    reverted = [] if beta else ["cohort beta"]
    assert [words.split(" is ")[0] for words in shop.told("CohortReverted")] == reverted
    assert shop.cohorts() == {"beta": (beta, beta)}
