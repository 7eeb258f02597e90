"""The operator killed without warning, and what it finds when it comes back."""

from __future__ import annotations

import pytest

from lab import manifests, shop
from lab.stack import Lab
from lab.wait import until
from tests.integration.faults.stage import SECONDS, run_under_way


async def test_killed_before_a_breach_it_reverts_when_it_is_back(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await stage.operator.kill()
        await shop.misbehave(lab, namespace, 0.5)
        await stage.operator.start()
        await stage.until_share(0)
        assert await stage.until_outcome() == "Reverted"
        assert await stage.shares() == [0, 10, 0]


async def test_killed_in_the_middle_of_a_revert_it_ends_it(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await shop.misbehave(lab, namespace, 0.5)
        await stage.until_share(0)
        await stage.operator.kill()
        await stage.operator.start()
        assert await stage.until_outcome() == "Reverted"
        assert await stage.shares() == [0, 10, 0]
        assert len((await stage.status())["history"]) == 1


async def test_killed_after_a_revert_it_tries_nothing_again(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await shop.misbehave(lab, namespace, 0.5)
        assert await stage.until_outcome() == "Reverted"
        await stage.operator.kill()
        await stage.operator.start()
        await stage.set_weights(70, 30)
        await stage.until_share(0)
        status = await stage.status()
        assert "run" not in status
        assert len(status["history"]) == 1


async def test_a_rollout_deleted_while_the_operator_is_down_is_put_back_at_its_return(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await stage.operator.kill()
        await lab.api.delete(await stage.rollout())
        assert (await stage.rollout())["metadata"]["deletionTimestamp"], "our finalizer keeps it"
        assert await stage.share() == 10
        await stage.operator.start()
        await stage.until_share(0)

        async def gone() -> bool:
            return not await stage.rollout()

        await until(gone, SECONDS, "the Rollout is gone")
        assert await stage.weights() == (1, 0), "the numbers that were found"


async def test_a_rollout_deleted_mid_run_is_put_back_first(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await lab.api.delete(await stage.rollout())
        await stage.until_share(0)
        assert await stage.weights() == (1, 0)


@pytest.mark.parametrize("away", [False, True], ids=["operator running", "operator away"])
async def test_a_namespace_deleted_mid_run_is_gone_soon(lab: Lab, namespace: str, away: bool) -> None:  # noqa: FBT001
    """All that the run needs goes in any order, and the API server refuses to create Events, Jobs and ConfigMaps in it."""
    async with run_under_way(lab, namespace) as stage:
        if away:
            await stage.operator.kill()
        await lab.api.delete(manifests.namespace(namespace))

        async def terminating() -> bool:
            found = await lab.api.find("v1", "Namespace", namespace)
            return found is None or "deletionTimestamp" in found["metadata"]

        async def gone() -> bool:
            return await lab.api.find("v1", "Namespace", namespace) is None

        await until(terminating, SECONDS, "the namespace is being deleted")
        if away:
            assert (await stage.rollout())["metadata"]["finalizers"], "our finalizer keeps it"
            await stage.operator.start()
        await until(gone, SECONDS, "the namespace is gone")
        assert stage.operator.pid, "the operator goes on"
