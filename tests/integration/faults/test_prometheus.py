"""Prometheus away, stopped or hanging: nothing advances, nothing aborts before its deadline."""

from __future__ import annotations

from lab import shop
from lab.stack import Lab
from tests.integration.faults.stage import run_under_way

SHORT = [
    {"name": "canary", "weight": 10, "duration": "12s", "thresholds": [{"metric": "error-rate", "max": "1%"}]},
    {"name": "half", "weight": 50, "duration": "1h"},
]


async def test_while_prometheus_is_stopped_nothing_advances_and_nothing_aborts(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace, steps=SHORT) as stage:
        await lab.prometheus.stop()
        try:
            await stage.until_condition("MissingData", "SourceDown")
            await stage.until_status("the final checkpoint waits for answers", ("run", "waiting"))
            status = await stage.status()
            assert status["run"]["waiting"]["reason"] == "CheckpointUndecided"
            assert await stage.share() == 10
        finally:
            await lab.prometheus.start()
        await stage.until_share(50)
        assert await stage.shares() == [0, 10, 50]


async def test_prometheus_away_for_longer_than_the_deadline_reverts(lab: Lab, namespace: str) -> None:
    missing_data = {"sourceDown": {"after": "6s", "then": "Revert"}}
    async with run_under_way(lab, namespace, missingData=missing_data) as stage:
        await lab.prometheus.stop()
        try:
            await stage.until_share(0)
            assert await stage.until_outcome() == "Reverted"
            assert (await stage.status())["history"][0]["reason"] == "SourceDown"
        finally:
            await lab.prometheus.start()


async def test_an_abort_does_not_wait_for_a_prometheus_that_hangs(lab: Lab, namespace: str) -> None:
    async with run_under_way(lab, namespace) as stage:
        lab.prometheus.pause()
        try:
            await shop.command(lab, namespace, "Abort")
            await stage.until_share(0, seconds=9)  # a query that hangs is given up after 10 s
        finally:
            lab.prometheus.resume()
        assert await stage.until_outcome() == "Aborted"
