"""Memory that another version of the operator, or somebody's hand, has left in status: a breach is answered all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.simulated.shop import Shop, spec
from tidegate.api.commands import Action
from tidegate.simulation.runner import Runner

LONG = [{"name": "canary", "weight": 10, "duration": "1h"}, {"name": "half", "weight": 50, "duration": "1h"}]
Status = dict[str, Any]


async def under_way(**changes: object) -> tuple[Shop, Runner]:
    shop = Shop()
    runner = shop.rollout(spec(**{"steps": LONG, **changes}))
    await runner.run_until(shop.start + 60, lambda: shop.weight > 0)
    await runner.run_until(shop.clock.now() + 5)
    assert shop.weight == float(shop.cluster.rollouts["checkout"].spec["steps"][0]["weight"])
    return shop, runner


def rewrite(shop: Shop, change: Callable[[Status], object]) -> None:
    """Somebody, or another version, writes the status."""
    stored = shop.cluster.rollouts["checkout"]
    status = json.loads(json.dumps(stored.status))
    change(status)
    shop.cluster.put_rollout(replace(stored, status=status))


def stored(shop: Shop) -> Mapping[str, Any]:
    return shop.cluster.rollouts["checkout"].status


def stalled(shop: Shop) -> str:
    found = [one["reason"] for one in stored(shop)["conditions"] if (one["type"], one["status"]) == ("Stalled", "True")]
    return found[0] if found else ""


def with_unknown_fields(status: Status) -> None:
    """As a newer version would have written it: fields, parts and values that this one does not know."""
    newer = json.loads(status["run"]["spec"])
    newer["quarantine"] = {"after": "3m"}
    newer["guards"][0]["burnRate"] = "14.4"
    newer["guards"].append({"metric": "errors", "maxBurn": "2x", "onBreach": "Quarantine"})
    newer["steps"][0]["lanes"] = {"beta": 100}
    status["run"]["spec"] = json.dumps(newer)
    status["run"]["quarantine"] = {"since": "2026-01-01T00:00:00Z"}
    status["step"]["lanes"] = {"beta": 100}
    status["targets"][0]["subset"] = "canary"
    status["quota"] = [{"name": "x"}]
    status["conditions"].append(
        {"type": "Quarantined", "status": "Maybe", "reason": "New", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    )


async def test_a_status_by_a_newer_version_is_acted_on_and_what_is_not_known_is_kept() -> None:
    shop, runner = await under_way()
    runner.stop()
    rewrite(shop, with_unknown_fields)
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 10
    assert stored(shop)["run"]["quarantine"] == {"since": "2026-01-01T00:00:00Z"}
    assert stored(shop)["step"]["lanes"] == {"beta": 100}
    assert stored(shop)["targets"][0]["subset"] == "canary"
    assert stored(shop)["quota"] == [{"name": "x"}]
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 11
    await runner.run_until(shop.clock.now() + 60)
    assert shop.outcome == "Reverted"
    assert stored(shop)["quota"] == [{"name": "x"}]


@pytest.mark.parametrize("end", ["abort", "delete"])
async def test_a_run_whose_spec_is_by_a_newer_version_can_be_ended(end: str) -> None:
    """The stored spec alone is left: the object's own has fields that this version refuses, too."""
    shop, runner = await under_way()
    runner.stop()
    rewrite(shop, with_unknown_fields)
    newer = json.loads(stored(shop)["run"]["spec"])
    shop.cluster.edit_rollout("checkout", newer)
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, stalled(shop)) == (10, "StatusUnreadable")
    if end == "abort":
        runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    else:
        runner.at(shop.clock.now(), lambda: shop.cluster.delete_rollout("checkout"))
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert (end == "delete") == ("checkout" not in shop.cluster.rollouts)


async def test_a_limit_of_a_newer_version_promotes_nothing() -> None:
    shop, runner = await under_way(steps=[{"name": "canary", "weight": 10, "duration": "30s"}, LONG[1]])
    runner.stop()
    rewrite(shop, with_unknown_fields)
    shop.cluster.edit_rollout("checkout", json.loads(stored(shop)["run"]["spec"]))
    runner.restart()
    await runner.run_until(shop.clock.now() + 600)
    assert shop.weight == 10


