"""The promotion, stage by stage: who may stop it, what sends it back, what it never fights."""

from __future__ import annotations

import pytest

from tests.simulated.shop import Shop, spec, value
from tidegate.api.commands import Action
from tidegate.core.model.answers import Answer, Query, SeriesValue, Vector
from tidegate.core.model.world import ArmName
from tidegate.simulation.runner import Runner

ONE = [{"name": "half", "weight": 50, "duration": "20s"}]
AWAIT = {"strategy": "AwaitBaseline", "settle": "20s"}
BAD, GOOD = 0.06, 0.0


def image(shop: Shop) -> str:
    return str(shop.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"])


def stage(shop: Shop) -> str:
    run = shop.status.run
    return run.promotion.stage if run and run.promotion else ""


def stalled(shop: Shop) -> str:
    return next((one.reason for one in shop.status.conditions if one.type == "Stalled"), "")


async def until(shop: Shop, wanted: str, *, rollout_seconds: float = 15.0, **changes: object) -> tuple[Shop, Runner]:
    """A run whose promotion has come to the stage `wanted`."""
    shop.cluster.rollout_seconds = rollout_seconds
    runner = shop.rollout(spec(**{"steps": ONE, **changes}))
    await runner.run_until(shop.start + 300, lambda: stage(shop) == wanted)
    assert stage(shop) == wanted
    return shop, runner


async def settling(**changes: object) -> tuple[Shop, Runner]:
    return await until(Shop(), "Settling", **changes)


def sick_baseline(shop: Shop) -> None:
    shop.values.update(baseline=BAD, candidate=GOOD)


async def test_a_breach_while_settling_sends_the_traffic_back_and_waits_for_a_person() -> None:
    shop, runner = await settling()
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    assert (stage(shop), shop.weight, stalled(shop)) == ("SentBack", 50, "PromotionBreached")
    told = [message for _, _, reason, message in shop.cluster.events if reason == "PromotionBreached"]
    assert told == ["after the promotion: errors of the baseline is 6%, above max 5% (window 10s)"], "nobody shares it"
    await runner.run_until(shop.clock.now() + 3600)
    assert (stage(shop), shop.weight) == ("SentBack", 50)


async def test_abort_after_that_puts_the_old_template_back_before_the_weights() -> None:
    shop, runner = await settling()
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 10)
    assert (image(shop), shop.weight) == ("shop:v1", 50), "the old version is not rolled out yet"
    await runner.run_until(shop.clock.now() + 60)
    assert (image(shop), shop.weight, shop.outcome) == ("shop:v1", 0, "Aborted")
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 1, "checkout-canary": 0}]


async def test_resume_after_that_tries_the_last_part_again() -> None:
    shop, runner = await settling()
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    shop.values["baseline"] = GOOD
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight, image(shop)) == ("Succeeded", 0, "shop:v2")


async def test_resume_after_that_waits_for_the_baseline_that_somebody_else_promotes() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE, promotion={**AWAIT, "match": "Images"}))
    await runner.run_until(shop.start + 60)
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v2"))
    shop.cluster.deployments["checkout"].template["spec"]["volumes"] = [{"name": "its-own"}]
    await runner.run_until(shop.clock.now() + 2)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 25)
    assert stage(shop) == "SentBack"
    shop.values["baseline"] = GOOD
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_template_that_git_changes_back_is_contested_and_not_written_again() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v1"))
    generation = shop.cluster.deployments["checkout"].generation + 1
    await runner.run_until(shop.clock.now() + 600)
    assert (stalled(shop), image(shop)) == ("Contested", "shop:v1")
    assert shop.cluster.deployments["checkout"].generation == generation
    assert shop.weight == 50


async def test_a_webhook_that_changes_the_template_is_contested_and_not_fought() -> None:
    shop = Shop()
    write = shop.cluster.write_template

    def mutating(name: str, template: dict[str, object]) -> None:
        write(name, template)
        if name == "checkout" and image(shop) == "shop:v2":
            write(name, {**template, "spec": {**shop.cluster.deployments[name].template["spec"], "volumes": [{}]}})

    shop.cluster.write_template = mutating  # type: ignore[method-assign]
    runner = shop.rollout(spec(steps=ONE))
    await runner.run_until(shop.start + 600)
    assert stalled(shop) == "Contested"
    assert shop.cluster.deployments["checkout"].generation == 3
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60)
    assert (image(shop), shop.weight) == ("shop:v1", 0)


async def test_a_revert_ends_although_the_old_template_is_overwritten_each_time() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    shop.cluster.rollout_seconds = 0.0
    write, written = shop.cluster.write_template, []

    def stubborn(name: str, template: dict[str, object]) -> None:
        written.append(name)
        write(name, template)
        write(name, {**template, "spec": {**template["spec"], "volumes": [{"name": "git"}]}})  # type: ignore[dict-item]

    shop.cluster.write_template = stubborn  # type: ignore[method-assign]
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120)
    assert (shop.weight, shop.outcome, len(written)) == (0, "Aborted", 3)


