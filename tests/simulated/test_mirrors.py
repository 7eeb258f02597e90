"""Steps that mirror: what stands on the route at which time, what is judged, and that the mirror ends with whatever ends the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.counted import SPLIT, WORSE, counted
from tests.simulated.scraped import Stage
from tests.simulated.shop import REF, Shop, spec
from tidegate.api.commands import Action
from tidegate.core.model.answers import Query, Vector
from tidegate.ports.errors import Rejected
from tidegate.simulation.cluster import Cluster
from tidegate.simulation.runner import Runner

SHADOW: dict[str, Any] = {
    "name": "shadow",
    "weight": 0,
    "mirror": {"percent": 20},
    "duration": "30s",
    "thresholds": [{"metric": "errors", "max": "1%"}],
}
STEPS: list[Any] = [SHADOW, *spec()["steps"]]


def mirror(shop: Shop) -> int:
    return shop.cluster.routes[REF.key].mirrors.get(("#0", "checkout-canary"), 0)


def history(shop: Shop) -> list[tuple[float, int]]:
    """The candidate's share and its mirror after each write, without repetition."""
    found: list[tuple[float, int]] = []
    for weight, write in zip(shop.weights(), shop.cluster.history, strict=True):
        now = (weight, sum(write.mirrors.values()))
        found += [] if found and found[-1] == now else [now]
    return found


async def shadowed(**changes: object) -> tuple[Shop, Runner]:
    """A run whose first step mirrors, and whose mirror is on the route."""
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": STEPS, **changes}))
    await runner.run_until(shop.start + 10)
    assert (mirror(shop), shop.weight) == (20, 0)
    return shop, runner


async def test_the_mirror_comes_before_the_weight_and_goes_with_the_write_of_the_first() -> None:
    shop, runner = await shadowed()
    await runner.run_until(shop.start + 300)
    assert history(shop) == [(0, 0), (0, 20), (10, 0), (50, 0), (0, 0)]
    assert shop.outcome == "Succeeded"


async def test_status_says_what_is_mirrored_and_that_it_is_no_traffic() -> None:
    shop, _ = await shadowed()
    assert shop.status.mirror is not None
    assert (shop.status.mirror.desired, shop.status.mirror.observed) == (20, 20)
    assert shop.status.weight is not None
    assert (shop.status.weight.desired, shop.status.weight.observed) == (0, 0)
    assert shop.status.message == "step 1/3 shadow: weight 0%, 20% mirrored for 30s"


async def test_a_rollout_without_such_steps_has_nothing_of_it_in_its_status() -> None:
    shop = Shop()
    await shop.rollout(spec()).run_until(shop.start + 20)
    assert "mirror" not in str(shop.cluster.rollouts["checkout"].status)


async def test_a_limit_is_judged_on_mirrored_requests_and_its_breach_takes_the_mirror_away() -> None:
    shop, runner = await shadowed()
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 25)
    assert (shop.outcome, mirror(shop)) == ("Reverted", 0)
    assert shop.cluster.routes[REF.key].manager == "tidegate-revert"
    assert all(not one.mirrored for one in shop.status.targets)


async def test_a_step_that_mirrors_does_not_pass_on_what_is_not_well() -> None:
    shop, runner = await shadowed()
    shop.values["candidate"] = 0.02  # beyond the threshold, not the guard
    await runner.run_until(shop.start + 60)
    assert shop.outcome == "Reverted"
    assert history(shop) == [(0, 0), (0, 20), (0, 0)]


async def test_no_test_on_counts_sees_mirrored_requests() -> None:
    """Half of the requests are copied, and a tenth of the copies fails: neither the split nor the comparison may count that."""
    shadow = {"name": "shadow", "weight": 0, "mirror": {"percent": 50}, "duration": "20m"}
    stage = Stage(counted(SPLIT, WORSE, steps=[shadow, {"name": "canary", "weight": 10, "duration": "6h"}]))
    stage.source.split(stage.start, 33)
    for seconds in range(1150, 1400, 5):
        await stage.until(seconds)
        if stage.shop.weight:
            break
    weighted = stage.shop.clock.now()
    stage.source.split(weighted, 10)
    await stage.until(weighted - stage.start + 3600)
    run = stage.shop.status.run
    assert run is not None
    assert (run.hold, run.mirrored_since) == (None, None)
    assert run.traffic_since is not None
    assert run.traffic_since.timestamp() >= weighted - 5
    assert {one.name for one in run.evidence} == {"split", "worse"}
    assert all(one.start >= run.traffic_since for one in run.evidence)


