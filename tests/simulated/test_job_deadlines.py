"""The deadline of a Job counts from its own start: not from its request, nor from the one before it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.jobs import Told, gated, hook
from tidegate.simulation.cluster.objects import SimulatedCronJob

TWO = [{"name": "canary", "weight": 10, "duration": "30s"}, {"name": "half", "weight": 50, "duration": "2h"}]


def with_hooks(deadlines: dict[str, str], **cron_jobs: SimulatedCronJob) -> Told:
    """Hooks that start with the second step, one after the other; a failure reverts."""
    hooks: list[dict[str, Any]] = [hook("StepStart", name, onFailure="Revert", steps=["half"]) for name in deadlines]
    for one in hooks:
        one["job"]["deadline"] = deadlines[one["name"]]
    return Told(hooks=hooks, steps=TWO, cron_jobs=cron_jobs)


@pytest.mark.parametrize(("late", "lasts"), [(120, 280), (1200, 60)])
async def test_a_job_that_is_created_late_has_all_its_time(late: float, lasts: float) -> None:
    told = with_hooks({"one": "5m"}, one=SimulatedCronJob(missing=True))
    await told.passes(30 + late)
    told.shop.cluster.cron_jobs["one"] = SimulatedCronJob(lasts=lasts)
    await told.passes(600)
    assert (told.shop.outcome, told.job("one").outcome) == ("", "Succeeded")


async def test_a_hook_that_follows_another_has_all_its_time() -> None:
    told = with_hooks({"one": "20m", "two": "5m"}, one=SimulatedCronJob(lasts=900), two=SimulatedCronJob(lasts=60))
    await told.passes(1345)
    assert (told.shop.outcome, told.job("two").outcome) == ("", "Succeeded")


async def test_a_job_of_a_gate_that_follows_another_has_all_its_time() -> None:
    told = Told(
        steps=gated({"cronJob": "one", "deadline": "20m"}, {"cronJob": "two", "deadline": "5m"}),
        cron_jobs={"one": SimulatedCronJob(lasts=900), "two": SimulatedCronJob(lasts=60)},
    )
    await told.passes(1345)
    assert told.job("two").outcome == "Succeeded"