BROKEN: dict[str, Callable[[Status], object]] = {
    "a step without a number": lambda status: status["step"].pop("of"),
    "a step without a name": lambda status: status["step"].pop("name"),
    "no step": lambda status: status.pop("step"),
    "a step that is a list": lambda status: status.update(step=[]),
    "a run without its version": lambda status: status["run"].pop("version"),
    "a run without a start": lambda status: status["run"].pop("startTime"),
    "a start that is no time": lambda status: status["run"].update(startTime="yesterday"),
    "a run that waits without a reason": lambda status: status["run"].update(waiting={}),
    "a spec that is not valid JSON": lambda status: status["run"].update(spec="{ nothing"),
    "a spec that is a list": lambda status: status["run"].update(spec="[1]"),
    "no spec": lambda status: status["run"].pop("spec"),
    "a guard without a state": lambda status: status.update(guards=[{"name": "errors max 5%"}]),
    "guards that are text": lambda status: status.update(guards="none"),
    "a weight that is text": lambda status: status["run"].update(weight="ten"),
    "steps begun without a time": lambda status: status["run"].update(begun=[{"name": "canary"}]),
    "history that is broken": lambda status: status.update(history=[{"id": 7}]),
    "a condition that is broken": lambda status: status.update(conditions=[{"type": "Ready"}]),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_breach_is_answered_whatever_part_of_the_status_is_broken(case: str) -> None:
    shop, runner = await under_way()
    runner.stop()
    rewrite(shop, BROKEN[case])
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 10, "nothing is raised and nothing is lost"
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.weight == 0
    assert shop.clock.now() - begun <= 11


async def test_a_run_that_cannot_be_read_at_all_stays_as_it_is_and_an_abort_still_reverts() -> None:
    shop, runner = await under_way()
    runner.stop()
    rewrite(shop, lambda status: status.update(run="gone", targets="gone"))
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert (shop.weight, stalled(shop)) == (10, "StatusUnreadable")
    assert (stored(shop)["run"], stored(shop)["targets"]) == ("gone", "gone")
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, shop.outcome) == (0, "Aborted")


async def test_a_deletion_restores_the_weights_when_the_run_cannot_be_read() -> None:
    shop, runner = await under_way()
    runner.stop()
    rewrite(shop, lambda status: status.update(run="gone", targets="gone"))
    shop.cluster.delete_rollout("checkout")
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert "checkout" not in shop.cluster.rollouts


@pytest.mark.parametrize("away", [False, True])
async def test_an_emptied_status_is_recovered_from_the_route_paused_with_guards(away: bool) -> None:  # noqa: FBT001
    shop, runner = await under_way()
    if away:
        runner.stop()
    rewrite(shop, lambda status: status.clear())
    if away:
        runner.restart()
    else:
        runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 10
    paused = shop.status.run.paused if shop.status.run else None
    assert paused is not None
    assert paused.reason == "StatusLost"
    assert [event[2] for event in shop.cluster.events].count("StatusLost") == 1
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 60, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 11
    await runner.run_until(shop.clock.now() + 30)
    assert shop.cluster.routes["HTTPRoute/checkout"].rules == [{"checkout": 100, "checkout-canary": 0}]


async def test_a_status_that_is_emptied_in_a_promotion_says_what_the_baseline_runs_and_how_it_comes_back() -> None:
    shop = Shop()
    shop.cluster.rollout_seconds = 30.0
    runner = shop.rollout(spec(steps=[{"name": "all", "weight": 100, "duration": "5s"}]))
    await runner.run_until(shop.start + 300, lambda: promotion_stage(shop) == "RollingOut")
    rewrite(shop, lambda status: status.clear())
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 100
    assert shop.status.run is not None
    assert shop.status.run.paused is not None
    assert "kubectl rollout undo deployment/checkout does" in shop.status.run.paused.message
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 60)
    assert (shop.weight, shop.outcome) == (0, "Aborted")


def promotion_stage(shop: Shop) -> str:
    run = shop.status.run
    return run.promotion.stage if run is not None and run.promotion is not None else ""


async def test_an_emptied_status_restores_the_weights_on_deletion() -> None:
    shop, runner = await under_way()
    runner.stop()
    rewrite(shop, lambda status: status.clear())
    shop.cluster.delete_rollout("checkout")
    runner.restart()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 0
    assert "checkout" not in shop.cluster.rollouts


async def test_a_recovered_run_begins_its_step_anew_when_a_person_resumes() -> None:
    shop, runner = await under_way(steps=[{"name": "canary", "weight": 10, "duration": "2m"}, LONG[1]])
    rewrite(shop, lambda status: status.clear())
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 600)
    assert shop.weight == 10
    runner.at(shop.clock.now(), lambda: shop.command(Action.RESUME))
    await runner.run_until(shop.clock.now() + 115)
    assert shop.weight == 10
    await runner.run_until(shop.clock.now() + 30)
    assert shop.weight == 50


async def test_whoever_writes_words_into_status_does_not_hold_up_a_sustained_guard() -> None:
    shop, runner = await under_way(guards=[{"metric": "errors", "max": "5%", "for": "30s"}])
    for second in range(120):

        def scribble(second: int = second) -> None:
            if "checkout" in shop.cluster.rollouts:
                rewrite(shop, lambda status: status.update(message=f"hello {second}", phase="Fine"))

        runner.at(shop.clock.now() + second * 0.5, scribble)
    shop.values["candidate"] = 0.5
    begun = shop.clock.now()
    await runner.run_until(begun + 120, lambda: shop.weight == 0)
    assert shop.clock.now() - begun <= 45


