"""The baseline during a run: changed by somebody, awaited, paused or rolling out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.released import AWAIT, STEPS, at_rest, condition, events, stage, template, under_way
from tests.simulated.shop import Shop, spec, value
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query, Vector
from tidegate.core.model.world import ArmName
from tidegate.simulation.runner import Runner

# The baseline changes during a run


async def test_a_hotfix_of_the_baseline_stops_the_run_until_a_person_resumes() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v1-hotfix"))
    await runner.run_until(shop.clock.now() + 600)
    assert shop.status.run is not None
    assert shop.status.run.paused is not None
    assert shop.status.run.paused.reason == "BaselineChanged"
    assert "shop:v1-hotfix" in shop.status.run.paused.message
    assert (shop.weight, len(events(shop, "BaselineChanged"))) == (50, 1)
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert (shop.outcome, len(events(shop, "BaselineChanged"))) == ("Succeeded", 1)
    assert "the baseline is accepted as it is now" in shop.cluster.outcomes["command-0"][1]


async def test_guards_stay_on_while_a_changed_baseline_waits_for_a_person() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v1-hotfix"))
    await runner.run_until(shop.clock.now() + 30)
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.outcome, shop.weight) == ("Reverted", 0)
    assert template(shop)["spec"]["containers"][0]["image"] == "shop:v1-hotfix"


async def test_abort_leaves_the_changed_baseline_as_it_is() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now(), lambda: shop.cluster.annotate("checkout", {"hotfix": "1"}))
    await runner.run_until(shop.clock.now() + 30)
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert (shop.outcome, template(shop)["metadata"]["annotations"]) == ("Aborted", {"hotfix": "1"})


async def test_a_second_hotfix_is_told_again_and_one_resume_accepts_both() -> None:
    shop, runner = await under_way()
    for number, image in enumerate(("shop:v1-one", "shop:v1-two"), start=1):
        runner.at(shop.clock.now(), lambda image=image: shop.cluster.set_image("checkout", image))
        await runner.run_until(shop.clock.now() + 30)
        assert len(events(shop, "BaselineChanged")) == number
    assert shop.status.run is not None
    assert shop.status.run.paused is not None
    assert "shop:v1-two" in shop.status.run.paused.message
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_hotfix_while_a_person_has_paused_is_told_and_accepted_by_the_same_resume() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await runner.run_until(shop.clock.now() + 5)
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v1-hotfix"))
    await runner.run_until(shop.clock.now() + 60)
    assert len(events(shop, "BaselineChanged")) == 1
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert (shop.outcome, len(events(shop, "BaselineChanged"))) == ("Succeeded", 1)


@pytest.mark.parametrize("before", [True, False], ids=["before the template is read", "after the template is read"])
async def test_a_hotfix_between_the_last_look_and_the_write_is_not_overwritten(before: bool) -> None:  # noqa: FBT001
    shop, runner = await under_way()
    read, hotfixed = shop.cluster.template, []

    def racing(name: str) -> object:
        found = read(name)
        if name == "checkout" and len(hotfixed) < 2:  # the first read is of a look that is decided again, live
            hotfixed.append(name)
            if len(hotfixed) == 2:
                shop.cluster.set_image("checkout", "shop:v1-hotfix")
                return read(name) if before else found
        return found

    shop.cluster.template = racing  # type: ignore[method-assign, assignment]
    await runner.run_until(shop.clock.now() + 600)
    assert hotfixed
    assert template(shop)["spec"]["containers"][0]["image"] == "shop:v1-hotfix"
    assert len(events(shop, "BaselineChanged")) == 1
    assert stage(shop) == "Copying"
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)
    assert template(shop)["spec"]["containers"][0]["image"] == "shop:v1-hotfix", "nor by putting an old one back"


async def test_an_abort_right_after_a_write_that_was_refused_for_a_hotfix_leaves_the_hotfix() -> None:
    shop, runner = await under_way()
    change, refused = shop.cluster.change_template, []

    def racing(name: str, read: Any, wanted: Any) -> None:  # noqa: ANN401  (passed on as they are)
        if not refused:
            refused.append(name)
            shop.cluster.set_image("checkout", "shop:v1-hotfix")
            shop.command(Action.ABORT)
        change(name, read, wanted)

    shop.cluster.change_template = racing  # type: ignore[method-assign]
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (refused, shop.outcome, shop.weight) == (["checkout"], "Aborted", 0)
    assert template(shop)["spec"]["containers"][0]["image"] == "shop:v1-hotfix"


@pytest.mark.parametrize(
    "change", ["restart", "nodeSelector"], ids=["a restart of the baseline", "scheduling of the baseline"]
)
async def test_what_is_no_version_is_no_change_of_the_baseline(change: str) -> None:
    shop, runner = await under_way()

    def act() -> None:
        if change == "restart":
            shop.cluster.annotate("checkout", {"kubectl.kubernetes.io/restartedAt": "now"})
        else:
            shop.cluster.set_field("checkout", change, {"pool": "x"})

    runner.at(shop.clock.now(), act)
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert (shop.outcome, events(shop, "BaselineChanged")) == ("Succeeded", [])


async def test_of_two_arms_with_one_version_nothing_is_called_a_shared_incident() -> None:
    shop, runner = await under_way()
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v2"))
    await runner.run_until(shop.clock.now() + 15)
    assert "it runs the candidate's version now" in events(shop, "BaselineChanged")[0]
    shop.values.update(candidate=0.5, baseline=0.5)
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.outcome, shop.weight) == ("Reverted", 0)
    assert events(shop, "SharedIncident") == []


async def test_of_two_arms_with_one_version_nothing_is_compared() -> None:
    shop, runner = await under_way(guards=[{"metric": "errors", "maxIncrease": "10%", "floor": "1%"}])
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v2"))
    await runner.run_until(shop.clock.now() + 15)
    shop.values.update(candidate=0.5, baseline=0.1)
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.outcome, shop.weight) == ("", 50)
    (guard,) = shop.status.guards
    assert (guard.state, "both arms run the same version" in guard.message) == ("NotComparable", True)


# AwaitBaseline


async def test_the_awaited_baseline_must_run_the_whole_version() -> None:
    shop = Shop()
    shop.cluster.annotate("checkout-canary", {"checksum/config": "2"})
    shop.cluster.set_field("checkout-canary", "serviceAccountName", "new")
    runner = shop.rollout(spec(steps=STEPS, promotion=AWAIT))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "Awaiting")
    message = condition(shop, "Ready")[2]
    for field in ("annotations.checksum/config", "containers[app].image", "serviceAccountName"):
        assert field in message
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v2"))
    runner.at(shop.clock.now() + 60, lambda: shop.cluster.annotate("checkout", {"checksum/config": "2"}))
    await runner.run_until(shop.clock.now() + 300)
    assert stage(shop) == "Awaiting"
    assert condition(shop, "Ready")[2].endswith("the candidate's version: serviceAccountName still differs")
    assert events(shop, "BaselineChanged") == [], "it is meant to change"
    runner.at(shop.clock.now(), lambda: shop.cluster.set_field("checkout", "serviceAccountName", "new"))
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_with_images_alone_awaited_the_arms_may_differ_on_purpose() -> None:
    promotion = {**AWAIT, "match": "Images"}
    shop = Shop()
    shop.cluster.set_field("checkout-canary", "serviceAccountName", "its-own")
    shop.cluster.set_image("checkout-canary", "shop:v1")
    runner = shop.rollout(spec(steps=STEPS, promotion=promotion))
    await runner.run_until(shop.start + 60)
    assert (condition(shop, "Ready")[1], shop.status.runs) == ("Idle", 0), "at first sight the same images are the same"
    runner.at(shop.clock.now(), lambda: shop.cluster.set_field("checkout-canary", "dnsPolicy", "None"))
    await runner.run_until(shop.clock.now() + 20)
    assert (shop.status.runs, shop.weight) == (1, 50), "from then on every change is a release"
    assert "serviceAccountName" in events(shop, "RunStarted")[0]
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.clock.now() + 200)
    assert stage(shop) == "Awaiting"
    assert condition(shop, "Ready")[2] == "waiting for Deployment 'checkout' to run shop:v3"


# The baseline rolls out


async def test_with_a_last_step_below_100_both_arms_are_judged_while_the_baseline_rolls_out() -> None:
    asked: list[ArmName] = []

    def answer(query: Query, _now: float) -> Answer | None:
        if query.part != "probe" and stage(shop) == "RollingOut":
            asked.append(query.arm)
        return None

    shop = Shop(answer=answer)
    shop.cluster.rollout_seconds = 60.0
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "RollingOut")
    await runner.run_until(shop.clock.now() + 12)
    assert set(asked) == set(ArmName)
    shop.values["baseline"] = 0.5
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert shop.outcome == "Reverted"
    assert "errors of the baseline is 50%" in shop.status.history[0].message
    assert template(shop)["spec"]["containers"][0]["image"] == "shop:v1"


async def test_a_breach_of_the_rolling_baseline_must_last_like_any_other() -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 300.0
    runner = shop.rollout(spec(steps=STEPS, guards=[{"metric": "errors", "max": "5%", "for": "1m"}]))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "RollingOut")
    shop.values["baseline"] = 0.5
    await runner.run_until(shop.clock.now() + 45)
    assert shop.outcome == ""
    assert [one.name for one in shop.status.guards] == ["errors max 5% (baseline)"]
    await runner.run_until(shop.clock.now() + 60, lambda: stage(shop) == "")
    assert shop.status.run is not None
    assert shop.status.run.ending is not None


async def test_at_weight_100_the_rolling_baseline_serves_nobody_and_is_not_judged() -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 60.0
    runner = shop.rollout(spec(steps=[{"name": "all", "weight": 100, "duration": "20s"}]))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "RollingOut")
    shop.values["baseline"] = 0.5
    await runner.run_until(shop.clock.now() + 40)
    assert (shop.outcome, shop.weight) == ("", 100)


async def test_a_rolling_baseline_without_data_is_not_missing_data_of_the_candidate() -> None:
    shop = Shop(answer=lambda query, _now: Vector(()) if query.arm is ArmName.BASELINE else value(0.0))
    shop.cluster.rollout_seconds = 1200.0
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "RollingOut")
    await runner.run_until(shop.clock.now() + 1000)
    assert (shop.outcome, shop.status.missing_data) == ("", ())


# Told before anything is raised


@pytest.mark.parametrize("strategy", ["CopyTemplate", "AwaitBaseline"])
async def test_a_baseline_that_recreates_its_pods_needs_a_last_step_of_100(strategy: str) -> None:
    shop = Shop()
    shop.cluster.deployments["checkout"].recreates = True
    runner = shop.rollout(spec(steps=STEPS, promotion={"strategy": strategy, "settle": "20s"}))
    await runner.run_until(shop.start + 60)
    assert condition(shop, "Stalled")[1] == "RecreateNeedsFullWeight"
    assert "50%" in condition(shop, "Stalled")[2]
    assert shop.status.runs == 0
    full = spec(steps=[*STEPS, {"name": "all", "weight": 100, "duration": "20s"}])
    runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", full))
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_paused_baseline_is_told_before_the_run_and_named_while_it_rolls_out() -> None:
    shop = Shop()
    shop.cluster.pause_deployment("checkout", paused=True)
    runner = shop.rollout(spec(steps=STEPS))
    await runner.run_until(shop.start + 60)
    assert (condition(shop, "Stalled")[1], shop.status.runs) == ("DeploymentPaused", 0)
    runner.at(shop.clock.now(), lambda: shop.cluster.pause_deployment("checkout", paused=False))
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 50


async def test_a_baseline_that_is_paused_in_mid_promotion_is_named_as_such() -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 30.0
    runner = shop.rollout(spec(steps=STEPS, promotion=AWAIT))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == "Awaiting")

    assert "is paused (spec.paused)" in await changed_while_paused(shop, runner, "checkout")


async def changed_while_paused(shop: Shop, runner: Runner, deployment: str) -> str:
    """What the run says that it waits for, once a Deployment was paused and given another image."""

    def act() -> None:
        shop.cluster.pause_deployment(deployment, paused=True)
        shop.cluster.set_image(deployment, "shop:v2")

    runner.at(shop.clock.now(), act)
    await runner.run_until(shop.clock.now() + 60)
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert shop.status.run.waiting.reason == "DeploymentPaused"
    return shop.status.run.waiting.message


async def test_a_paused_candidate_is_named_as_such() -> None:
    shop, runner = await at_rest()
    said = await changed_while_paused(shop, runner, "checkout-canary")
    assert "candidate Deployment 'checkout-canary' is paused" in said
    runner.at(shop.clock.now(), lambda: shop.cluster.pause_deployment("checkout-canary", paused=False))
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 50


async def test_a_candidate_past_its_own_deadline_stalls_at_once_with_its_own_words() -> None:
    shop, runner = await at_rest()
    deployment = shop.cluster.deployments["checkout-canary"]

    def act() -> None:
        shop.cluster.set_image("checkout-canary", "shop:v2")
        deployment.failed = 'ReplicaSet "checkout-canary-1" has timed out progressing.'

    runner.at(shop.clock.now(), act)
    await runner.run_until(shop.clock.now() + 10)
    assert condition(shop, "Stalled")[1] == "ProgressDeadlineExceeded"
    assert "has timed out progressing" in condition(shop, "Stalled")[2]
    runner.at(shop.clock.now(), lambda: setattr(deployment, "failed", ""))
    await runner.run_until(shop.clock.now() + 30)
    assert (condition(shop, "Stalled")[1], shop.weight) == ("", 50)


async def test_the_pods_a_revert_needs_follow_the_candidates_size() -> None:
    baseline = {"deployment": "checkout", "service": "checkout", "minAvailable": "50%"}
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].replicas = 8
    runner = shop.rollout(spec(steps=STEPS, baseline=baseline))
    await runner.run_until(shop.start + 60)
    assert shop.weight == 0
    assert condition(shop, "RevertReady")[:2] == ("False", "BaselineNotReady")
    assert "4 are needed (50% of the larger arm's replicas)" in condition(shop, "RevertReady")[2]
    runner.at(shop.clock.now(), lambda: setattr(shop.cluster.deployments["checkout"], "replicas", 4))
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 50
