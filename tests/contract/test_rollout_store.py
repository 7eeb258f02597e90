from __future__ import annotations

import pytest

from tests.contract.stage import Stage
from tidegate.api.rollout.spec import FINALIZER
from tidegate.core.model.world import ABSENT, RolloutObject
from tidegate.ports.errors import Conflict, Missing


async def seen(stage: Stage, name: str = "shop") -> RolloutObject:
    found = await stage.rollouts.read(stage.namespace, name, fresh=True)
    assert isinstance(found, RolloutObject), found
    return found


async def made(stage: Stage) -> RolloutObject:
    await stage.put_rollout("shop")
    return await seen(stage)


async def test_a_rollout_that_is_not_there_is_absent(stage: Stage) -> None:
    assert await stage.rollouts.read(stage.namespace, "nobody", fresh=True) is ABSENT
    assert await stage.rollouts.read(stage.namespace, "nobody", fresh=False) is ABSENT


async def test_a_rollout_is_read_as_it_is_stored(stage: Stage) -> None:
    rollout = await made(stage)
    assert (rollout.namespace, rollout.name, rollout.generation) == (stage.namespace, "shop", 1)
    assert rollout.spec["baseline"]["deployment"] == "shop"
    assert not rollout.deleting
    assert rollout.finalizers == ()
    assert rollout.created > 0


async def test_a_status_is_replaced_whole(stage: Stage) -> None:
    rollout = await made(stage)
    first = await stage.rollouts.write_status(rollout, {"phase": "Idle", "message": "one"}, run_only=False)
    second = await stage.rollouts.write_status(first, {"phase": "Waiting"}, run_only=False)
    assert second.status.get("phase") == "Waiting"
    assert not second.status.get("message")
    assert (await seen(stage)).status == second.status


async def test_a_status_write_moves_no_generation(stage: Stage) -> None:
    rollout = await made(stage)
    written = await stage.rollouts.write_status(rollout, {"phase": "Idle"}, run_only=False)
    assert written.generation == rollout.generation
    assert written.resource_version != rollout.resource_version


async def test_a_status_decided_on_an_older_object_is_refused(stage: Stage) -> None:
    rollout = await made(stage)
    await stage.edit_rollout("shop")
    with pytest.raises(Conflict):
        await stage.rollouts.write_status(rollout, {"phase": "Idle"}, run_only=False)
    assert (await seen(stage)).status.get("phase") != "Idle"


async def test_a_reverts_status_asks_only_that_the_run_is_still_the_one(stage: Stage) -> None:
    rollout = await made(stage)
    running = await stage.rollouts.write_status(rollout, {"run": {"id": "r1"}}, run_only=False)
    await stage.edit_rollout("shop")
    written = await stage.rollouts.write_status(running, {"run": {"id": "r1"}, "phase": "Reverting"}, run_only=True)
    assert written.status["phase"] == "Reverting"


async def test_a_reverts_status_is_refused_once_another_run_is_on(stage: Stage) -> None:
    rollout = await made(stage)
    running = await stage.rollouts.write_status(rollout, {"run": {"id": "r1"}}, run_only=False)
    await stage.rollouts.write_status(running, {"run": {"id": "r2"}}, run_only=False)
    with pytest.raises(Conflict):
        await stage.rollouts.write_status(running, {"run": {"id": "r1"}, "phase": "Reverting"}, run_only=True)


async def test_the_status_of_a_rollout_that_is_gone_is_missing(stage: Stage) -> None:
    rollout = await made(stage)
    await stage.delete_rollout("shop")
    with pytest.raises(Missing):
        await stage.rollouts.write_status(rollout, {"phase": "Idle"}, run_only=False)


async def test_a_status_is_not_written_to_the_next_rollout_of_that_name(stage: Stage) -> None:
    rollout = await made(stage)
    running = await stage.rollouts.write_status(rollout, {"run": {"id": "r1"}}, run_only=False)
    await stage.delete_rollout("shop")
    await stage.put_rollout("shop")
    successor = await seen(stage)
    await stage.rollouts.write_status(successor, {"run": {"id": "r1"}}, run_only=False)
    with pytest.raises((Conflict, Missing)):
        await stage.rollouts.write_status(running, {"run": {"id": "r1"}, "phase": "Reverting"}, run_only=True)


async def test_the_finalizer_holds_a_rollout_until_it_is_taken_off(stage: Stage) -> None:
    rollout = await made(stage)
    held = await stage.rollouts.set_finalizer(rollout, present=True)
    assert held.finalizers == (FINALIZER,)
    await stage.delete_rollout("shop")
    going = await seen(stage)
    assert going.deleting
    await stage.rollouts.set_finalizer(going, present=False)
    assert await stage.rollouts.read(stage.namespace, "shop", fresh=True) is ABSENT


async def test_a_finalizer_that_is_there_stays_there_once(stage: Stage) -> None:
    rollout = await made(stage)
    held = await stage.rollouts.set_finalizer(rollout, present=True)
    again = await stage.rollouts.set_finalizer(held, present=True)
    assert again.finalizers == held.finalizers


async def test_a_finalizer_decided_on_an_older_object_is_refused(stage: Stage) -> None:
    rollout = await made(stage)
    await stage.edit_rollout("shop")
    with pytest.raises(Conflict):
        await stage.rollouts.set_finalizer(rollout, present=True)


async def test_claimants_are_the_other_rollouts_that_claim_one_of_the_things(stage: Stage) -> None:
    rollout = await made(stage)
    await stage.put_rollout("other")
    other = await seen(stage, "other")
    shared = frozenset({"Deployment/shop", "Deployment/somebody-elses"})

    async def claimants(uid: str, things: frozenset[str]) -> list[str]:
        return [claim.name for claim in await stage.rollouts.claimants(stage.namespace, uid, things)]

    assert await claimants(rollout.uid, shared) == ["other"]
    assert await claimants(other.uid, shared) == ["shop"]
    assert await claimants(other.uid, frozenset({"Deployment/somebody-elses"})) == []


async def test_a_rollout_whose_status_is_broken_still_claims_what_its_spec_names(stage: Stage) -> None:
    rollout = await made(stage)
    await stage.put_rollout("other")
    other = await seen(stage, "other")
    await stage.rollouts.write_status(other, {"run": {"id": "1", "spec": "{ broken"}}, run_only=False)
    things = frozenset({"Deployment/shop"})
    (claim,) = await stage.rollouts.claimants(stage.namespace, rollout.uid, things)
    assert (claim.name, claim.active) == ("other", True)
