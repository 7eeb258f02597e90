"""P3 on the lab: a ramp that fails and is resumed, a bad segment that is named, and four people at a gate."""

from __future__ import annotations

from typing import Any

from lab import people
from lab.load import failures
from lab.wait import until
from tests.integration.plans.stage import CANDIDATE, SECONDS, Stage, Stand, answered, loads, opened, versions
from tests.integration.plans.users import NOBODY, ROLES

PLAN = "three-phase-production"
ENV = {
    "LABELS": "segment=x-segment",
    "SERIES": 'revenue_total=+2.5;ledger_integrity_mismatches=0;open_incidents{severity="1"}=0',
}
SEGMENTS = [{"x-segment": str(number)} for number in range(1, 9)]
P99_BY_SEGMENT = (
    "histogram_quantile(0.99, sum by (le, segment) (rate("
    'http_request_duration_seconds_bucket{namespace="$namespace",pod=~"$pods"}[3s])))'
)


async def test_a_ramp_that_fails_is_resumed_and_the_last_step_waits_for_four_roles(stand: Stand) -> None:
    async with opened(stand, PLAN, env=ENV) as stage, loads(stage, 25, *SEGMENTS) as kinds:
        for role, user in ROLES.items():
            verbs = [f"approve-{role}", *(["resume", "abort"] if role == "operations" else [])]
            await stage.lab.apply(*people.role(user, stage.namespace, stage.name, verbs))
        await stage.lab.apply(*people.role(NOBODY, stage.namespace, stage.name, []))
        await stage.begin()
        await stage.until_reached("ten")
        assert await stage.until_weight(10) >= stage.opens
        await _one_segment_is_slow(stage)
        await _resumed(stage)
        await _approved(stage)
        full = await stage.until_weight(100)
        assert await stage.weights() == [0, 1, 10, 5, 10, 100]
        for load in kinds:
            assert versions(await answered(load, since=full)) == {CANDIDATE}
            assert failures(load.answers) == {}
        assert stage.misplaced(answer for load in kinds for answer in load.answers) == []
        await _told(stage)


async def _one_segment_is_slow(stage: Stage) -> None:
    """Of eight; the p99 of all requests stays below its limit."""
    await stage.behave(stage.candidate, only="x-segment=7", latency="0.15")
    said = await stage.until_event("SteppedBack")
    assert "spread of p99-by-segment" in said
    assert 'highest {segment="7"}' in said
    await stage.until_weight(5)
    found = await stage.until_checkpoint("ten", "Breach")
    states = {one["threshold"]: one["state"] for one in found["findings"]}
    assert [name for name, state in states.items() if state == "Breached"] == ["p99-by-segment maxSpread 5%"]
    assert "paused" in (await stage.status())["run"]


async def _resumed(stage: Stage) -> None:
    """Once it is mended, by one who may."""
    await stage.behave(stage.candidate, only="", latency="0")
    await stage.until_answer(P99_BY_SEGMENT, lambda values: len(values) == 8 and max(values) < 0.1)
    refused = await stage.says(NOBODY, "resume", stage.name, "--reason", "curious")
    assert refused.code != 0
    assert "may not resume" in refused.words
    resumed = await stage.says(ROLES["operations"], "resume", stage.name, "--reason", "segment 7 is mended")
    assert resumed.code == 0, resumed.words
    assert await stage.until_event("Resumed") == "Resume by olaf: segment 7 is mended"


async def _approved(stage: Stage) -> None:
    summary = await stage.until_closed("approvals")
    assert all(role in summary for role in ROLES)
    await until(lambda: people.policies_in_force(stage.lab), SECONDS, "the policies count as in force")
    refused = await stage.says(NOBODY, "approve", stage.name, "finance")
    assert refused.code != 0
    assert "may not approve-finance" in refused.words
    for role in ("engineering", "operations", "product"):
        given = await stage.says(ROLES[role], "approve", stage.name, role)
        assert given.code == 0, given.words

    def three(status: dict[str, Any]) -> str:
        found = str(status["gate"]["summary"])
        return found if len(status.get("approvals", [])) == 3 else ""

    assert "awaits approval of finance (given: engineering by erin" in await stage.until("three are given", three)
    await stage.operator.kill()
    await stage.operator.start()
    assert "awaits approval of finance" in (await stage.says(None, "status", stage.name)).words
    assert (await stage.weights())[-1] == 10
    given = await stage.says(ROLES["finance"], "approve", stage.name, "finance")
    assert given.code == 0, given.words


async def _told(stage: Stage) -> None:
    approvals = (await stage.status())["approvals"]
    assert [(one["name"], one["person"]) for one in approvals] == [(role, user.name) for role, user in ROLES.items()]
    assert all(one["verified"] for one in approvals)
    aborted = await stage.says(ROLES["operations"], "abort", stage.name, "--reason", "totals differ")
    assert aborted.code == 0, aborted.words
    assert (await stage.until_outcome())["outcome"] == "Aborted"
    assert (await stage.weights())[-1] == 0
    assert {"Approved", "AbortedByCommand", "Aborted"} <= await stage.report()
