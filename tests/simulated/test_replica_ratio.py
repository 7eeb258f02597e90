"""Pods as weights: the numbers of both Deployments over whole runs, in every order in which they may go wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.ratio_shop import QUIET, SLOW, pods_at, shop, until
from tests.simulated.shop import BY_PODS, Shop, spec, value
from tidegate.api.commands import Action
from tidegate.ports.errors import Rejected, Unavailable
from tidegate.simulation.faults import Gate
from tidegate.simulation.runner import Runner


async def test_promoted_capacity_first_and_the_pods_are_back_at_the_end() -> None:
    made, runner = shop()
    await runner.run_until(made.start + 1000, lambda: bool(made.outcome))
    assert made.outcome == "Succeeded"
    assert made.all_pods() == [(10, 0), (10, 1), (9, 1), (9, 5), (5, 5), (10, 5), (10, 0)]
    assert made.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"] == "shop:v2"
    assert made.status.targets == ()
    assert all(sum(pods) >= 10 for pods in made.all_pods()), "the capacity never falls below the total"
    *_, grown, gone = (one.time for one in made.cluster.history if one.route == "ReplicaRatio/checkout")
    assert gone - grown >= SLOW, "the candidate's pods are the capacity until the baseline's are ready"


async def test_a_total_above_the_pods_that_were_found_begins_with_more_of_the_baseline() -> None:
    made, runner = shop(pods=4)
    await until(made, runner, (9, 1))
    assert made.all_pods() == [(4, 0), (9, 0), (9, 1)], "one pod of the candidate beside four would be 20 %"
    made.command(Action.ABORT)
    await runner.run_until(made.clock.now() + QUIET, lambda: bool(made.outcome))
    assert made.all_pods()[-2:] == [(9, 0), (4, 0)], "the candidate's share does not rise while its pods go"


async def test_a_breach_sends_both_writes_at_once_and_waits_for_no_pod() -> None:
    made, runner = shop()
    await until(made, runner, (5, 5))
    made.cluster.scale_seconds = 10_000.0
    made.values["candidate"] = 0.06
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Reverted")
    assert made.pods == (10, 0)
    writes = [one for one in made.cluster.history if one.manager == "tidegate-revert"]
    assert [one.rules[0] for one in writes] == [
        {"checkout": 10, "checkout-canary": 5},
        {"checkout": 10, "checkout-canary": 0},
    ]
    assert writes[0].time == writes[1].time
    assert made.outcome == "Reverted", "the pods that the baseline still lacks hold up no end"


@pytest.mark.parametrize("error", [Rejected("forbidden"), Unavailable("no answer")])
async def test_a_refused_baseline_does_not_delay_the_candidate(error: Exception) -> None:
    refused: list[str] = []

    def before(call: str) -> None:
        if call == "workloads.scale" and refused:
            refused.pop()
            raise error

    made, runner = shop(gate=Gate(before=before))
    await until(made, runner, (5, 5))
    made.values["candidate"] = 0.06
    refused.append("once")
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Reverted")
    assert made.all_pods()[-2:] == [(5, 0), (10, 0)]


async def test_a_baseline_that_may_not_be_scaled_is_told_and_the_candidate_is_gone() -> None:
    calls: list[str] = []
    refusing: list[bool] = []

    def before(call: str) -> None:
        """Of a revert, the second write is the candidate's: all others are refused."""
        calls.extend([call] if call == "workloads.scale" and refusing else [])
        if refusing and call == "workloads.scale" and len(calls) != 2:
            raise Rejected("denied by policy")

    made, runner = shop(gate=Gate(before=before))
    await until(made, runner, (5, 5))
    made.values["candidate"] = 0.06
    refusing.append(True)
    await runner.run_until(made.clock.now() + 30, lambda: False)
    assert made.pods == (5, 0)
    told = [one.message for one in made.status.conditions if one.reason == "RevertRefused"]
    assert told
    assert all("denied by policy" in message for message in told)
    refusing.clear()
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Reverted")
    assert made.pods == (10, 0)


async def test_without_any_pod_of_the_baseline_a_revert_waits_for_one() -> None:
    made, runner = shop()
    await until(made, runner, (5, 5))
    made.cluster.deployments["checkout"].available = 0
    made.values["candidate"] = 0.06
    await runner.run_until(made.clock.now() + 60, lambda: False)
    assert made.pods == (5, 5)
    assert any(one.reason == "BaselineUnavailable" for one in made.status.conditions)
    made.cluster.deployments["checkout"].available = 1
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Reverted")
    assert made.pods == (10, 0)


