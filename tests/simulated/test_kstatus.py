"""`kubectl wait`, Flux and Argo CD read a Rollout by kstatus' rules: what they see of each kind of run."""

from __future__ import annotations

from tests.simulated.shop import Shop, spec
from tests.unit.core.kstatus import computed
from tidegate.api.commands import Action
from tidegate.core.model.world import RolloutObject
from tidegate.simulation.cluster.objects import SimulatedCronJob

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}]


def seen(shop: Shop, rollout: RolloutObject | None = None) -> str:
    stored = rollout or shop.cluster.rollouts["checkout"]
    metadata = {"generation": stored.generation, **({"deletionTimestamp": "now"} if stored.deleting else {})}
    return computed({"metadata": metadata, "status": stored.status})


async def test_a_run_is_in_progress_until_it_has_succeeded() -> None:
    shop = Shop()
    runner = shop.rollout(spec())
    assert seen(shop) == "InProgress", "nobody has looked at it"
    found = set()
    while shop.outcome == "":
        await runner.run_until(shop.clock.now() + 5)
        if shop.outcome == "":
            found.add(seen(shop))
    assert found == {"InProgress"}
    assert seen(shop) == "Current"


async def test_a_reverted_version_has_failed_until_a_new_one_is_tried() -> None:
    shop = Shop()
    runner = shop.rollout(spec(steps=LONG))
    await runner.run_until(shop.start + 25)
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.start + 60, lambda: shop.outcome != "")
    await runner.run_until(shop.clock.now() + 1)
    assert seen(shop) == "Failed"
    shop.values["candidate"] = 0.0
    runner.at(shop.clock.now(), lambda: shop.cluster.set_image("checkout-canary", "shop:v3"))
    await runner.run_until(shop.clock.now() + 5)
    assert seen(shop) == "InProgress"


async def test_an_edit_is_in_progress_until_it_was_looked_at() -> None:
    shop = Shop()
    shop.cluster.set_image("checkout-canary", "shop:v1")
    runner = shop.rollout(spec())
    await runner.run_until(shop.start + 5)
    assert seen(shop) == "Current"
    shop.cluster.edit_rollout("checkout", spec(interval="20s"))
    assert seen(shop) == "InProgress"
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 1)
    assert seen(shop) == "Current"


async def test_an_invalid_spec_has_failed_and_a_paused_run_is_in_progress() -> None:
    shop = Shop()
    runner = shop.rollout({"steps": "nonsense"})
    await runner.run_until(shop.start + 5)
    assert seen(shop) == "Failed"
    shop.cluster.edit_rollout("checkout", spec(steps=LONG))
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 25)
    runner.at(shop.clock.now(), lambda: shop.command(Action.PAUSE))
    await runner.run_until(shop.clock.now() + 5)
    assert seen(shop) == "InProgress"
    shop.cluster.delete_rollout("checkout")
    assert seen(shop) == "Terminating"


async def test_a_run_that_waits_too_long_has_failed_and_comes_back() -> None:
    shop = Shop()
    shop.cluster.deployments["checkout-canary"].available = 0
    runner = shop.rollout(spec(steps=LONG, progressDeadline="1m"))
    await runner.run_until(shop.start + 70)
    assert seen(shop) == "Failed"
    shop.cluster.deployments["checkout-canary"].available = None
    await runner.run_until(shop.clock.now() + 30)
    assert seen(shop) == "InProgress"


async def test_what_a_job_does_after_the_end_changes_nothing_of_how_it_ended() -> None:
    hooks = [{"name": "end", "when": "End", "job": {"cronJob": "end"}}]
    shop = Shop()
    shop.cluster.cron_jobs["end"] = SimulatedCronJob(fails=1, retries=0)
    runner = shop.rollout(spec(hooks=hooks))
    found = set()
    while not shop.status.jobs or not shop.status.jobs[0].outcome:
        await runner.run_until(shop.clock.now() + 5)
        if shop.outcome:
            found.add(seen(shop))
    assert found == {"Current"}
    assert shop.status.jobs[0].outcome == "Failed"


async def test_a_run_that_waits_for_a_job_is_in_progress_and_one_that_cannot_be_created_fails_it_in_time() -> None:
    hooks = [{"name": "warm", "when": "RunStart", "job": {"cronJob": "warm"}}]
    shop = Shop()
    shop.cluster.cron_jobs["warm"] = SimulatedCronJob(missing=True)
    runner = shop.rollout(spec(hooks=hooks, progressDeadline="1m"))
    await runner.run_until(shop.start + 30)
    assert seen(shop) == "InProgress"
    await runner.run_until(shop.start + 90)
    assert seen(shop) == "Failed"
    shop.cluster.cron_jobs.clear()
    await runner.run_until(shop.start + 140)
    assert seen(shop) == "InProgress"


async def test_a_run_that_waits_for_pods_is_in_progress_and_one_that_does_not_get_them_fails_in_time() -> None:
    canary = {"deployment": "checkout-canary", "service": "checkout-canary"}
    scaling = {"mode": "Fixed", "replicas": 4, "afterEnd": {"delay": "1m"}}
    shop = Shop()
    shop.cluster.scale_refused = "deployments.apps is forbidden"
    shop.cluster.deployments["checkout"].replicas = 4
    runner = shop.rollout(spec(candidate={**canary, "scaling": scaling}, progressDeadline="1m"))
    await runner.run_until(shop.start + 30)
    assert seen(shop) == "InProgress"
    await runner.run_until(shop.start + 90)
    assert seen(shop) == "Failed"
    shop.cluster.scale_refused = ""
    while not shop.outcome:
        await runner.run_until(shop.clock.now() + 10)
    found = set()
    while shop.cluster.deployments["checkout-canary"].replicas:
        await runner.run_until(shop.clock.now() + 5)
        found.add(seen(shop))
    assert found == {"Current"}, "what becomes of its pods changes nothing of how it ended"
