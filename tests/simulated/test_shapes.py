"""Whole runs on an object of each shape, by the operator's own adapter: killed at every call, and among faults and hands."""

from __future__ import annotations

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contract.router_samples.sample import Sample
from tests.simulated.crash_events import SHADOWED
from tests.simulated.crash_stories import SCENARIOS
from tests.simulated.crashes import Fault, Kind, Scenario, Story, complaints
from tests.simulated.machine import PROFILE, Machine
from tests.simulated.shaped import MIRRORING, SHAPES, cluster_of
from tests.simulated.shop import REF, Shop, spec
from tests.simulated.test_crashes import WRITES
from tests.simulated.witness import broken_promises
from tidegate.core.model.world import Route

TOLD = [one for one in SCENARIOS if one.name in {"clean", "breached", "deleted"}]
EXAMPLES = 12
"""Stories of the state machine for each shape."""


@pytest.fixture(params=sorted(SHAPES))
def sample(request: pytest.FixtureRequest) -> Sample:
    return SHAPES[request.param]


@pytest.mark.parametrize("scenario", TOLD, ids=lambda scenario: scenario.name)
async def test_the_story_goes_as_told(sample: Sample, scenario: Scenario) -> None:
    story = Story(scenario, cluster_of=cluster_of(sample))
    end = await story.run()
    assert broken_promises(story.cluster) == []
    assert (end.outcome, end.weights, end.image) == (scenario.outcome, scenario.weights, scenario.image)
    assert end.rules == f'[{{"checkout": {sample.total or 100}, "checkout-canary": 0}}]'
    assert end.finalizers == ()


@pytest.mark.parametrize("kind", ["before", "after", "late"])
async def test_the_same_end_after_a_fault_at_every_write(sample: Sample, kind: Kind) -> None:
    scenario, cluster = TOLD[1], cluster_of(sample)
    clean = Story(scenario, cluster_of=cluster)
    wanted = await clean.run()
    failures = []
    for index, call in enumerate(clean.calls):
        if call not in WRITES:
            continue
        story = Story(scenario, Fault(index, kind, 20.0), cluster_of=cluster)
        wrong = complaints(story, await story.run(), wanted)
        if wrong:
            failures.append(f"call {index} {call}, {kind}: {'; '.join(wrong)}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("sample", MIRRORING.values(), ids=str)
async def test_a_mirror_comes_and_goes_whatever_becomes_of_a_write(sample: Sample) -> None:
    scenario, cluster = Scenario("with a shadow step", SHADOWED), cluster_of(sample)
    clean = Story(scenario, cluster_of=cluster)
    wanted = await clean.run()
    assert (wanted.outcome, wanted.weights, wanted.mirrors) == ("Succeeded", (0, 50, 0), (0, 20, 0))
    failures = []
    for index, call in enumerate(clean.calls):
        for kind in ("after", "late"):
            if call == "router.write":
                story = Story(scenario, Fault(index, kind, 20.0), cluster_of=cluster)
                wrong = complaints(story, await story.run(), wanted)
                failures += [f"call {index} {call}, {kind}: {'; '.join(wrong)}"] if wrong else []
    assert not failures, "\n".join(failures)


def test_the_promises_hold_in_any_order_of_faults_and_hands(sample: Sample) -> None:
    machine = seed(0)(type("ShapedMachine", (Machine,), {"cluster_of": cluster_of(sample)}))
    run_state_machine_as_test(machine, settings=settings(PROFILE, max_examples=EXAMPLES))


async def test_where_nobody_reports_the_step_counts_from_a_fixed_time_after_the_write(sample: Sample) -> None:
    shop = Shop(cluster_of=cluster_of(sample))
    runner = shop.rollout(spec())
    route = shop.cluster.route(REF)
    assert isinstance(route, Route)
    await runner.run_until(shop.start + route.settle - 2)
    assert shop.weight == 10
    assert shop.status.run is not None
    assert shop.status.step is not None
    waiting = shop.status.run.waiting
    assert waiting is not None
    assert waiting.reason == "RouteSettling"
    assert "no controller reports that HTTPRoute/checkout acts as written" in waiting.message
    assert not shop.status.step.reached
    await runner.run_until(shop.start + route.settle + 2)
    assert shop.status.step.reached
    assert shop.status.run.waiting is None


@pytest.mark.parametrize("sample", [one for one in SHAPES.values() if one.total and one.baseline], ids=str)
async def test_numbers_that_add_up_to_another_sum_than_the_router_demands_start_no_run(sample: Sample) -> None:
    assert sample.total is not None
    shop = Shop(cluster_of=cluster_of(sample))
    shop.cluster.routes["HTTPRoute/checkout"].rules[0]["checkout"] = sample.total - sample.scale
    await shop.rollout(spec()).run_until(shop.start + 60)
    assert shop.status.run is None
    assert "the router requires" in shop.status.message