async def test_weight_100_leaves_the_baseline_one_pod() -> None:
    made, runner = shop(steps=[{"name": "all", "weight": 100, "duration": "30s"}])
    await until(made, runner, (1, 9))
    await runner.run_until(made.clock.now() + 1000, lambda: made.outcome == "Succeeded")
    assert made.pods == (10, 0)


async def test_pods_that_cannot_be_had_hold_the_run_with_the_reason() -> None:
    made, runner = shop(progressDeadline="2m")
    made.cluster.scale_seconds = 10_000.0
    await runner.run_until(made.start + 60, lambda: False)
    assert made.pods == (10, 1)
    assert made.status.run is not None
    assert made.status.run.waiting is not None
    assert made.status.run.waiting.reason == "PodsNotReady"
    assert made.status.run.waiting.message == "ReplicaRatio/checkout: 0 of 1 pods of the candidate are ready"
    await runner.run_until(made.start + 400, lambda: False)
    assert made.outcome == "", "a pod that is not ready gets no traffic: nothing is reverted for it"
    assert any(one.type == "Stalled" and one.status == "True" for one in made.status.conditions)


async def test_a_pod_that_is_not_ready_stops_the_clock_of_the_step() -> None:
    made, runner = shop()
    await until(made, runner, (9, 1))
    made.cluster.deployments["checkout"].available = 8
    await runner.run_until(made.clock.now() + 200, lambda: False)
    assert made.pods == (9, 1), "the candidate has more than its share, and the step does not count"
    run = made.status.run
    assert run is not None
    assert run.waiting is not None
    assert run.waiting.message == "ReplicaRatio/checkout: 8 of 9 pods of the baseline are ready"
    conditions = {one.type: one.status for one in made.status.conditions}
    assert conditions.get("Stalled", "False") == "False", "a pod that comes back is nobody's business yet"
    made.cluster.deployments["checkout"].available = None
    await until(made, runner, (5, 5))


async def half_raised(made: Shop, runner: Runner) -> None:
    """Runs until the candidate has been given the pods of the second step, and none of the baseline's has gone for them."""
    await until(made, runner, (9, 1))
    await runner.run_until(made.clock.now() + 1000, lambda: pods_at(made, (9, 5)))
    assert made.pods == (9, 5)


async def test_no_pod_of_a_baseline_that_loses_its_own_is_taken_away() -> None:
    made, runner = shop()
    await half_raised(made, runner)
    made.cluster.deployments["checkout"].available = 2
    await runner.run_until(made.clock.now() + 60, lambda: False)
    assert made.pods == (9, 5), "five of nine would be wanted, and two are ready"
    made.cluster.deployments["checkout"].available = None
    await until(made, runner, (5, 5))


async def test_a_run_after_a_revert_may_let_the_baseline_grow_again() -> None:
    made, runner = shop(pods=4)
    await until(made, runner, (9, 1))
    made.values["candidate"] = 0.06
    await runner.run_until(made.clock.now() + QUIET, lambda: bool(made.outcome))
    made.values["candidate"] = 0.0
    runner.at(made.clock.now() + 1, lambda: made.cluster.set_image("checkout-canary", "shop:v3"))
    await until(made, runner, (9, 1))


async def test_a_total_that_is_edited_changes_nothing_of_what_is_put_back() -> None:
    def traffic(total: int) -> list[dict[str, object]]:
        return [{"kind": "ReplicaRatio", "name": "checkout", "replicaRatio": {"total": total}}]

    steps = [{"name": "half", "weight": 50, "duration": "10m"}]
    made, runner = shop(pods=4, traffic=traffic(20), steps=steps)
    await until(made, runner, (10, 10))
    made.cluster.edit_rollout("checkout", spec(**{**BY_PODS, "traffic": traffic(4), "steps": steps}))
    await runner.run_until(made.clock.now() + 30, lambda: False)
    made.command(Action.ABORT)
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Aborted")
    assert made.pods == (4, 0), "ten are what the run asked for, not somebody else's"


TOTALS: list[tuple[str, int, int, tuple[int, int]]] = [
    ("fewer pods, and a larger share of them", 10, 8, (6, 2)),
    ("more pods, and a smaller share of them", 8, 10, (8, 2)),
    ("more pods, and a larger share of them", 10, 20, (15, 5)),
]


@pytest.mark.parametrize(("why", "before", "after", "wanted"), TOTALS, ids=[row[0] for row in TOTALS])
async def test_an_edit_of_the_total_is_nobody_elses_hand(
    why: str, before: int, after: int, wanted: tuple[int, int]
) -> None:
    changes: dict[str, Any] = {"steps": [{"name": "quarter", "weight": 25, "duration": "10m"}]}
    totals = [
        {**changes, "traffic": [{**BY_PODS["traffic"][0], "replicaRatio": {"total": total}}]}
        for total in (before, after)
    ]
    made, runner = shop(**totals[0])
    await until(made, runner, (before - 2, 2))
    made.cluster.edit_rollout("checkout", spec(**{**BY_PODS, **totals[1]}))
    await until(made, runner, wanted)
    assert made.status.run is not None, why
    assert made.status.run.paused is None, why
    assert "WeightCorrected" not in str(made.cluster.events), why


