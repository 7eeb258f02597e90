"""Traffic is not moved to a baseline that does not serve, and a promotion does not succeed there."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulated import ratio_shop
from tests.simulated.cohorts import ALONE, Cohorts, until_step
from tests.simulated.shop import BY_PODS, Shop, by_pods, spec
from tests.simulated.test_promotion import settling, sick_baseline, stage, stalled, until
from tests.simulated.test_way_back import freeze
from tidegate.core.model.world import Acceptance

NOBODY: dict[str, Callable[[Shop], object]] = {
    "no Service": lambda shop: shop.cluster.services.pop("checkout"),
    "selects nothing": lambda shop: shop.cluster.services.update(checkout={"app": "nobody"}),
    "selects the candidate": lambda shop: shop.cluster.services.update(checkout={"app": "checkout-canary"}),
}
GONE: dict[str, Callable[[Shop], object]] = {
    **NOBODY,
    "no Deployment": lambda shop: shop.cluster.deployments.pop("checkout"),
    "no pod": lambda shop: setattr(shop.cluster.deployments["checkout"], "available", 0),
    "scaled to 0": lambda shop: shop.cluster.set_replicas("checkout", 0),
}
ALL = [{"name": "all", "weight": 100, "duration": "20s"}]


@pytest.mark.parametrize("strategy", ["CopyTemplate", "AwaitBaseline"])
@pytest.mark.parametrize("harm", NOBODY)
async def test_a_promotion_does_not_give_the_traffic_to_a_service_that_reaches_nobody(harm: str, strategy: str) -> None:
    wanted = {"CopyTemplate": "RollingOut", "AwaitBaseline": "Awaiting"}[strategy]
    shop, runner = await until(Shop(), wanted, promotion={"strategy": strategy, "settle": "20s"}, steps=ALL)
    runner.at(shop.clock.now() + 1, lambda: NOBODY[harm](shop))
    await runner.run_until(shop.clock.now() + 2)
    assert "a revert would send the traffic to no backend" in shop.status.message or stalled(shop)
    if strategy == "AwaitBaseline":
        shop.cluster.set_image("checkout", "shop:v2")
    await runner.run_until(shop.clock.now() + 120)
    assert shop.weight == 100, "all users are sent to no backend, knowingly"


@pytest.mark.parametrize("harm", GONE)
async def test_traffic_on_its_way_to_the_baseline_does_not_go_where_nobody_is_any_more(harm: str) -> None:
    shop, runner = await until(Shop(), "RollingOut", steps=ALL)
    write = shop.cluster.write_route
    freeze(shop, "checkout")
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight) == ("Returning", 100)
    runner.at(shop.clock.now() + 1, lambda: GONE[harm](shop))
    await runner.run_until(shop.clock.now() + 30)
    shop.cluster.write_route = write  # type: ignore[method-assign]
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 100


async def test_a_promotion_does_not_succeed_while_the_baseline_has_no_pod() -> None:
    scaling = {"deployment": "checkout-canary", "service": "checkout-canary", "scaling": {"afterEnd": {"delay": "30s"}}}
    shop, runner = await settling(candidate=scaling)
    runner.at(shop.clock.now() + 1, lambda: setattr(shop.cluster.deployments["checkout"], "available", 0))
    await runner.run_until(shop.clock.now() + 300)
    assert shop.outcome == "", "Succeeded; half a minute later the only pods that run are scaled to 0"
    assert shop.pods[1] > 0


async def test_the_same_with_pods_as_weights() -> None:
    shop = Shop()
    by_pods(shop.cluster, 10)
    shop.cluster.scale_seconds = shop.cluster.rollout_seconds = ratio_shop.SLOW
    runner = shop.rollout(spec(**{**BY_PODS, "steps": [{"name": "half", "weight": 50, "duration": "20s"}]}))
    await runner.run_until(shop.start + 400, lambda: stage(shop) == "Settling")
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.set_replicas("checkout", 0))
    await runner.run_until(shop.clock.now() + 300)
    assert (shop.pods, shop.outcome) != ((0, 0), "Succeeded")


NO_PODS = pytest.mark.parametrize("harm", ["no pod", "no Deployment"])


@NO_PODS
async def test_a_breach_of_a_cohort_does_not_send_it_to_a_baseline_without_pods(harm: str) -> None:
    shop = Cohorts()
    runner = shop.start_run(guards=[ALONE])
    await until_step(shop, runner, "staff")
    runner.at(shop.clock.now() + 1, lambda: GONE[harm](shop))
    await runner.run_until(shop.clock.now() + 5)
    shop.sick.add('cohort="staff"')
    await runner.run_until(shop.clock.now() + 30)
    assert shop.shares == (0, 100, 0), "a revert of the whole run waits there: it would be an outage"


@NO_PODS
async def test_a_step_back_does_not_send_users_to_a_baseline_without_pods(harm: str) -> None:
    back = {"metric": "errors", "max": "5%", "onBreach": "StepBack", "stepBack": {"weight": 0}}
    shop = Shop()
    runner = shop.rollout(spec(guards=[back], steps=[{"name": "all", "weight": 100, "duration": "1h"}]))
    await runner.run_until(shop.start + 60)
    runner.at(shop.clock.now() + 1, lambda: GONE[harm](shop))
    await runner.run_until(shop.clock.now() + 5)
    shop.values["candidate"] = 0.5
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 100


async def test_a_candidate_that_serves_again_and_loses_its_service_does_not_keep_all_users() -> None:
    shop, runner = await settling(steps=ALL)
    sick_baseline(shop)
    await runner.run_until(shop.clock.now() + 20)
    assert (stage(shop), shop.weight) == ("SentBack", 100)
    runner.at(shop.clock.now() + 1, lambda: shop.cluster.services.pop("checkout-canary"))
    await runner.run_until(shop.clock.now() + 600)
    assert shop.weight == 0, "its Deployment deleted reverts within seconds, its Service deleted never does"


@pytest.mark.parametrize("harm", ["no Service", "no Deployment"])
async def test_a_baseline_that_is_lost_while_the_gateway_is_awaited_is_told(harm: str) -> None:
    shop, runner = await until(Shop(), "RollingOut")
    runner.at(
        shop.clock.now() + 1,
        lambda: setattr(shop.cluster.routes["HTTPRoute/checkout"], "acceptance", Acceptance.PENDING),
    )
    await runner.run_until(shop.clock.now() + 60)
    assert (stage(shop), shop.weight) == ("Returning", 0)
    runner.at(shop.clock.now() + 1, lambda: GONE[harm](shop))
    await runner.run_until(shop.clock.now() + 60)
    assert stalled(shop) in {"BaselineServiceMissing", "BaselineMissing"}, shop.status.message
