from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.stage import Stage
from tidegate.core.model.jobs import Job, JobState, StartJob
from tidegate.core.model.world import ABSENT, RolloutObject
from tidegate.ports.errors import Conflict, Missing, Rejected

WANTED = StartJob("shop-undo-0a1b2c3d4e5f", "undo", "1-abc", 90.0, {"TIDEGATE_REASON": "a $(PATH) in it"})


async def the_rollout(stage: Stage, name: str = "shop") -> RolloutObject:
    await stage.put_rollout(name)
    found = await stage.rollouts.read(stage.namespace, name, fresh=True)
    assert isinstance(found, RolloutObject)
    return found


async def test_a_job_is_created_once_however_often_it_is_asked_for(stage: Stage) -> None:
    rollout = await the_rollout(stage)
    await stage.put_cron_job("undo", suspended=True)
    assert await stage.jobs.read(stage.namespace, WANTED.name) is ABSENT
    made = await stage.jobs.start(rollout, WANTED)
    again = await stage.jobs.start(rollout, WANTED)
    assert (made.name, made.state, made.deadline) == (WANTED.name, JobState.RUNNING, 90.0)
    assert again.uid == made.uid
    read = await stage.jobs.read(stage.namespace, WANTED.name)
    assert isinstance(read, Job)
    assert (read.uid, read.watched) == (made.uid, False)
    assert stage.jobs.known(stage.namespace, WANTED.name) is None, "no watch stream tells of it"


async def test_one_that_is_deleted_is_absent(stage: Stage) -> None:
    rollout = await the_rollout(stage)
    await stage.put_cron_job("undo", suspended=True)
    await stage.jobs.start(rollout, replace(WANTED, owned=False))
    await stage.delete_jobs()
    assert await stage.jobs.read(stage.namespace, WANTED.name) is ABSENT


async def test_a_job_of_that_name_of_another_rollout_is_not_taken_for_ours(stage: Stage) -> None:
    mine, other = await the_rollout(stage), await the_rollout(stage, "other")
    await stage.put_cron_job("undo", suspended=True)
    await stage.jobs.start(other, WANTED)
    with pytest.raises(Conflict):
        await stage.jobs.start(mine, WANTED)


async def test_a_cron_job_that_is_missing_or_not_suspended_is_refused(stage: Stage) -> None:
    rollout = await the_rollout(stage)
    await stage.put_cron_job("undo", suspended=False)
    with pytest.raises(Rejected, match="is not suspended"):
        await stage.jobs.start(rollout, WANTED)
    with pytest.raises(Missing):
        await stage.jobs.start(rollout, replace(WANTED, cron_job="nothing"))
    assert await stage.jobs.read(stage.namespace, WANTED.name) is ABSENT