async def test_a_step_without_weight_leaves_the_baseline_its_pods() -> None:
    made, runner = shop(pods=20, steps=[{"name": "none", "weight": 0, "duration": "1m"}, {"name": "one", "weight": 10}])
    await until(made, runner, (9, 1))
    assert made.all_pods() == [(20, 0), (20, 1), (9, 1)]
    assert made.clock.now() - made.start >= 60


ON_THE_WAY: list[tuple[str, str, int, tuple[int, int]]] = [
    ("no pod of the candidate", "checkout-canary", 0, (9, 0)),
    ("fewer of the candidate", "checkout-canary", 3, (9, 3)),
    ("more of the baseline", "checkout", 20, (20, 5)),
]


@pytest.mark.parametrize(("why", "who", "replicas", "kept"), ON_THE_WAY, ids=[row[0] for row in ON_THE_WAY])
async def test_who_lowers_the_candidate_while_its_pods_start_is_heard(
    why: str, who: str, replicas: int, kept: tuple[int, int]
) -> None:
    made, runner = shop()
    await half_raised(made, runner)
    runner.at(made.clock.now() + 1, lambda: made.cluster.set_replicas(who, replicas))
    await runner.run_until(made.clock.now() + 60, lambda: False)
    assert made.pods == kept, why
    run = made.status.run
    assert run is not None
    assert run.paused is not None
    assert run.paused.reason == "LoweredByOther"
    made.command(Action.RESUME)
    await until(made, runner, (5, 5))


async def test_deletion_puts_the_pods_back_and_so_does_a_candidate_that_is_gone() -> None:
    made, runner = shop()
    await until(made, runner, (5, 5))
    made.cluster.delete_rollout("checkout")
    await runner.run_until(made.clock.now() + QUIET, lambda: "checkout" not in made.cluster.rollouts)
    assert made.pods == (10, 0)
    made, runner = shop()
    await until(made, runner, (5, 5))
    del made.cluster.deployments["checkout-canary"]
    await runner.run_until(made.clock.now() + QUIET, lambda: made.outcome == "Reverted")
    assert made.cluster.deployments["checkout"].replicas == 10


async def test_a_baseline_that_is_gone_stops_the_clock_and_takes_no_pod_of_the_candidate() -> None:
    made, runner = shop()
    await until(made, runner, (5, 5))
    gone = made.cluster.deployments.pop("checkout")
    await runner.run_until(made.clock.now() + 60, lambda: False)
    assert made.cluster.deployments["checkout-canary"].replicas == 5
    assert "baseline Deployment 'checkout' does not exist any more" in made.status.message
    assert {one.reason for one in made.status.conditions}.isdisjoint({"WriteRefused", "RouteContested"})
    made.cluster.deployments["checkout"] = gone
    await runner.run_until(made.clock.now() + 1000, lambda: made.outcome == "Succeeded")
    assert made.pods == (10, 0)


async def test_a_breach_after_the_promotion_gives_the_candidate_its_pods_again() -> None:
    made, runner = shop()
    promoted: list[bool] = []

    def sick(query: Any, _now: float) -> Any:  # noqa: ANN401
        run = made.status.run
        settling = run is not None and run.promotion is not None and run.promotion.stage == "Settling"
        promoted.extend([True] * settling)
        return value(0.06 if promoted and query.arm == "baseline" else 0.0)

    made.answer = sick
    await runner.run_until(made.start + 2000, lambda: bool(promoted) and made.pods == (5, 5))
    assert made.pods == (5, 5), made.all_pods()
    made.command(Action.ABORT)
    await runner.run_until(made.clock.now() + 300, lambda: bool(made.outcome))
    assert made.pods == (10, 0)
    assert made.cluster.deployments["checkout"].template["spec"]["containers"][0]["image"] == "shop:v1"


async def test_a_rollout_at_rest_looks_at_nothing() -> None:
    calls: list[str] = []
    made, runner = shop(gate=Gate(before=calls.append))
    await runner.run_until(made.start + 1000, lambda: bool(made.outcome))
    await runner.run_until(made.clock.now() + 30, lambda: False)
    calls.clear()
    await runner.run_until(made.clock.now() + 3600, lambda: False)
    assert calls == []
