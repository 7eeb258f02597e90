"""The candidate's pods after the end of a run: fewer at rest, and back before the next run."""

from __future__ import annotations

from tests.simulated.scaled import CANDIDATE, LONG, STEPS, Scaled
from tidegate.api.commands import Action

REST = {"afterEnd": {"replicas": 0, "delay": "10m"}}


async def ended(scaled: Scaled) -> None:
    await scaled.passes(20)
    scaled.shop.values["candidate"] = 0.2
    await scaled.until_the_end()
    scaled.shop.values["candidate"] = 0.0


async def test_after_the_end_the_candidate_rests_and_the_next_run_brings_it_back_first() -> None:
    scaled = Scaled(REST, steps=LONG)
    scaled.cluster.set_replicas(CANDIDATE, 3)
    await ended(scaled)
    await scaled.passes(500)
    assert scaled.numbers == []
    await scaled.passes(200)
    assert scaled.numbers == [0]
    assert scaled.shop.status.scaling is not None
    assert scaled.shop.status.scaling.before == 3
    scaled.cluster.scale_seconds = 25
    scaled.shop.command(Action.RETRY)
    scaled.woken()
    await scaled.passes(20)
    assert (scaled.numbers, scaled.shop.weight) == ([0, 3], 0)
    await scaled.passes(40)
    assert scaled.shop.weight == 10


async def test_a_rollout_at_rest_wakes_once_for_it() -> None:
    scaled = Scaled(REST, steps=LONG)
    await ended(scaled)
    await scaled.passes(700)
    assert (scaled.numbers, scaled.runner.due) == ([0], float("inf"))
    calls = len(scaled.shop.gate.calls)
    await scaled.passes(100_000)
    assert len(scaled.shop.gate.calls) == calls


async def test_a_version_that_comes_before_the_delay_is_over_cancels_it() -> None:
    scaled = Scaled(REST, steps=LONG)
    await ended(scaled)
    await scaled.passes(300)
    scaled.cluster.set_image(CANDIDATE, "shop:v3")
    scaled.woken()
    await scaled.passes(3000)
    assert (scaled.numbers, scaled.shop.weight) == ([], 10)


async def test_a_candidate_that_gets_traffic_does_not_rest_and_one_that_cannot_be_seen_neither() -> None:
    scaled = Scaled(REST, steps=[STEPS[0]])
    await scaled.until_the_end()
    scaled.shop.set_weight(1, 1)
    await scaled.passes(1000)
    assert (scaled.shop.outcome, scaled.numbers) == ("Succeeded", [])
    scaled.shop.set_weight(1, 0)
    scaled.woken()
    await scaled.passes(10)
    assert scaled.numbers == [0]


async def test_a_person_who_brings_it_back_is_left_alone() -> None:
    scaled = Scaled(REST, steps=LONG)
    await ended(scaled)
    await scaled.passes(700)
    scaled.cluster.set_replicas(CANDIDATE, 1)
    scaled.woken()
    await scaled.passes(1000)
    assert (scaled.replicas, scaled.numbers) == (1, [0])
    scaled.shop.command(Action.RETRY)
    scaled.woken()
    await scaled.passes(60)
    assert (scaled.replicas, scaled.shop.weight) == (1, 10), "their number, not ours of before"


async def test_where_an_autoscaler_scales_nothing_rests() -> None:
    scaled = Scaled(REST, steps=LONG)
    scaled.cluster.autoscalers[CANDIDATE] = "HorizontalPodAutoscaler busy"
    await ended(scaled)
    await scaled.passes(5000)
    assert (scaled.numbers, scaled.told("ScaleRefused")) == ([], 1)


async def test_deleting_the_rollout_scales_nothing() -> None:
    scaled = Scaled({"mode": "MatchWeight", **REST}, steps=STEPS)
    await scaled.passes(90)
    before = list(scaled.numbers)
    scaled.cluster.delete_rollout("checkout")
    scaled.woken()
    await scaled.passes(2000)
    assert scaled.cluster.rollouts == {}
    assert scaled.numbers == before


async def test_a_rollout_without_scaling_asks_for_nothing_more() -> None:
    scaled = Scaled(steps=STEPS)
    await scaled.until_the_end()
    assert {"workloads.autoscaler", "workloads.scale"} & set(scaled.shop.gate.calls) == set()
    assert "scaling" not in scaled.cluster.rollouts["checkout"].status