async def test_without_revision_history_the_template_is_not_copied() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout"].history_limit = 0
    runner = shop.rollout(spec(steps=ONE))
    await runner.run_until(shop.start + 300)
    assert (stalled(shop), image(shop), shop.weight) == ("NoRevisionHistory", "shop:v1", 0), (
        "told before anything is raised"
    )
    runner.at(shop.clock.now(), lambda: setattr(shop.cluster.deployments["checkout"], "history_limit", 1))
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_baseline_with_fewer_pods_than_the_candidate_gets_no_traffic_until_it_is_scaled_up() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout"].replicas = 1
    runner = shop.rollout(spec(steps=ONE))
    await runner.run_until(shop.start + 300)
    assert (stage(shop), shop.weight) == ("RollingOut", 50)
    assert shop.status.run is not None
    assert shop.status.run.waiting is not None
    assert shop.status.run.waiting.reason == "BaselineTooSmall"
    shop.cluster.deployments["checkout"].replicas = 2
    await runner.run_until(shop.start + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_awaiting_the_baseline_waits_for_days_without_an_alarm() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE, promotion=AWAIT, metrics=[], guards=[], interval="5m"))
    await runner.run_until(shop.start + 2 * 86400)
    assert (stage(shop), stalled(shop), shop.weight) == ("Awaiting", "", 50)
    ready = next(one for one in shop.status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason) == ("Unknown", "AwaitingBaseline")
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v2"))
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_a_baseline_put_back_to_the_old_version_while_settling_is_said_and_not_fought() -> None:
    shop, runner = await settling()
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout", "shop:v1"))
    generation = shop.cluster.deployments["checkout"].generation + 1
    await runner.run_until(shop.clock.now() + 600)
    assert (stalled(shop), image(shop), shop.outcome) == ("BaselineOverwritten", "shop:v1", "")
    assert shop.cluster.deployments["checkout"].generation == generation


async def test_missing_data_while_settling_holds_the_end_back() -> None:
    shop, runner = await settling()
    shop.answer = lambda _query, _now: Vector(())
    await runner.run_until(shop.clock.now() + 300)
    assert (shop.outcome, stage(shop)) == ("", "Settling")
    await runner.run_until(shop.clock.now() + 3600)
    assert (shop.outcome, stage(shop), image(shop)) == ("", "Settling", "shop:v2"), "nor does it ever take it back"
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert shop.status.run.hold.reason == "NoData"
    shop.answer = None
    await runner.run_until(shop.clock.now() + 60, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_the_promoted_baseline_need_not_have_the_candidates_pods() -> None:
    def answer(query: Query, _now: float) -> Answer | None:
        if query.part not in {"bad", "total"}:
            return None
        return Vector((SeriesValue((("pod", f"{query.arm}-0"),), 500.0 if query.part == "total" else 0.0),))

    shop = Shop(answer=answer)
    ratio = {"bad": 'bad{deployment="$workload"}', "total": 'all{deployment="$workload"}', "by": ["pod"]}
    runner = shop.rollout(spec(steps=ONE, metrics=[{"name": "errors", "ratio": ratio, "window": "20s"}]))
    await runner.run_until(shop.start + 900, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


async def test_while_settling_the_serving_baseline_is_asked_and_relative_limits_rest() -> None:
    shop, runner = await settling(
        guards=[{"metric": "errors", "max": "5%"}, {"metric": "errors", "maxIncrease": "1%", "floor": "0%"}]
    )
    asked: list[ArmName] = []

    def answer(query: Query, _now: float) -> Answer:
        if query.part != "probe":
            asked.append(query.arm)
        return value(GOOD)

    shop.answer = answer
    await runner.run_until(shop.clock.now() + 15)
    assert set(asked) == {ArmName.BASELINE}


async def test_a_pause_stops_each_stage_and_resume_lets_it_go_on() -> None:
    for wanted in ("RollingOut", "Settling"):
        shop, runner = await until(Shop(), wanted)
        runner.at(shop.clock.now(), lambda shop=shop: shop.command(Action.PAUSE))
        await runner.run_until(shop.clock.now() + 600)
        assert (stage(shop), shop.status.phase) == (wanted, "Paused")
        runner.at(shop.clock.now(), lambda shop=shop: shop.command(Action.RESUME))
        await runner.run_until(shop.clock.now() + 120, lambda shop=shop: shop.outcome != "")
        assert shop.outcome == "Succeeded"


@pytest.mark.parametrize(("strategy", "wanted"), [("CopyTemplate", "RollingOut"), ("AwaitBaseline", "Awaiting")])
async def test_a_hold_stops_the_promotion_before_the_traffic_goes_back(strategy: str, wanted: str) -> None:
    shop, runner = await until(
        Shop(),
        wanted,
        guards=[{"metric": "errors", "max": "2%", "onBreach": "Hold"}],
        promotion={"strategy": strategy, "settle": "20s"},
    )
    shop.values["candidate"] = BAD
    await runner.run_until(shop.clock.now() + 11)
    shop.cluster.set_image("checkout", "shop:v2")
    await runner.run_until(shop.clock.now() + 600)
    assert shop.status.run is not None
    assert shop.status.run.hold is not None
    assert shop.weight == 50
    shop.values["candidate"] = GOOD
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"


@pytest.mark.parametrize("paused", ["by a command", "by spec"])
async def test_a_pause_does_not_stop_the_way_back_from_a_promoted_version_that_breaches(paused: str) -> None:
    shop, runner = await settling()
    if paused == "by spec":
        runner.at(shop.clock.now(), lambda: shop.cluster.edit_rollout("checkout", spec(steps=ONE, paused=True)))
    else:
        runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await runner.run_until(shop.clock.now() + 1)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    assert (stage(shop), shop.weight) == ("SentBack", 50)
    stalled = {one.type: one.reason for one in shop.status.conditions if one.status == "True"}
    assert stalled["Stalled"] == "PromotionBreached"


async def test_more_on_the_route_is_put_back_in_every_stage_of_the_promotion() -> None:
    for wanted, least in (("RollingOut", 50.0), ("Settling", 0.0)):
        shop, runner = await until(Shop(), wanted)
        runner.at(shop.clock.now() + 1, lambda shop=shop: shop.set_weight(10, 90))
        await runner.run_until(shop.clock.now() + 1)
        assert shop.weight == least


async def test_a_new_version_after_the_template_was_written_puts_the_old_one_back_and_starts_anew() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.clock.now() + 10)
    assert image(shop) == "shop:v1"
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome == "Succeeded")
    assert [entry.outcome for entry in shop.status.history] == ["Succeeded", "Superseded"]
    assert image(shop) == "shop:v3"