async def test_a_window_reaches_back_to_the_first_mirrored_request_and_later_to_the_first_of_a_user() -> None:
    shop = Shop()
    asked: list[tuple[float, Query]] = []

    def answer(query: Query, now: float) -> None:
        asked.append((now, query))

    shop.answer = answer
    runner = shop.rollout(
        spec(steps=STEPS, metrics=[{**spec()["metrics"][0], "query": 'e{d="$workload"}[$window]', "window": "1h"}])
    )
    await runner.run_until(shop.start + 75)
    weighted = next(write.time for write in shop.cluster.history if write.rules[0]["checkout-canary"])
    windows = {now - shop.start: query.promql.partition("[")[2] for now, query in asked if query.metric == "errors"}
    mirrored, served = ([at for at in windows if (at > weighted - shop.start) == later] for later in (False, True))
    assert [windows[at] for at in mirrored] == ["9s]", "19s]", "29s]", "30s]"]
    assert windows[served[0]] == "9s]"


def abort(shop: Shop) -> None:
    shop.command(Action.ABORT)


def delete(shop: Shop) -> None:
    shop.cluster.delete_rollout("checkout")


def supersede(shop: Shop) -> None:
    shop.cluster.set_image("checkout-canary", "shop:v3")


def edit(shop: Shop) -> None:
    shop.cluster.edit_rollout("checkout", spec(steps=[{**SHADOW, "mirror": None}, *STEPS[1:]]))


def take_out(shop: Shop) -> None:
    shop.cluster.add_route(
        type(shop.cluster.routes[REF.key])("HTTPRoute", "other", [{"checkout": 1, "checkout-canary": 0}])
    )
    shop.cluster.edit_rollout("checkout", spec(steps=STEPS, traffic=[{"kind": "HTTPRoute", "name": "other"}]))


@pytest.mark.parametrize("end", [abort, delete, supersede, edit, take_out])
@pytest.mark.parametrize("killed", [False, True], ids=["", "and the operator was restarted"])
async def test_it_ends_with(end: Callable[[Shop], None], killed: bool) -> None:  # noqa: FBT001
    shop, runner = await shadowed()
    if killed:
        runner.restart()
    runner.at(shop.start + 11, lambda: end(shop))
    await runner.run_until(shop.start + 13)
    assert mirror(shop) == 0
    await runner.run_until(shop.start + 40)
    if end is delete:
        assert "checkout" not in shop.cluster.rollouts


async def test_an_edit_to_less_acts_now_and_one_to_more_is_a_raise() -> None:
    shop, runner = await shadowed()
    for at, percent in ((11, 5), (20, 50)):
        steps = [{**SHADOW, "mirror": {"percent": percent}}, *STEPS[1:]]
        runner.at(shop.start + at, lambda steps=steps: shop.cluster.edit_rollout("checkout", spec(steps=steps)))  # type: ignore[misc]
        await runner.run_until(shop.start + at + 5)
        assert mirror(shop) == percent


async def test_a_weight_that_is_edited_to_a_mirror_and_back_is_first_traffic_again() -> None:
    canary = {"name": "canary", "weight": 10, "duration": "10m"}
    shadow = {**canary, "weight": 0, "mirror": {"percent": 20}}
    shop = Shop()
    runner = shop.rollout(spec(steps=[canary, STEPS[2]]))
    for at, step in ((60, shadow), (120, canary)):
        runner.at(
            shop.start + at, lambda step=step: shop.cluster.edit_rollout("checkout", spec(steps=[step, STEPS[2]]))
        )  # type: ignore[misc]
    await runner.run_until(shop.start + 90)
    assert (mirror(shop), shop.weight) == (20, 0)
    run = shop.status.run
    assert run is not None
    assert run.traffic_since is None
    await runner.run_until(shop.start + 150)
    assert (mirror(shop), shop.weight) == (0, 10)
    run = shop.status.run
    assert run is not None
    assert run.traffic_since is not None
    assert run.traffic_since.timestamp() >= shop.start + 119
    assert run.mirrored_since is None


