"""Pods as weights, and what others do: they scale by hand, an autoscaler comes, a Service selects other pods."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.simulated.ratio_shop import QUIET, shop, until
from tests.simulated.shop import Shop
from tidegate.api.commands import Action
from tidegate.ports.errors import Unavailable
from tidegate.simulation.faults import Gate

HANDS: list[tuple[str, str, int, tuple[int, int], str]] = [
    ("a candidate scaled up is restored", "checkout-canary", 3, (9, 1), ""),
    ("a baseline scaled down is restored", "checkout", 5, (9, 1), ""),
    ("a candidate scaled down stays", "checkout-canary", 0, (9, 0), "LoweredByOther"),
    ("a baseline scaled up stays", "checkout", 20, (20, 1), "LoweredByOther"),
]


@pytest.mark.parametrize(("why", "who", "replicas", "wanted", "paused"), HANDS, ids=[row[0] for row in HANDS])
async def test_somebody_scales_by_hand(why: str, who: str, replicas: int, wanted: tuple[int, int], paused: str) -> None:
    made, runner = shop(steps=[{"name": "canary", "weight": 10, "duration": "10m"}])
    await until(made, runner, (9, 1))
    made.cluster.set_replicas(who, replicas)
    await runner.run_until(made.clock.now() + 60, lambda: False)
    assert made.pods == wanted, why
    run = made.status.run
    assert run is not None
    assert (run.paused.reason if run.paused else "") == paused
    made.command(Action.ABORT)
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Aborted")
    assert made.pods == (max(wanted[0], 10), 0), "who scaled the baseline beyond what the run asked for keeps it"


async def test_what_people_scaled_before_the_first_write_is_what_is_put_back() -> None:
    gate = {"after": "2100-01-01T00:00:00Z"}
    made, runner = shop(steps=[{"name": "canary", "weight": 10, "duration": "10m", "gate": gate}])
    await runner.run_until(made.start + 60, lambda: False)
    assert made.status.run is not None
    made.cluster.set_replicas("checkout", 6)
    made.command(Action.ABORT)
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Aborted")
    assert made.all_pods() == [(10, 0), (6, 0)], "the operator has written nothing, and writes nothing"


async def test_pods_that_people_gave_the_baseline_before_the_first_raise_are_its_own() -> None:
    opens = datetime.fromtimestamp(Shop().start + 60, UTC).isoformat()
    made, runner = shop(steps=[{"name": "canary", "weight": 10, "duration": "10m", "gate": {"after": opens}}])
    runner.at(made.start + 30, lambda: made.cluster.set_replicas("checkout", 13))
    await until(made, runner, (9, 1))
    made.command(Action.ABORT)
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Aborted")
    assert made.pods == (13, 0)


@pytest.mark.parametrize("arm", ["checkout", "checkout-canary"])
async def test_an_autoscaler_of_either_arm_is_refused(arm: str) -> None:
    made, runner = shop()
    made.cluster.autoscalers[arm] = "HorizontalPodAutoscaler web"
    await runner.run_until(made.start + 60, lambda: False)
    assert made.status.run is None
    waiting = made.status.waiting
    assert waiting is not None
    assert waiting.reason == "RatioNotPossible"
    assert f"HorizontalPodAutoscaler web scales Deployment '{arm}'" in waiting.message
    assert made.all_pods() == [(10, 0)]


async def test_an_autoscaler_that_comes_during_a_run_reverts_it() -> None:
    made, runner = shop(steps=[{"name": "canary", "weight": 10, "duration": "30m"}])
    await until(made, runner, (9, 1))
    made.cluster.autoscalers["checkout"] = "HorizontalPodAutoscaler web"
    await runner.run_until(made.clock.now() + 700, lambda: made.outcome == "Reverted")
    assert made.status.history[0].reason == "RatioNotPossible"
    assert made.pods == (10, 0)


async def test_what_cannot_be_looked_at_starts_nothing_and_reverts_nothing() -> None:
    blind: list[str] = ["workloads.autoscaler"]

    def before(call: str) -> None:
        if call in blind:
            raise Unavailable("no answer")

    made, runner = shop(gate=Gate(before=before))
    await runner.run_until(made.start + 60, lambda: False)
    assert made.status.run is None
    blind.clear()
    await until(made, runner, (9, 1))
    blind.extend(["workloads.autoscaler", "router.pods"])
    await runner.run_until(made.clock.now() + 120, lambda: False)
    assert made.outcome == ""
    assert made.pods == (9, 1)
    made.values["candidate"] = 0.06
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Reverted")
    assert made.pods == (10, 0)


SELECTIONS: list[tuple[dict[str, str], str]] = [
    ({"app": "checkout"}, "ArmNotSelected"),
    ({}, "ArmNotSelected"),
]


@pytest.mark.parametrize(("selector", "reason"), SELECTIONS)
async def test_a_service_that_leaves_an_arm_out_is_refused(selector: dict[str, str], reason: str) -> None:
    made, runner = shop()
    made.cluster.services["checkout"] = selector
    await runner.run_until(made.start + 60, lambda: False)
    assert made.status.run is None
    assert reason in {one.reason for one in made.status.conditions}
    assert made.all_pods() == [(10, 0)]


async def test_a_service_with_other_pods_is_refused() -> None:
    made, runner = shop()
    made.cluster.add_deployment("worker", "worker:1", {"shop": "checkout"}, 3)
    await runner.run_until(made.start + 60, lambda: False)
    assert made.status.run is None
    waiting = made.status.waiting
    assert waiting is not None
    assert "3 pods of neither Deployment" in waiting.message


async def test_a_candidate_with_pods_serves_already() -> None:
    made, runner = shop()
    made.cluster.set_replicas("checkout-canary", 2)
    await runner.run_until(made.start + 60, lambda: False)
    assert made.status.run is None
    assert "CandidateAlreadyServing" in {one.reason for one in made.status.conditions}
