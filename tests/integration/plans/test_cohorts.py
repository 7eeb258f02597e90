"""P4 on the lab: cohorts by header and cookie, a breach in one of them, more pods for a slow candidate, a checklist."""

from __future__ import annotations

import asyncio
from typing import Any

from lab import manifests, people
from lab.api import Object
from lab.load import Load
from lab.wait import until
from tests.integration.plans.stage import BASELINE, CANDIDATE, SECONDS, Stage, Stand, answered, loads, opened, versions
from tests.integration.plans.users import AUDITOR

PLAN = "cohorts-then-everyone"
ENV = {
    "LABELS": "circle=x-circle",
    "SERIES": "advisor_answer_relevance_ratio=0.94;advisor_inconsistent_records_total=0",
}
CHECKLIST = ("performance", "cost", "security-audit", "documentation", "support")
STAFF = {"x-staff": "true", "x-circle": "staff"}
CHOSEN = {"cookie": "theme=dark; circle=chosen", "x-circle": "chosen"}
EXTENDED = {"cookie": "circle=extended", "x-circle": "extended"}
ERRORS = 'http_requests_total{namespace="$namespace",pod=~"$pods",circle="chosen",code="500"}'
P95 = (
    "histogram_quantile(0.95, sum by (le) (rate("
    'http_request_duration_seconds_bucket{namespace="$namespace",pod=~"$pods"}[3s])))'
)


def rules(everyone: Object) -> list[Object]:
    """A rule for each cohort, chosen by header or cookie, and the weighted one."""
    backends = {one["name"]: one["weight"] for one in everyone["backendRefs"]}
    made = [{**everyone, "name": "everyone"}, manifests.rule(backends, name="staff", headers={"x-staff": "true"})]
    for circle in ("chosen", "extended"):
        rule = manifests.rule(backends, name=circle)
        cookie = {"type": "RegularExpression", "name": "cookie", "value": f"(.*; ?)?circle={circle}(;.*)?"}
        rule["matches"][0]["headers"] = [cookie]
        made.append(rule)
    return made


async def test_a_cohort_is_taken_back_alone_a_slow_candidate_gets_pods_and_a_checklist_is_awaited(stand: Stand) -> None:
    async with opened(stand, PLAN, env=ENV, rules=rules, replicas=2) as stage:
        verbs = ["abort", *(f"approve-{item}" for item in CHECKLIST)]
        await stage.lab.apply(manifests.cron_job(stage.namespace, "incident-report", ["true"]))
        await stage.lab.apply(*people.role(AUDITOR, stage.namespace, stage.name, verbs))
        async with (
            stage.lab.load(stage.namespace, stage.name, rate=150, headers=STAFF) as staff,
            loads(stage, 15, CHOSEN, EXTENDED, {}) as (chosen, extended, others),
        ):
            await stage.begin()
            since = await stage.until_weight(100, "staff")
            assert versions(await answered(staff, since=since)) == {CANDIDATE}
            for load in (chosen, extended, others):
                assert versions(await answered(load, since=since)) == {BASELINE}
            await stage.until_reached("chosen-users")
            await _fails(stage, chosen)
            assert "cohort-errors" in await stage.until_event("CohortReverted")
            since = await stage.until_weight(0, "chosen", after=await stage.until_weight(100, "chosen"))
            assert versions(await answered(chosen, since=since)) == {BASELINE}
            assert versions(staff.since(since)) == {CANDIDATE}
            assert {one.version for one in staff.answers if one.failed} == set()
            since = await stage.until_weight(100, "extended")
            assert versions(await answered(extended, since=since)) == {CANDIDATE}
            assert versions(staff.since(since)) == {CANDIDATE}
            await _checklist(stage)
            await _slow(stage)
            last = await stage.says(AUDITOR, "approve", stage.name, "support")
            assert last.code == 0, last.words
            since = await stage.until_weight(100, "everyone")
            assert versions(await answered(others, since=since)) == {CANDIDATE}
        weights = {rule: await stage.weights(rule) for rule in ("everyone", "staff", "chosen", "extended")}
        assert weights == {"everyone": [0, 100], "staff": [0, 100], "chosen": [0, 100, 0], "extended": [0, 100]}
        aborted = await stage.says(AUDITOR, "abort", stage.name, "--reason", "seen enough")
        assert aborted.code == 0, aborted.words
        assert (await stage.until_outcome())["outcome"] == "Aborted"
        assert "incident-report" in await stage.until_event("JobSucceeded")
        assert {(await stage.weights(rule))[-1] for rule in weights} == {0}
        assert {"CohortReverted", "Approved", "CandidateScaled", "AbortedByCommand"} <= await stage.report()


async def _fails(stage: Stage, chosen: Load) -> None:
    """The candidate fails some requests of the chosen users: many of theirs, and below 1 % of all."""
    await stage.until_answer(f"count({ERRORS})", lambda values: values == [2])
    await stage.behave(stage.candidate, only="x-circle=chosen", error_rate="0.3")
    await until(lambda: sum(one.failed for one in chosen.answers) >= 3, SECONDS, "three of their requests fail")
    await stage.behave(stage.candidate, error_rate="0")


async def _checklist(stage: Stage) -> None:
    """Four of the five items, by one person."""
    await stage.until_closed("approvals")
    given = [stage.says(AUDITOR, "approve", stage.name, item) for item in CHECKLIST if item != "support"]
    for said in await asyncio.gather(*given):
        assert said.code == 0, said.words

    def four(status: dict[str, Any]) -> str:
        found = str((status.get("gate") or {}).get("summary", ""))
        return found if len(status.get("approvals", [])) == 4 else ""

    assert "awaits approval of support (given: " in await stage.until("four are ticked", four)


async def _slow(stage: Stage) -> None:
    """The extended circle waits long, until the candidate has more pods."""
    await stage.behave(stage.candidate, only="x-circle=extended", latency="3.5")
    assert "from 2 to 3 pods" in await stage.until_event("CandidateScaled")

    async def available() -> bool:
        found = await stage.lab.api.get("apps/v1", "Deployment", stage.candidate, stage.namespace)
        return bool(found["status"].get("availableReplicas", 0) >= 3)

    await until(available, SECONDS, "the candidate has three pods")
    await stage.behave(stage.candidate, only="", latency="0")
    await stage.until_answer(P95, lambda values: bool(values) and values[0] < 1)
    assert await stage.weights("everyone") == [0]
    assert await stage.weights("staff") == [0, 100]
