"""The candidate's pods: more at a breach, as many as the weight needs, fewer after the end; never against somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.scaled import BUSY, CANDIDATE, LONG, STEPS, Scaled, reported
from tidegate.core.model.world import Acceptance
from tidegate.simulation.cluster.objects import SimulatedRoute

# The response


async def test_a_breach_gives_the_candidate_more_pods_once_per_cooldown_and_never_above_the_most() -> None:
    scaled = Scaled(guards=[BUSY, {"metric": "errors", "max": "5%"}], steps=LONG)
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(50)
    assert (scaled.numbers, scaled.shop.weight) == ([3], 10), "one response within the cooldown, and the run goes on"
    await scaled.passes(600)
    assert scaled.numbers == [3, 5], "half more, rounded up, and 5 at most"
    assert scaled.told("CandidateScaled") == 2
    assert scaled.shop.status.run is not None
    assert "the candidate is scaled to 5 pods: " in reported(scaled, "CandidateScaled")


async def test_a_raise_waits_while_a_limit_that_scales_is_breached() -> None:
    scaled = Scaled(guards=[BUSY], steps=STEPS)
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(120)
    assert scaled.shop.weight == 10
    scaled.shop.values["candidate"] = 0.0
    await scaled.passes(40)
    assert scaled.shop.weight == 50


async def test_a_revert_in_the_same_moment_is_not_beside_a_scaling() -> None:
    scaled = Scaled(guards=[BUSY, {"metric": "errors", "max": "5%"}], steps=LONG)
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.2
    await scaled.passes(60)
    assert (scaled.shop.outcome, scaled.numbers) == ("Reverted", [])


@pytest.mark.parametrize("scaler", ["HorizontalPodAutoscaler busy", "ScaledObject queue"])
async def test_what_scales_the_candidate_by_itself_is_left_alone_and_that_is_told_once(scaler: str) -> None:
    scaled = Scaled(guards=[BUSY], steps=LONG)
    scaled.cluster.autoscalers[CANDIDATE] = scaler
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(500)
    assert scaled.numbers == []
    assert scaled.told("ScaleRefused") == 1
    assert scaler in reported(scaled, "ScaleRefused")
    condition = next(one for one in scaled.shop.status.conditions if one.type == "ScaleRefused")
    assert scaler in condition.message
    assert scaled.shop.status.run is not None
    assert scaled.asked("workloads.autoscaler") == 1, "looked at once in ten minutes"


@pytest.mark.parametrize("call", ["workloads.autoscaler", "workloads.scale"])
async def test_what_cannot_be_read_or_written_is_told_tried_again_and_stops_no_revert(call: str) -> None:
    scaled = Scaled(guards=[BUSY, {"metric": "errors", "max": "5%"}], steps=LONG)
    await scaled.passes(20)
    scaled.fails(call)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(60)
    assert scaled.numbers == []
    assert scaled.told("ScaleRefused") >= 1
    scaled.shop.values["candidate"] = 0.2
    await scaled.passes(20)
    assert scaled.shop.weight == 0


# As many as the weight needs


async def test_the_pods_come_before_the_weight() -> None:
    scaled = Scaled({"mode": "MatchWeight"}, steps=STEPS)
    scaled.cluster.scale_seconds = 25
    seen: list[tuple[float, int]] = []
    while not scaled.shop.outcome:
        await scaled.passes(1)
        arm = scaled.cluster.arm(CANDIDATE, CANDIDATE)
        seen.append((scaled.shop.weight, arm.available))  # type: ignore[union-attr]
    assert scaled.shop.outcome == "Succeeded"
    assert scaled.numbers == [5, 10], "2 pods are enough for 10 %"
    assert all(available >= weight / 10 for weight, available in seen), seen


async def test_a_raise_says_what_it_waits_for() -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 3}, steps=LONG)
    scaled.cluster.scale_refused = "deployments.apps is forbidden"
    await scaled.passes(30)
    assert scaled.shop.status.run is not None
    waiting = scaled.shop.status.run.waiting
    assert waiting is not None
    assert (waiting.reason, scaled.shop.weight) == ("CandidateScaling", 0)
    assert "needs 3 pods" in waiting.message
    assert "forbidden" in waiting.message
    scaled.cluster.scale_refused = ""
    await scaled.passes(30)
    assert (scaled.replicas, scaled.shop.weight) == (3, 10)
    assert all(one.type != "ScaleRefused" for one in scaled.shop.status.conditions)


async def test_no_pods_are_asked_for_while_a_gate_is_closed() -> None:
    gated = [STEPS[0], {**STEPS[1], "gate": {"approvals": [{"name": "ops"}]}}]
    scaled = Scaled({"mode": "MatchWeight"}, steps=gated)
    await scaled.passes(300)
    assert scaled.numbers == []


async def test_the_pods_come_before_the_jobs_of_a_gate() -> None:
    steps = [STEPS[0], {**STEPS[1], "gate": {"jobs": [{"cronJob": "smoke"}]}}, STEPS[2]]
    scaled = Scaled({"mode": "MatchWeight"}, steps=steps)
    pods: list[int] = []
    scaled.shop.gate.before = lambda name: pods.append(scaled.replicas) if name == "jobs.start" else None
    await scaled.until_the_end()
    assert scaled.shop.outcome == "Succeeded"
    assert (scaled.numbers, pods) == ([5, 10], [5])


async def test_the_weight_is_bounded_by_min_and_max() -> None:
    scaled = Scaled({"mode": "MatchWeight", "min": 3, "max": 4}, steps=STEPS)
    await scaled.until_the_end()
    assert (scaled.numbers, scaled.shop.outcome) == ([3, 4], "Succeeded")


async def test_fixed_is_at_least_so_many_during_a_run() -> None:
    scaled = Scaled({"mode": "Fixed", "replicas": 4}, steps=LONG)
    await scaled.passes(30)
    assert (scaled.numbers, scaled.shop.weight) == ([4], 10)


async def test_on_the_way_down_the_weight_goes_first_and_the_gateway_has_taken_it() -> None:
    worse = {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
    scaled = Scaled({"mode": "MatchWeight"}, guards=[worse], steps=[*STEPS[:1], {**STEPS[1], "duration": "1h"}])
    await scaled.passes(120)
    assert (scaled.shop.weight, scaled.replicas) == (50, 5)
    scaled.shop.values["candidate"] = 0.02
    at: list[tuple[float, int]] = []
    for _ in range(40):
        await scaled.passes(1)
        at.append((scaled.shop.weight, scaled.replicas))
    assert (50, 1) not in at
    assert (at[-1], scaled.numbers) == ((10, 1), [5, 1])


async def test_the_pods_stay_while_a_gateway_has_not_taken_the_lower_weight() -> None:
    worse = {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
    scaled = Scaled({"mode": "MatchWeight"}, guards=[worse], steps=[*STEPS[:1], {**STEPS[1], "duration": "1h"}])
    route = scaled.cluster.routes["HTTPRoute/checkout"]
    route.acceptance = Acceptance.ACCEPTED
    await scaled.passes(120)
    route.acceptance = Acceptance.PENDING
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(60)
    assert (scaled.shop.weight, scaled.replicas) == (10, 5)
    route.acceptance = Acceptance.ACCEPTED
    await scaled.passes(20)
    assert scaled.replicas == 1


async def test_a_revert_waits_for_no_pods_and_takes_none() -> None:
    scaled = Scaled({"mode": "MatchWeight"}, steps=STEPS)
    await scaled.passes(90)
    assert scaled.replicas == 5
    scaled.shop.values["candidate"] = 0.2
    await scaled.passes(60)
    assert (scaled.shop.outcome, scaled.replicas) == ("Reverted", 5)


async def test_a_persons_larger_number_is_kept_and_a_smaller_one_is_brought_back_up() -> None:
    worse = {"metric": "errors", "max": "1%", "onBreach": "StepBack", "stepBack": {"step": "canary"}}
    scaled = Scaled({"mode": "MatchWeight"}, guards=[worse], steps=[STEPS[0], {**STEPS[1], "duration": "1h"}])
    await scaled.passes(120)
    scaled.cluster.set_replicas(CANDIDATE, 8)
    await scaled.passes(60)
    assert scaled.replicas == 8
    scaled.cluster.set_replicas(CANDIDATE, 2)
    await scaled.passes(20)
    assert (scaled.replicas, scaled.told("CandidateScaled")) == (5, 2)
    scaled.cluster.set_replicas(CANDIDATE, 7)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(60)
    assert (scaled.shop.weight, scaled.replicas) == (10, 7), "theirs, and more than is needed"


async def test_what_something_else_takes_back_again_and_again_is_told_and_not_fought_for() -> None:
    scaled = Scaled({"mode": "MatchWeight"}, steps=[STEPS[0], {**STEPS[1], "duration": "1h"}])
    await scaled.passes(120)
    for _ in range(20):
        scaled.cluster.set_replicas(CANDIDATE, 2)
        await scaled.passes(20)
    assert scaled.numbers == [5, 5, 5]
    assert scaled.told("ReplicasContested") == 1
    assert scaled.shop.weight == 50
    scaled.cluster.set_replicas(CANDIDATE, 6)
    await scaled.passes(20)
    assert all(one.type != "ScaleRefused" for one in scaled.shop.status.conditions)


async def test_where_an_autoscaler_scales_the_raise_does_not_wait() -> None:
    scaled = Scaled({"mode": "MatchWeight"}, steps=STEPS)
    scaled.cluster.autoscalers[CANDIDATE] = "HorizontalPodAutoscaler busy"
    await scaled.until_the_end()
    assert (scaled.shop.outcome, scaled.numbers, scaled.told("ScaleRefused")) == ("Succeeded", [], 1)


async def test_the_pods_follow_a_step_back_to_a_weight() -> None:
    goal = {"onBreach": "StepBack", "stepBack": {"weight": 10}}
    steps = [STEPS[0], {**STEPS[1], "duration": "1h"}]
    scaled = Scaled({"mode": "MatchWeight"}, steps=steps, guards=[{"metric": "errors", "max": "5%", **goal}])
    await scaled.passes(150)
    scaled.shop.values["candidate"] = 0.06
    await scaled.passes(60)
    assert (scaled.numbers, scaled.shop.weight) == ([5, 1], 10)


COHORT = [
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["main"]},
    {"kind": "HTTPRoute", "name": "checkout", "rules": ["staff"], "cohort": "staff"},
]


SHARED: dict[str, Any] = {"mode": "MatchWeight", "cohortShares": {"staff": 20}}


@pytest.mark.parametrize(
    ("scaling", "step", "pods"),
    [
        (SHARED, {"weight": 0, "cohorts": {"staff": 100}}, 2),
        (SHARED, {"weight": 50, "cohorts": {"staff": 100}}, 6),
        ({**SHARED, "cohortShares": {"staff": "12.5"}}, {"weight": 0, "cohorts": {"staff": 100}}, 2),
        ({"mode": "MatchWeight"}, {"weight": 30, "cohorts": {"staff": 100}}, 3),
        ({"mode": "MatchWeight"}, {"weight": 0, "mirror": {"percent": 45}}, 5),
    ],
    ids=[
        "a cohort alone",
        "a cohort beside the others",
        "a fraction",
        "a cohort of unknown share",
        "mirrored requests",
    ],
)
async def test_the_requests_of_cohorts_and_copies_of_requests_need_pods_too(
    scaling: dict[str, Any], step: dict[str, Any], pods: int
) -> None:
    steps = [{"name": "first", "duration": "1h", **step}, {"name": "all", "weight": 100, "duration": "1h"}]
    scaled = Scaled(scaling, steps=steps, traffic=COHORT)
    with_staff(scaled)
    await scaled.passes(60)
    assert (scaled.replicas, scaled.shop.status.step is not None) == (pods, True)
    assert scaled.shop.status.step is not None
    assert scaled.shop.status.step.reached


def with_staff(scaled: Scaled) -> None:
    rules = [{"checkout": 1, CANDIDATE: 0} for _ in COHORT]
    scaled.cluster.add_route(SimulatedRoute("HTTPRoute", "checkout", rules, names=["main", "staff"]))
    scaled.cluster.deployments[CANDIDATE].replicas = 1


async def test_a_cohort_that_is_taken_back_gives_its_pods_back() -> None:
    alone = {"metric": "errors", "max": "5%", "cohort": "staff", "scope": "Cohort"}
    steps = [
        {"name": "first", "weight": 10, "cohorts": {"staff": 100}, "duration": "2m"},
        {"name": "second", "weight": 20, "duration": "1h"},
    ]
    scaled = Scaled(SHARED, steps=steps, traffic=COHORT, guards=[alone])
    with_staff(scaled)
    await scaled.passes(60)
    assert scaled.numbers == [3]
    scaled.shop.values["candidate"] = 0.2
    await scaled.passes(40)
    assert scaled.numbers == [3, 1]
    scaled.shop.values["candidate"] = 0.0
    await scaled.passes(60)
    assert scaled.numbers == [3, 1, 2], "of the next step's pods none are the cohort's"


async def test_pods_that_a_breach_gave_stay_while_a_cohort_keeps_its_weight() -> None:
    steps = [{"name": "first", "weight": 10, "cohorts": {"staff": 100}, "duration": "1h"}]
    scaled = Scaled(SHARED, steps=steps, traffic=COHORT, guards=[BUSY])
    with_staff(scaled)
    await scaled.passes(60)
    scaled.shop.values["candidate"] = 0.02
    await scaled.passes(40)
    scaled.shop.values["candidate"] = 0.0
    await scaled.passes(60)
    assert scaled.numbers == [3, 5]