async def test_a_step_back_to_a_weight_takes_the_mirror_away_until_resume() -> None:
    back = {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"weight": 0}}
    shop, runner = await shadowed(guards=[back])
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 25)
    run = shop.status.run
    assert run is not None
    assert run.paused is not None
    assert (mirror(shop), run.paused.reason) == (0, "SteppedBack")
    shop.values["candidate"] = 0.0
    runner.at(shop.start + 26, lambda: shop.command(Action.RESUME) and None)
    await runner.run_until(shop.start + 40)
    assert mirror(shop) == 20


async def test_a_rule_that_loses_the_candidates_backend_loses_the_mirror() -> None:
    shop, runner = await shadowed()
    route = shop.cluster.routes[REF.key]

    def edit_route() -> None:
        """And another rule mirrors to the candidate of its own."""
        del route.rules[0]["checkout-canary"]
        route.rules.append({"checkout": 1})
        route.mirrors["#1", "checkout-canary"] = 5
        route.generation += 1

    runner.at(shop.start + 11, edit_route)
    await runner.run_until(shop.start + 13)
    assert route.mirrors == {("#1", "checkout-canary"): 5}
    assert "corrected: a route mirrors to the candidate in a rule that no longer has both backends" in str(
        shop.cluster.events
    )
    runner.at(shop.start + 14, lambda: abort(shop))
    await runner.run_until(shop.start + 60)
    assert (shop.outcome, route.mirrors) == ("Aborted", {("#1", "checkout-canary"): 5})


async def test_more_than_asked_is_put_back_and_less_pauses_the_run() -> None:
    shop, runner = await shadowed()
    runner.at(shop.start + 11, lambda: shop.cluster.set_mirrors(REF, {"#0": 90}))
    await runner.run_until(shop.start + 13)
    assert mirror(shop) == 20
    assert "corrected: a route mirrors more than 20% of the requests to the candidate" in str(shop.cluster.events)
    runner.at(shop.start + 14, lambda: shop.cluster.set_mirrors(REF, {"#0": 0}))
    await runner.run_until(shop.start + 100)
    assert mirror(shop) == 0
    assert shop.status.run is not None
    assert shop.status.run.paused is not None
    assert shop.status.run.paused.reason == "LoweredByOther"
    assert (
        shop.status.run.paused.message
        == "the route mirrors less than 20% of the requests to the candidate: lowered by another client"
    )


async def test_a_weight_that_somebody_gives_meanwhile_is_put_back_and_the_mirror_stays() -> None:
    shop, runner = await shadowed()
    runner.at(shop.start + 11, lambda: shop.set_weight(70, 30))
    await runner.run_until(shop.start + 14)
    assert (shop.weight, mirror(shop)) == (0, 20)


async def test_a_revert_that_could_not_be_recorded_is_recovered_from_the_route() -> None:
    shop, runner = await shadowed()

    def refuse(call: str) -> None:
        if call == "store.write_status":
            raise Rejected("denied")

    shop.gate.before = refuse
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 25)
    assert mirror(shop) == 0
    shop.gate.before = lambda _call: None
    shop.values["candidate"] = 0.0
    runner.restart()
    await runner.run_until(shop.start + 60)
    assert (shop.outcome, shop.status.history[0].reason) == ("Reverted", "RevertRecovered")


async def test_a_checkpoint_without_data_of_the_mirrored_requests_passes_nothing() -> None:
    shop = Shop()
    shop.answer = lambda _query, _now: Vector(())
    await shop.rollout(spec(steps=STEPS, guards=[])).run_until(shop.start + 100)
    assert (mirror(shop), shop.weight) == (20, 0)
    assert "checkpoint 30s of step 'shadow'" in shop.status.message


