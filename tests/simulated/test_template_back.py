"""The baseline's template on the way forward and back: refused, without an answer, unread, changed by another client, without pods."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.simulated.shop import Shop, spec
from tests.simulated.test_promotion import ONE, image, settling, sick_baseline, stage, stalled, until
from tests.simulated.test_refusals import refuse
from tests.simulated.test_versions import large_run
from tests.simulated.test_way_back import freeze
from tidegate.api.commands import Action
from tidegate.ports.errors import PortError, Rejected, Unavailable

WRITE = "workloads.write_template"
FAILURES = pytest.mark.parametrize("error", [Rejected("webhook is down"), Unavailable("timed out")])


def told(shop: Shop, reason: str) -> list[str]:
    return [event[3] for event in shop.cluster.events if event[2] == reason]


def fail(shop: Shop, times: int, error: PortError) -> list[float]:
    """Lets the next template writes fail; the instants at which they were tried, and those of the writes that follow."""
    tried: list[float] = []

    def before(call: str) -> None:
        if call == WRITE:
            tried.append(shop.clock.now())
            if len(tried) <= times:
                raise error

    shop.gate.before = before
    return tried


@FAILURES
@pytest.mark.parametrize("times", [3, 20])
async def test_a_template_write_that_fails_is_repeated_and_the_traffic_waits_for_the_old_version(
    error: PortError, times: int
) -> None:
    shop, runner = await until(Shop(), "RollingOut")
    tried = fail(shop, times, error)
    shop.values["candidate"] = 0.5
    weights = []
    await runner.run_until(
        shop.clock.now() + 300, lambda: weights.append((shop.weight, image(shop))) or shop.outcome != ""
    )
    assert (len(tried), shop.outcome, shop.weight, image(shop)) == (times + 1, "Reverted", 0, "shop:v1")
    assert max(after - before for before, after in pairwise(tried)) <= 2.0
    assert (0, "shop:v2") not in weights
    assert told(shop, "Contested") == []


@pytest.mark.parametrize("gone", [False, True], ids=["unread", "not served"])
async def test_the_old_template_is_restored_although_a_route_cannot_be_read(*, gone: bool) -> None:
    shop, runner = await until(Shop(), "RollingOut")
    shop.gate.streams_away = True
    if gone:
        shop.cluster.not_served.add("HTTPRoute")
    else:
        refuse(shop, "router.read", Unavailable("timed out"))
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: image(shop) == "shop:v1")
    assert image(shop) == "shop:v1"
    assert shop.clock.now() - begun <= 15.0


async def test_a_write_that_landed_without_an_answer_is_not_repeated() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    generation = shop.cluster.deployments["checkout"].generation

    def after(call: str) -> None:
        if call == WRITE:
            raise Unavailable("timed out")

    shop.gate.after = after
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (shop.outcome, image(shop)) == ("Reverted", "shop:v1")
    assert shop.cluster.deployments["checkout"].generation == generation + 1


async def test_failed_writes_between_changes_of_the_number_of_pods_are_nobodys_contest() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    fail(shop, 12, Unavailable("timed out"))
    begun = shop.clock.now()
    for second in range(1, 12):
        runner.at(begun + second, lambda second=second: shop.cluster.set_replicas("checkout", 2 + second % 2))
    shop.values["candidate"] = 0.5
    await runner.run_until(begun + 300, lambda: shop.outcome != "")
    assert (shop.outcome, image(shop)) == ("Reverted", "shop:v1")


async def test_an_abort_after_the_traffic_was_sent_back_does_not_give_all_users_the_version_that_breached() -> None:
    shop, runner = await settling()
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    refuse(shop, WRITE, Unavailable("timed out"))
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 30)
    assert (image(shop), shop.weight, stalled(shop)) == ("shop:v2", 50, "RevertRefused")


async def test_a_restored_template_that_another_client_changes_each_time_is_left_and_told() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    shop.cluster.rollout_seconds = 0.0
    write, written = shop.cluster.write_template, []

    def put_back(name: str, template: dict[str, object]) -> None:
        new = shop.cluster.deployments[name].template
        written.append(name)
        write(name, template)
        write(name, new)

    shop.cluster.write_template = put_back  # type: ignore[method-assign]
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120)
    assert (shop.weight, shop.outcome, len(written), image(shop)) == (0, "Aborted", 3, "shop:v2")
    (said,) = told(shop, "Contested")
    assert "The baseline keeps the promoted version" in said
    assert "the baseline keeps the promoted version" in shop.status.history[0].message
    assert "the baseline keeps the promoted version" in shop.status.message


@FAILURES
async def test_a_promotion_whose_write_only_ever_failed_is_nobodys_contest_after_restarts(error: PortError) -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=ONE))
    await runner.run_until(shop.start + 15)
    refuse(shop, WRITE, error)
    await runner.run_until(shop.start + 60)
    for _ in range(3):
        runner.restart()
        await runner.run_until(shop.clock.now() + 30)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 600, lambda: shop.outcome != "")
    assert (shop.outcome, image(shop), told(shop, "Contested")) == ("Succeeded", "shop:v2", [])


@pytest.mark.parametrize("back", [False, True])
async def test_a_write_that_a_webhook_undoes_is_told_as_refused_and_tried_at_a_measured_pace(back: bool) -> None:  # noqa: FBT001
    wanted = "RollingOut" if back else ""
    shop, runner = await until(Shop(), wanted)
    write = shop.cluster.write_template
    shop.cluster.write_template = lambda _name, _template: None  # type: ignore[method-assign]
    if back:
        shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 60)
    calls = shop.gate.calls.count(WRITE)
    assert (stalled(shop), shop.weight) == ("RevertRefused" if back else "WriteRefused", 50)
    assert "stored unchanged" in shop.status.message
    await runner.run_until(shop.clock.now() + 30)
    assert 5 <= shop.gate.calls.count(WRITE) - calls <= 31
    shop.cluster.write_template = write  # type: ignore[method-assign]
    await runner.run_until(shop.clock.now() + 300, lambda: shop.outcome != "")
    assert (shop.outcome, image(shop)) == (("Reverted", "shop:v1") if back else ("Succeeded", "shop:v2"))


@FAILURES
async def test_one_unready_pod_of_a_baseline_that_was_never_written_delays_no_revert(error: PortError) -> None:
    shop = Shop()
    shop.cluster.deployments["checkout"].replicas = 10
    refuse(shop, WRITE, error)
    runner = shop.rollout(spec(steps=ONE, interval="2s"))
    await runner.run_until(shop.start + 60)
    assert (stage(shop), image(shop)) == ("Copying", "shop:v1")
    runner.at(shop.clock.now() + 1, lambda: setattr(shop.cluster.deployments["checkout"], "available", 9))
    await runner.run_until(shop.clock.now() + 5)
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 3.0


async def test_a_baseline_that_another_client_put_back_is_waited_for_until_it_is_rolled_out() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    shop.cluster.rollout_seconds = 40.0
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_image("checkout", "shop:v1"))
    runner.at(shop.clock.now() + 1, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 35)
    assert (image(shop), shop.weight) == ("shop:v1", 50), "its old version was written, and is not rolled out yet"
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.outcome, shop.weight) == ("Aborted", 0)


async def test_an_abort_in_a_promotion_forces_the_revert_onto_a_baseline_without_pods() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_replicas("checkout", 0))
    runner.at(shop.clock.now() + 2, lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120)
    assert (image(shop), shop.weight, shop.outcome) == ("shop:v1", 0, "Aborted")


async def test_a_forced_revert_still_waits_for_the_old_version_to_be_rolled_out() -> None:
    shop, runner = await until(Shop(), "RollingOut", rollout_seconds=60.0)
    runner.at(shop.clock.now() + 2, lambda: shop.command(Action.ABORT))
    runner.at(shop.clock.now() + 3, lambda: setattr(shop.cluster.deployments["checkout"], "available", 0))
    await runner.run_until(shop.clock.now() + 50)
    assert (image(shop), shop.weight) == ("shop:v1", 50)


@pytest.mark.parametrize("scaled", [True, False])
async def test_a_revert_in_a_promotion_that_waits_for_a_pod_says_so(scaled: bool) -> None:  # noqa: FBT001
    shop, runner = await until(Shop(), "RollingOut")

    def lose() -> None:
        if scaled:
            shop.cluster.set_replicas("checkout", 0)
        else:
            shop.cluster.deployments["checkout"].available = 0

    runner.at(shop.clock.now() + 1, lose)
    await runner.run_until(shop.clock.now() + 3)
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + (120 if scaled else 1200))
    assert (shop.weight, stalled(shop)) == (50, "BaselineUnavailable")
    begun = shop.clock.now()

    def come_back() -> None:
        shop.cluster.set_replicas("checkout", 2)
        shop.cluster.deployments["checkout"].available = None

    runner.at(begun + 1, come_back)
    await runner.run_until(begun + 300, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight, image(shop)) == ("Reverted", 0, "shop:v1")


async def test_a_deletion_in_a_promotion_does_not_wait_where_neither_arm_has_a_pod() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    for name in ("checkout", "checkout-canary"):
        shop.cluster.set_replicas(name, 0)
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + 120, lambda: "checkout" not in shop.cluster.rollouts)
    assert "checkout" not in shop.cluster.rollouts
    assert image(shop) == "shop:v1"


@pytest.mark.parametrize("call", ["workloads.template", "workloads.revision"])
async def test_what_cannot_be_read_is_said_to_stand_before_the_revert(call: str) -> None:
    if call == "workloads.revision":
        shop, runner = await large_run()
    else:
        shop, runner = await until(Shop(), "RollingOut")
    refuse(shop, call, Unavailable("the API server does not answer"))
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30)
    assert "the API server does not answer" in shop.status.message
    await runner.run_until(shop.clock.now() + 1200)
    assert (stalled(shop), len(told(shop, "ReadFailed"))) == ("ReadFailed", 1)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 120, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight, stalled(shop)) == ("Reverted", 0, "Reverted")


async def test_a_read_that_fails_now_and_then_does_not_put_off_the_deadline_of_the_roll_out() -> None:
    shop, runner = await until(Shop(), "RollingOut", rollout_seconds=1e9)
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 300)
    refuse(shop, "workloads.template", Unavailable("the API server does not answer"))
    await runner.run_until(begun + 600)
    assert "the API server does not answer" in shop.status.message
    shop.gate.before = lambda _call: None
    await runner.run_until(begun + 960, lambda: shop.outcome != "")
    assert (shop.weight, shop.outcome, image(shop)) == (0, "Reverted", "shop:v1")


async def test_a_template_that_could_not_be_read_for_long_is_rolled_out_before_the_traffic_comes() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    shop.cluster.rollout_seconds = 60.0
    refuse(shop, "workloads.template", Unavailable("the API server does not answer"))
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 1800)
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.clock.now() + 30)
    assert (image(shop), shop.weight) == ("shop:v1", 50)


@pytest.mark.parametrize("weight", [100, 50])
@pytest.mark.parametrize("recreates", [False, True])
async def test_an_abort_before_the_traffic_is_back_puts_the_old_template_back_first(
    recreates: bool,  # noqa: FBT001
    weight: int,
) -> None:
    shop = Shop()
    shop.cluster.deployments["checkout"].recreates = recreates and weight == 100
    shop, runner = await until(shop, "RollingOut", steps=[{"name": "last", "weight": weight, "duration": "20s"}])
    write = shop.cluster.write_route
    freeze(shop, "checkout")
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight) == ("Returning", weight)

    def abort() -> None:
        shop.cluster.write_route = write  # type: ignore[method-assign]
        shop.command(Action.ABORT)

    begun = shop.clock.now()
    runner.at(begun + 1, abort)
    await runner.run_until(begun + 10)
    assert told(shop, "WeightCorrected") == [], "nobody else wrote the route"
    assert (image(shop), shop.weight) == ("shop:v1", weight), "the old version is not rolled out yet"
    await runner.run_until(begun + 120, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)


async def test_what_another_client_raises_meanwhile_is_taken_away_down_to_the_last_step() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    write = shop.cluster.write_route
    freeze(shop, "checkout")
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight) == ("Returning", 50)
    shop.cluster.rollout_seconds = 60.0
    begun = shop.clock.now()

    def abort() -> None:
        shop.cluster.write_route = write  # type: ignore[method-assign]
        shop.command(Action.ABORT)

    runner.at(begun + 1, abort)
    runner.at(begun + 20, lambda: shop.set_weight(10, 90))
    await runner.run_until(begun + 21)
    assert (image(shop), shop.weight, len(told(shop, "WeightCorrected"))) == ("shop:v1", 50, 1)
    await runner.run_until(begun + 180, lambda: shop.outcome != "")
    assert (shop.outcome, shop.weight) == ("Aborted", 0)


@pytest.mark.parametrize("call", [WRITE, "workloads.template"])
async def test_a_deletion_waits_half_a_minute_for_an_old_template_that_is_refused_or_unread(call: str) -> None:
    """Both arms run the promoted version then, so the traffic loses nothing; the object must not stay for ever."""
    shop, runner = await until(Shop(), "RollingOut")
    refuse(shop, call, Rejected("forbidden") if call == WRITE else Unavailable("forbidden"))
    begun = shop.clock.now() + 1
    runner.at(begun, lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(begun + 25)
    assert "checkout" in shop.cluster.rollouts
    assert shop.weight > 0
    await runner.run_until(begun + 90)
    assert "checkout" not in shop.cluster.rollouts
    assert shop.weight == 0
    assert [one for one in told(shop, "RevertRefused") if "the finalizer is removed all the same" in one]


async def test_a_deletion_of_an_operator_that_starts_again_and_again_ends_too() -> None:
    shop, runner = await until(Shop(), "RollingOut")
    refuse(shop, WRITE, Rejected("forbidden"))
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.delete_rollout("checkout"))
    for _ in range(8):
        await runner.run_until(shop.clock.now() + 10)
        if "checkout" in shop.cluster.rollouts:
            runner.stop()
            runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert ("checkout" in shop.cluster.rollouts, shop.weight) == (False, 0)