async def test_the_words_that_somebody_wrote_are_put_right() -> None:
    shop, runner = await under_way()
    runner.at(
        shop.clock.now() + 1,
        lambda: rewrite(shop, lambda status: status.update(message="all is well", phase="Succeeded")),
    )
    await runner.run_until(shop.clock.now() + 15)
    assert (stored(shop)["phase"], stored(shop)["message"]) == ("Progressing", "step 1/2 canary: weight 10% for 1h")


async def test_a_stage_of_the_promotion_that_is_not_known_moves_nothing_and_an_abort_reverts() -> None:
    shop, runner = await under_way(steps=[{"name": "half", "weight": 50, "duration": "10s"}])
    await runner.run_until(shop.clock.now() + 120, lambda: bool(shop.status.run and shop.status.run.promotion))
    runner.stop()
    rewrite(shop, lambda status: status["run"]["promotion"].update(stage="Verifying"))
    before = shop.weight
    runner.restart()
    await runner.run_until(shop.clock.now() + 300)
    assert (shop.weight, stalled(shop)) == (before, "StatusUnreadable")
    runner.at(shop.clock.now(), lambda: shop.command(Action.ABORT))
    await runner.run_until(shop.clock.now() + 120)
    assert (shop.weight, shop.outcome) == (0, "Aborted")


async def test_the_stored_spec_has_no_defaults() -> None:
    shop, _ = await under_way()
    kept = json.loads(stored(shop)["run"]["spec"])
    given = spec(steps=LONG)
    assert kept.keys() == given.keys()
    assert [one.keys() for one in kept["steps"]] == [one.keys() for one in LONG]
    assert kept["guards"] == given["guards"]


async def test_commands_that_the_first_version_remembered_are_not_carried_out_again() -> None:
    shop, runner = await under_way()
    runner.stop()
    shop.command(Action.PAUSE)
    rewrite(shop, lambda status: status.update(commands=[shop.cluster.commands[0].uid]))
    runner.restart()
    await runner.run_until(shop.clock.now() + 30)
    assert shop.status.run is not None
    assert shop.status.run.paused is None
    assert list(shop.cluster.outcomes.values()) == [(True, "carried out")]


async def test_a_job_that_a_newer_version_runs_for_its_own_purpose_is_kept_and_disturbs_nothing() -> None:
    shop, runner = await under_way()

    def add(status: Status) -> None:
        common = {
            "run": status["run"]["id"],
            "purpose": "Quarantine",
            "key": "x",
            "cronJob": "x",
            "requested": "2023-01-01T00:00:00Z",
        }
        status["jobs"] = [
            {"name": "theirs", "uid": "u", "limit": 60, "shape": "round", **common},
            {"name": "new", **common},
        ]

    rewrite(shop, add)
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 120)
    assert [one.get("shape") for one in stored(shop)["jobs"]] == ["round", None]
    assert shop.status.run is not None
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 12)
    assert shop.weight == 0


async def test_whoever_empties_the_list_of_jobs_starts_none_a_second_time() -> None:
    gated = [LONG[0] | {"duration": "1s"}, LONG[1] | {"gate": {"jobs": [{"cronJob": "smoke"}]}}]
    shop, runner = await under_way(
        steps=gated, hooks=[{"name": "warm", "when": "StepStart", "job": {"cronJob": "warm"}}]
    )
    await runner.run_until(shop.clock.now() + 40)
    assert [one.cron_job for one in shop.cluster.created_jobs] == ["warm", "smoke"]
    rewrite(shop, lambda status: status.update(jobs=[]))
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 60)
    assert shop.weight == 50
    assert [(one.cron_job, one.environment["TIDEGATE_STEP"]) for one in shop.cluster.created_jobs] == [
        ("warm", "canary"),
        ("smoke", "half"),
        ("warm", "half"),
    ]


async def test_what_a_newer_version_remembers_of_the_pods_is_kept_and_nonsense_costs_nothing_but_that() -> None:
    shop, runner = await under_way()
    rewrite(shop, lambda status: status.update(scaling={"replicas": 4, "queue": [1], "before": "many"}))
    runner.due = shop.clock.now()
    await runner.run_until(shop.clock.now() + 60)
    assert stored(shop)["scaling"]["queue"] == [1]
    assert stored(shop)["scaling"]["before"] == "many"
    shop.values["candidate"] = 0.06
    await runner.run_until(shop.clock.now() + 12)
    assert shop.weight == 0