async def test_what_a_version_that_knows_no_mirrors_left_behind_at_the_end_of_a_run_is_taken_away() -> None:
    shop, runner = await shadowed()
    runner.stop()
    stored = shop.cluster.rollouts["checkout"]
    left = {key: value for key, value in stored.status.items() if key not in {"run", "step", "mirror"}}
    left["rejected"] = stored.status["run"]["version"]
    shop.cluster.put_rollout(replace(stored, status=left, finalizers=()))
    runner.restart()
    await runner.run_until(shop.start + 60)
    assert mirror(shop) == 0
    assert "HTTPRoute/checkout mirrored 20% to the reverted candidate: corrected to 0" in str(shop.cluster.events)


async def test_somebody_elses_mirror_to_the_candidate_starts_no_run_and_is_left_alone() -> None:
    shop = Shop()
    shop.cluster.routes[REF.key].mirrors["#0", "checkout-canary"] = 100
    await shop.rollout(spec(steps=STEPS)).run_until(shop.start + 60)
    assert shop.status.run is None
    assert "mirrors to checkout-canary already, and the operator did not add that" in shop.status.message
    assert mirror(shop) == 100
    assert len(shop.cluster.history) == 1


async def test_mirrors_of_others_do_not_matter_where_no_step_mirrors() -> None:
    shop = Shop()
    shop.cluster.routes[REF.key].mirrors["#0", "checkout-canary"] = 100
    await shop.rollout(spec()).run_until(shop.start + 300)
    assert (shop.outcome, mirror(shop)) == ("Succeeded", 100)


async def test_a_rule_that_cannot_mirror_starts_no_run() -> None:
    shop = Shop()
    shop.cluster.routes[REF.key].cannot_mirror = "it has `mirror`"
    await shop.rollout(spec(steps=STEPS)).run_until(shop.start + 60)
    assert shop.status.run is None
    assert "HTTPRoute/checkout, rule #0: it has `mirror`; leave 'mirror' out of the steps" in shop.status.message


async def test_a_mirror_that_is_stored_as_more_than_was_written_is_taken_away_and_told() -> None:
    class Webhook(Cluster):
        def _write(self, *arguments: Any) -> None:  # noqa: ANN401  (passed on as they are)
            *others, mirrors, manager = arguments
            super()._write(*others, {rule: 100 if percent else 0 for rule, percent in mirrors.items()}, manager)

    shop = Shop(cluster_of=Webhook)
    await shop.rollout(spec(steps=STEPS)).run_until(shop.start + 60)
    assert mirror(shop) == 0
    assert {one.type: one.reason for one in shop.status.conditions}["Stalled"] == "WriteRefused"
    assert "a mirror of 20% was written and one of 100% was stored" in shop.status.message


async def test_a_refused_removal_is_told_and_done_once_it_is_allowed() -> None:
    shop, runner = await shadowed()

    def refuse(call: str) -> None:
        if call == "router.write":
            raise Rejected("httproutes is forbidden")

    shop.gate.before = refuse
    runner.at(shop.start + 11, lambda: abort(shop))
    await runner.run_until(shop.start + 40)
    assert mirror(shop) == 20
    assert {one.type: one.reason for one in shop.status.conditions}["Stalled"] == "RevertRefused"
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.start + 60)
    assert (mirror(shop), shop.outcome) == (0, "Aborted")


async def test_without_a_baseline_pod_the_mirror_goes_all_the_same() -> None:
    """Users are with the baseline anyway: there is no outage to fear."""
    shop, runner = await shadowed()
    shop.cluster.deployments["checkout"].available = 0
    runner.at(shop.start + 11, lambda: delete(shop))
    await runner.run_until(shop.start + 40)
    assert mirror(shop) == 0
    assert "checkout" not in shop.cluster.rollouts


async def test_a_lost_status_is_recovered_with_the_mirror_and_an_abort_takes_it_away() -> None:
    shop, runner = await shadowed()
    runner.stop()
    stored = shop.cluster.rollouts["checkout"]
    shop.cluster.put_rollout(replace(stored, status={}))
    runner.restart()
    await runner.run_until(shop.start + 20)
    runner.at(shop.start + 21, lambda: abort(shop))
    await runner.run_until(shop.start + 60)
    assert mirror(shop) == 0
