"""`spec.notifications` beside receivers, operators and processes that fail: no receiver and no crash spoils a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from tests.simulated.crash_stories import SCENARIOS
from tests.simulated.crashes import Scenario, Story
from tests.simulated.receiving import EVERY, telling, told
from tests.simulated.shop import Shop
from tests.simulated.test_crashes import faults
from tests.unit.core.kstatus import computed
from tidegate.ports.errors import Missing, Rejected, Unavailable
from tidegate.simulation.ports.telling import MemoryNotifier


async def test_an_operator_that_sends_none_says_so_and_goes_on() -> None:
    shop = Shop()
    notifier = MemoryNotifier(shop.cluster, shop.gate, off="notifications.schemes is empty")
    shop.world = replace(shop.world, notifier=notifier)
    runner = shop.rollout(telling())
    await runner.run_until(shop.start + 300)
    assert shop.outcome == "Succeeded"
    assert told(shop) == []
    condition = next(one for one in shop.status.conditions if one.type == "NotificationsFailing")
    assert (condition.reason, condition.message) == ("NotificationsOff", "notifications.schemes is empty")
    assert [reason for _, _, reason, _ in shop.cluster.events].count("NotificationsOff") == 1
    assert ready(shop) == "True"


def ready(shop: Shop) -> str:
    return next(one.status for one in shop.status.conditions if one.type == "Ready")


@pytest.mark.parametrize("error", [Unavailable, Rejected, Missing])
async def test_a_receiver_that_fails_is_reported_and_harms_nothing(error: type[Exception]) -> None:
    shop = Shop()

    def fail(call: str) -> None:
        if call == "notifier.send":
            raise error("the service answered 404")

    shop.gate.before = fail
    runner = shop.rollout(telling("Succeeded"))
    await runner.run_until(shop.start + 300)
    stored = shop.cluster.rollouts["checkout"]
    condition = next(one for one in shop.status.conditions if one.type == "NotificationsFailing")
    assert condition.reason == "NotificationFailed"
    assert "chat/url" in condition.message
    assert "the service answered 404" in condition.message
    assert ready(shop) == "True"
    assert computed({"metadata": {"generation": stored.generation}, "status": stored.status}) == "Current"
    assert [reason for _, _, reason, _ in shop.cluster.events].count("NotificationFailed") == 1
    shop.gate.before = lambda _call: None
    await runner.run_until(shop.start + 900)
    mended = error is not Rejected
    assert told(shop) == (["Succeeded"] if mended else [])
    failing = any(one.type == "NotificationsFailing" for one in shop.status.conditions)
    assert failing is not mended, "one that will never be taken stays reported until another is"


async def test_a_receiver_that_hangs_delays_no_revert_and_no_event() -> None:
    shop = Shop()
    shop.gate.takes = lambda call: 8.0 if call == "notifier.send" else 0.0
    runner = shop.rollout(telling())
    await runner.run_until(shop.start + 40)
    shop.values["candidate"] = 0.2
    began = shop.clock.now()
    await runner.run_until(shop.start + 300, lambda: shop.weight == 0)
    assert shop.clock.now() - began <= 10.5
    events = [time for time, _, reason, _ in shop.cluster.events if reason == "GuardBreached"]
    assert events[0] - began <= 10.5


async def test_a_restart_sends_nothing_twice_that_was_recorded_as_sent_and_the_rest_again() -> None:
    shop = Shop()
    down = [True]

    def fail(call: str) -> None:
        if call == "notifier.send" and down[0]:
            raise Unavailable("no answer")

    shop.gate.before = fail
    runner = shop.rollout(telling("Started", "Reverted"))
    await runner.run_until(shop.start + 40)
    shop.values["candidate"] = 0.2
    await runner.run_until(shop.start + 100)
    assert shop.outcome == "Reverted"
    assert told(shop) == []
    runner.stop()
    down[0] = False
    runner.restart()
    await runner.run_until(shop.start + 130)
    assert told(shop) == ["Started", "Reverted"]
    runner.restart()
    await runner.run_until(shop.start + 160)
    assert told(shop) == ["Started", "Reverted"]


UNDER_WAY = 3
"""Messages that are sent at most at a time in these stories: an end, and the start and first step of the next run."""
TOLD = [{"secret": {"name": "chat"}, "events": EVERY}]
CRASHED = [one for one in SCENARIOS if one.name in {"clean", "approved by two"}]
"""Those in which a receiver is told are in the shared stories too."""


@pytest.mark.parametrize("kind", ["dies", "timeout"])
@pytest.mark.parametrize("scenario", CRASHED, ids=lambda scenario: scenario.name)
async def test_no_crash_loses_an_end_and_none_sends_all_again(
    scenario: Scenario, kind: Literal["dies", "timeout"]
) -> None:
    scenario = replace(scenario, changes={**scenario.changes, "notifications": TOLD})
    clean = Story(scenario)
    wanted = await clean.run()
    ends = of_ends(clean)
    assert ends
    failures: list[str] = []
    for fault in faults(clean, kind, 0.0):
        if kind == "timeout" and fault.call not in {"store.write_status", "router.write", "notifier.send"}:
            continue
        story = Story(scenario, replace(fault, call=""))
        end = await story.run()
        missing, again = ends - of_ends(story), len(story.cluster.messages) - len(clean.cluster.messages)
        if missing or again > UNDER_WAY or end.outcome != wanted.outcome:
            where = f"call {fault.index} {fault.call}, {fault.kind}"
            failures.append(f"{where}: missing {missing}, {again} more, {end.outcome}")
    assert not failures, "\n".join(failures)


def of_ends(story: Story) -> set[tuple[str, str]]:
    passed = {"Succeeded", "Reverted", "Aborted", "Superseded", "Started"}
    return {(one.event, one.key) for _, _, one in story.cluster.messages if one.event in passed}
