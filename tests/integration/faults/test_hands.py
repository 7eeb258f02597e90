"""Other hands on the route: up, down, gone, and a gateway that never stops writing."""

from __future__ import annotations

import asyncio

from lab import shop
from lab.stack import Lab
from tests.integration.faults.stage import run_under_way


async def test_a_weight_raised_by_hand_is_corrected(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await stage.set_weights(0, 100)
        await stage.until_share(10)
        await stage.set_weights(50, 50)
        await stage.until_share(10)


async def test_a_weight_lowered_by_hand_stays_until_somebody_resumes(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await stage.set_weights(98, 2)
        await stage.until_status("the run is paused", ("run", "paused"))
        status = await stage.status()
        assert status["run"]["paused"]["reason"] == "LoweredByOther"
        assert await stage.share() == 2
        await shop.command(lab, namespace, "Resume")
        await stage.until_share(10)


async def test_a_route_that_is_deleted_ends_the_run(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        await lab.api.delete(await stage.route())
        assert await stage.until_outcome() == "Reverted"
        assert (await stage.status())["history"][0]["reason"] == "RouteMissing"


async def test_a_gateway_that_writes_status_sixty_times_a_second_does_not_delay_a_revert(
    lab: Lab, namespace: str
) -> None:
    async with run_under_way(lab, namespace) as stage:
        route = await stage.route()
        chatter = asyncio.ensure_future(lab.gateway.chatter(route, per_second=60, seconds=3600))
        await shop.command(lab, namespace, "Abort")
        await stage.until_share(0, seconds=15)
        assert not chatter.done(), "it goes on all the while"
        chatter.cancel()
        await asyncio.gather(chatter, return_exceptions=True)
        assert await stage.until_outcome() == "Aborted"
