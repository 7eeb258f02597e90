"""P1 on the lab: limits that must be breached for a while, a long tail of checkpoints, a comparison with the baseline."""

from __future__ import annotations

from lab import manifests
from lab.load import failures
from tests.integration.plans.stage import CANDIDATE, Stand, answered, opened, versions

PLAN = "staged-with-sustained-guards"
SERIES = "user_satisfaction_stars=4.2;client_frames_per_second=58"
P95 = (
    "histogram_quantile(0.95, sum by (le) (rate("
    'http_request_duration_seconds_bucket{namespace="$namespace",pod=~"assistant-.*"}[3s])))'
)
SATISFIED_FOR = 4.0
"""Seconds: `for` of the guard on satisfaction, scaled."""


async def test_well_into_the_long_tail_then_reverted_by_unsatisfied_users_and_not_by_a_slowness_of_both_arms(
    stand: Stand,
) -> None:
    async with (
        opened(stand, PLAN, env={"SERIES": SERIES, "LATENCY": 0.2}) as stage,
        stage.lab.load(stage.namespace, stage.name, rate=100) as load,
    ):
        await stage.begin()
        full = await stage.until_weight(100)
        await stage.until_checkpoint("everyone", "Pass", at="6s")
        assert await stage.weights() == [0, 5, 25, 100]
        assert stage.misplaced(load.answers) == []
        assert versions(await answered(load, since=full)) == {CANDIDATE}
        assert failures(load.answers) == {}

        asked = await stage.behave(stage.candidate, series="user_satisfaction_stars=2.8")
        ended = await stage.until_outcome()
        assert (ended["outcome"], ended["reason"]) == ("Reverted", "GuardBreached")
        assert "satisfaction of the candidate is 2.8, below min 3.0" in ended["message"]
        assert await stage.until_weight(0, after=asked) - asked >= SATISFIED_FOR
        assert "satisfaction" in await stage.until_event("GuardBreached")
        assert {"RunStarted", "StepStarted", "StepPassed", "GuardBreached", "Reverted"} <= await stage.report()

        again = await stage.behave(stage.name, latency="0.25")
        env = {"SERIES": SERIES, "LATENCY": 0.25}
        await stage.lab.apply(manifests.deployment(stage.namespace, stage.candidate, version="v3", env=env))
        quarter = await stage.until_weight(25, after=again)
        await stage.until_answer(P95, lambda values: bool(values) and values[0] > 0.2)
        await stage.behave(stage.name, latency="0.2")
        ended = await stage.until_outcome()
        assert (ended["outcome"], ended["reason"]) == ("Reverted", "GuardBreached")
        assert "higher than the baseline by more than maxIncrease 20%" in ended["message"]
        assert await stage.weights() == [0, 5, 25, 100, 0, 5, 25, 0]
        assert await stage.until_weight(0, after=quarter) > quarter
