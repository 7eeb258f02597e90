"""Kill it anywhere: before and after every port call of whole runs, with writes that land later, time-outs and hangs, at three times until the restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from tests.simulated.crash_stories import SCENARIOS
from tests.simulated.crashes import DELAYS, Fault, Kind, Scenario, Story, complaints
from tests.simulated.shop import Shop
from tests.simulated.witness import broken_promises
from tidegate.api.commands import Action

WRITES = (
    "store.write_status",
    "store.set_finalizer",
    "workloads.write_template",
    "workloads.scale",
    "router.write",
    "commands.conclude",
    "jobs.start",
    "announcer.announce",
    "notifier.send",
    "reports.keep",
)
FAULTS = [
    *(("dies", delay) for delay in DELAYS),
    ("late", DELAYS[0]),
    ("late", DELAYS[1]),
    ("timeout", DELAYS[0]),
    ("hang", DELAYS[0]),
]
"""A write that lands late does so after the next process has started or before; one that starts long after is the first kind's.

A call that times out or hangs ends no process, so nothing is restarted after it.
"""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_without_a_fault_the_story_goes_as_told(scenario: Scenario) -> None:
    story = Story(scenario)
    end = await story.run()
    assert broken_promises(story.cluster) == []
    assert (end.outcome, end.weights, end.image) == (scenario.outcome, scenario.weights, scenario.image)
    assert (end.cohort, end.mirrors) == (scenario.cohort, scenario.mirrors)
    baseline = 10 if scenario.by_pods else 1
    assert json.loads(end.rules) == [{"checkout": baseline, "checkout-canary": 0}] * (2 if scenario.cohort else 1)
    assert end.finalizers == ()
    assert bool(end.messages) == bool(end.reports) == scenario.told
    assert len(story.calls) < 180
    if end.outcome == "Succeeded":
        assert {one.write.manager for one in story.cluster.seen} == {"kubectl", "tidegate"}


def faults(clean: Story, kind: Kind | Literal["dies"], delay: float) -> list[Fault]:
    """One fault for each run: where a process dies at every state it leaves, else at every write, a hang at every call."""
    if kind == "dies":
        return [Fault(one.index, one.kind, delay, one.call) for one in clean.deaths]
    calls = clean.timed if kind == "hang" else clean.calls
    return [Fault(index, kind, delay, call) for index, call in enumerate(calls) if kind == "hang" or call in WRITES]


@pytest.mark.parametrize(("kind", "delay"), FAULTS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
async def test_the_same_end_after_a_fault_at_every_call(
    scenario: Scenario, kind: Kind | Literal["dies"], delay: float
) -> None:
    clean = Story(scenario)
    wanted = await clean.run()
    failures = []
    for fault in faults(clean, kind, delay):
        where = f"call {fault.index} {fault.call}, {fault.kind}"
        story = Story(scenario, replace(fault, call=""))
        end = await story.run()
        assert story.fault is not None
        assert story.fault.call == fault.call, f"{where} was never made"
        wrong = complaints(story, end, wanted)
        if wrong:
            failures.append(f"{where}, restarted after {delay:g}s: {'; '.join(wrong)}")
    assert not failures, "\n".join(failures)


def abort(story: Story) -> None:
    story.shop.command(Action.ABORT)


def delete(story: Story) -> None:
    story.cluster.delete_rollout("checkout")


@pytest.mark.parametrize("kind", ["late", "timeout"])
@pytest.mark.parametrize("ending", [abort, delete], ids=["aborted", "deleted"])
async def test_a_write_that_lands_after_the_end_was_decided_is_undone(
    ending: Callable[[Story], None], kind: Kind
) -> None:
    scenario = replace(SCENARIOS[1], rollout_seconds=15.0)
    clean = Story(scenario)
    await clean.run()
    for index, call in enumerate(clean.calls):
        if call not in WRITES:
            continue
        story = Story(replace(scenario, done=over), Fault(index, kind, 2.0), on_fault=ending)
        end = await story.run()
        where = f"call {index} {call}, {kind}"
        assert broken_promises(story.cluster) == [], where
        assert end.rules == '[{"checkout": 1, "checkout-canary": 0}]', where
        assert end.finalizers == (), where
        assert end.exists == (ending is abort), where
        assert end.image == ("shop:v2" if story.promoted or end.outcome == "Succeeded" else "shop:v1"), where


def over(shop: Shop) -> bool:
    return shop.clock.now() > shop.start + 400