async def test_a_revert_onto_a_baseline_that_never_rolls_out_goes_on_at_the_progress_deadline() -> None:
    shop, runner = await until(Shop(), "RollingOut", rollout_seconds=1e9)
    shop.values["candidate"] = BAD
    await runner.run_until(shop.clock.now() + 600)
    assert (image(shop), shop.weight) == ("shop:v1", 50)
    await runner.run_until(shop.clock.now() + 360)
    assert (shop.weight, shop.outcome) == (0, "Reverted")


async def test_a_template_that_is_put_back_within_the_write_is_tried_three_times() -> None:
    shop = Shop()
    write, written = shop.cluster.write_template, []

    def undone(name: str, template: dict[str, object]) -> None:
        old = shop.cluster.deployments[name].template
        written.append(name)
        write(name, template)
        write(name, old)

    shop.cluster.write_template = undone  # type: ignore[method-assign]
    runner = shop.rollout(spec(steps=ONE))
    await runner.run_until(shop.start + 300)
    assert (len(written), stalled(shop), shop.weight) == (3, "Contested", 50)


async def test_more_on_the_route_is_put_back_while_a_revert_waits_for_the_old_template() -> None:
    shop, runner = await until(Shop(), "RollingOut", rollout_seconds=120.0)
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.ABORT))
    runner.at(shop.clock.now() + 10, lambda: shop.set_weight(1, 99))
    await runner.run_until(shop.clock.now() + 10)
    assert shop.weight == 50
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (shop.weight, image(shop)) == (0, "shop:v1")


async def test_a_hold_while_the_template_rolls_out_promises_no_duration_anew() -> None:
    hold = {"metric": "errors", "max": "2%", "onBreach": "Hold", "afterHold": "Restart"}
    shop, runner = await until(Shop(), "RollingOut", guards=[hold])
    shop.values["candidate"] = BAD
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.status.phase) == ("RollingOut", "Promoting")
    shop.values["candidate"] = GOOD
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert shop.outcome == "Succeeded"
    (said,) = [message for _, _, reason, message in shop.cluster.events if reason == "HoldEnded"]
    assert "anew" not in said


@pytest.mark.parametrize("wanted", ["RollingOut", "Settling"])
async def test_a_baseline_that_is_deleted_during_the_promotion_is_told_at_once(wanted: str) -> None:
    shop, runner = await until(Shop(), wanted)
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.deployments.pop("checkout"))
    await runner.run_until(shop.clock.now() + 15)
    assert stalled(shop) == "BaselineMissing"
    assert [event[2] for event in shop.cluster.events].count("BaselineMissing") == 1
