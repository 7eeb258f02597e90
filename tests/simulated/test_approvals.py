"""Approvals, refused ones, Advance and Promote in whole runs: who opens what, what is refused, and what an edit makes void."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.shop import Shop, check, spec
from tests.unit.core.kstatus import computed
from tidegate.api.commands import Action
from tidegate.api.rollout.status import RolloutStatus
from tidegate.simulation.runner import Runner

BREACH = 0.06
ROLES = ("engineering", "finance")
QUORUM: dict[str, Any] = {"approvals": [{"name": one} for one in ("cost", "audit", "docs")], "required": 2}


def steps(gate: dict[str, Any] | None = None, **changes: object) -> list[dict[str, Any]]:
    canary, half = spec()["steps"]
    asked = gate if gate is not None else {"approvals": [{"name": one} for one in ROLES]}
    return [canary, {**half, "gate": asked, **changes}]


class Told:
    """A shop whose second step asks for approvals, and a person's hands."""

    def __init__(self, gate: dict[str, Any] | None = None, **changes: object) -> None:
        self.shop = Shop()
        self.runner: Runner = self.shop.rollout(spec(steps=steps(gate), **changes))

    async def passes(self, seconds: float) -> None:
        await self.runner.run_until(self.shop.clock.now() + seconds)

    async def does(self, action: Action, **fields: Any) -> tuple[bool, str]:  # noqa: ANN401
        """What becomes of a command."""
        uid = ""

        def create() -> None:
            nonlocal uid
            uid = self.shop.command(action, fields.pop("reason", "because"), **fields)

        self.runner.at(self.shop.clock.now(), create)
        await self.passes(3)
        return self.shop.cluster.outcomes[uid]

    async def approves(self, name: str, who: str, step: str = "half", **fields: Any) -> tuple[bool, str]:  # noqa: ANN401
        return await self.does(Action.APPROVE, approval=name, requester=who, step=step, **fields)

    @property
    def status(self) -> RolloutStatus:
        return self.shop.status


async def test_a_step_waits_for_all_its_approvals_and_names_what_is_missing() -> None:
    told = Told()
    await told.passes(120)
    assert told.shop.weight == 10
    assert told.status.gate is not None
    (closed,) = told.status.gate.closed
    assert closed.message == "awaits approval of engineering, finance"
    assert closed.people == "users with the verb approve-engineering, approve-finance"
    assert closed.opens is None
    ready = next(one for one in told.status.conditions if one.type == "Ready")
    assert (ready.status, ready.reason, told.status.phase) == ("Unknown", "AwaitingApproval", "Waiting")
    assert await told.approves("engineering", "ann") == (True, "engineering of step half is approved")
    assert told.shop.weight == 10
    assert told.status.gate is not None
    assert told.status.gate.closed[0].message == "awaits approval of finance (given: engineering by ann)"
    assert (await told.approves("finance", "bob"))[0]
    assert told.shop.weight == 50
    assert told.status.gate is None
    assert [(one.name, one.person, one.verified) for one in told.status.approvals] == [
        ("engineering", "ann", True),
        ("finance", "bob", True),
    ]
    await told.passes(300)
    assert told.shop.outcome == "Succeeded"
    assert len(told.status.approvals) == 2, "they stay for the record"


async def test_a_gate_that_awaits_people_is_no_failure_however_long() -> None:
    told = Told(progressDeadline="1m")
    await told.passes(900)
    stored = told.shop.cluster.rollouts["checkout"]
    assert computed({"metadata": {"generation": stored.generation}, "status": stored.status}) == "InProgress"


@pytest.mark.parametrize(
    ("why", "fields", "words"),
    [
        ("another run", {"run": "7-abc"}, "run 7-abc is not in progress"),
        ("no such step", {"step": "third"}, "there is no step 'third'; there are canary, half"),
        ("a step without approvals", {"step": "canary"}, "step 'canary' has no approval 'finance': its gate requires none"),
        ("no such approval", {"approval": "legal"}, "step 'half' has no approval 'legal': its gate requires engineering, finance"),
        ("nobody", {"requester": ""}, "the command names no requester"),
        ("a step that was edited since", {"step_hash": "0123456789ab"}, "step 'half' was edited since: review it again"),
        ("one person twice", {"requester": "ann"}, "ann has already given engineering, and one person may give one approval (distinctPeople)"),
        ("what another has given", {"approval": "engineering"}, "engineering of step half was already approved by ann"),
        ("hostile text", {"step": "a\x1b[31m"}, "there is no step 'a\\\\x1b[31m'; there are canary, half"),
    ],
)  # fmt: skip
async def test_what_is_refused(why: str, fields: dict[str, Any], words: str) -> None:
    told = Told()
    await told.passes(100)
    assert (await told.approves("engineering", "ann"))[0]
    asked = {"approval": "finance", "requester": "bob", "step": "half", **fields}
    assert await told.does(Action.APPROVE, **asked) == (False, words), why
    assert told.shop.weight == 10


async def test_an_approval_before_the_verdict_on_the_step_before_is_refused_unless_it_may_be_early() -> None:
    told = Told({"approvals": [{"name": "engineering"}, {"name": "finance", "early": True}]})
    await told.passes(5)
    assert await told.approves("engineering", "ann") == (
        False,
        "step 'half' is not reached: engineering can be given once step 'canary' has passed",
    )
    assert (await told.approves("finance", "bob"))[0]
    await told.passes(100)
    assert told.shop.weight == 10
    assert (await told.approves("engineering", "ann"))[0]
    assert told.shop.weight == 50
    assert await told.approves("finance", "cleo") == (False, "step 'half' has already begun")


async def test_the_same_approval_twice_counts_once() -> None:
    told = Told()
    await told.passes(100)
    await told.approves("engineering", "ann")
    assert await told.approves("engineering", "ann") == (True, "engineering of step half was already approved by ann")
    assert len(told.status.approvals) == 1
    assert sum(reason == "Approved" for _, _, reason, _ in told.shop.cluster.events) == 1


async def test_a_checklist_may_be_ticked_by_one_person_and_a_quorum_is_enough() -> None:
    told = Told(
        {"approvals": [{"name": one} for one in ("cost", "audit", "docs")], "required": 2, "distinctPeople": False}
    )
    await told.passes(100)
    assert told.status.gate is not None
    assert told.status.gate.closed[0].message == "awaits 2 of the approvals cost, audit, docs"
    await told.approves("audit", "ann")
    assert told.status.gate.closed[0].message == "awaits 1 of the approvals cost, docs (given: audit by ann)"
    assert told.shop.weight == 10
    await told.approves("docs", "ann")
    assert told.shop.weight == 50


async def test_an_edit_of_the_step_makes_its_approvals_void_and_one_of_another_step_does_not() -> None:
    told = Told()
    await told.passes(100)
    await told.approves("engineering", "ann")
    other = steps()
    other[0] = {**other[0], "duration": "31s"}
    told.shop.cluster.edit_rollout("checkout", spec(steps=other))
    await told.passes(15)
    assert told.status.gate is not None
    assert "given: engineering by ann" in told.status.gate.closed[0].message
    told.shop.cluster.edit_rollout("checkout", spec(steps=steps(weight=60)))
    await told.passes(15)
    assert told.status.gate is not None
    assert told.status.gate.closed[0].message == "awaits approval of engineering, finance"
    await told.approves("finance", "bob")
    assert [one.name for one in told.status.approvals] == ["finance"]
    assert told.shop.weight == 10


async def test_another_version_asks_for_its_approvals_anew() -> None:
    told = Told()
    await told.passes(100)
    await told.approves("engineering", "ann")
    told.runner.at(told.shop.clock.now(), lambda: told.shop.cluster.set_image("checkout-canary", "shop:v3"))
    await told.passes(120)
    assert told.status.history[0].outcome == "Superseded"
    assert told.status.run is not None
    assert told.status.approvals == ()
    assert (await told.approves("finance", "bob"))[0]
    assert told.shop.weight == 10


async def test_a_refused_approval_pauses_with_its_reason_and_is_asked_for_anew() -> None:
    told = Told()
    await told.passes(100)
    await told.approves("finance", "bob")
    done, words = await told.does(
        Action.REJECT, approval="finance", requester="cleo", step="half", reason="the budget is gone"
    )
    assert done
    assert words.endswith("finance must be given again after Resume")
    assert told.status.phase == "Paused"
    assert told.status.run is not None
    assert told.status.run.paused is not None
    assert told.status.run.paused.reason == "Rejected"
    assert told.status.run.paused.message == "finance of step half was rejected by cleo: the budget is gone"
    assert (await told.approves("engineering", "ann"))[0]
    assert (await told.does(Action.RESUME))[0]
    await told.passes(30)
    assert told.shop.weight == 10
    assert (await told.approves("finance", "bob"))[0]
    assert told.shop.weight == 50


@pytest.mark.parametrize(
    ("given", "rejected", "words"),
    [
        ((), "cost", "2 of the approvals cost, audit, docs must still be given after Resume"),
        (("audit",), "audit", "2 of the approvals cost, audit, docs must still be given after Resume"),
        (("audit",), "docs", "1 of the approvals cost, docs must still be given after Resume"),
    ],
)
async def test_a_refused_approval_under_a_quorum_says_what_is_still_needed(
    given: tuple[str, ...], rejected: str, words: str
) -> None:
    told = Told(QUORUM)
    await told.passes(100)
    for name in given:
        await told.approves(name, f"{name}-owner")
    done, outcome = await told.does(Action.REJECT, approval=rejected, requester="cleo", step="half")
    assert (done, outcome.partition("; ")[2]) == (True, words)


async def test_a_refused_approval_that_the_quorum_does_not_need_is_said_to_open_at_resume() -> None:
    told = Told({**QUORUM, "windows": [{"days": ["Sun"], "from": "03:00", "to": "03:01", "timeZone": "UTC"}]})
    await told.passes(100)
    await told.approves("cost", "ann")
    await told.approves("audit", "bob")
    done, outcome = await told.does(Action.REJECT, approval="docs", requester="cleo", step="half")
    words = "after Resume the approval gate is open without docs (2 required; given: cost, audit)"
    assert (done, outcome.partition("; ")[2]) == (True, words)
    assert told.status.phase == "Paused"


async def test_a_refused_approval_of_a_step_not_reached_is_refused_itself() -> None:
    told = Told()
    await told.passes(5)
    assert not (await told.does(Action.REJECT, approval="finance", requester="cleo", step="half"))[0]
    assert told.status.phase != "Paused"


async def test_approvals_survive_a_restart_and_nothing_awaited_delays_a_revert() -> None:
    told = Told()
    await told.passes(100)
    await told.approves("engineering", "ann")
    told.runner.restart()
    await told.passes(20)
    assert told.status.gate is not None
    assert told.status.gate.closed[0].message == "awaits approval of finance (given: engineering by ann)"
    told.shop.values["candidate"] = BREACH
    bad = told.shop.clock.now()
    await told.passes(30)
    assert told.shop.weight == 0
    assert told.shop.cluster.history[-1].time - bad <= 10


async def test_five_hundred_approvals_at_once_get_clear_outcomes_and_delay_no_revert() -> None:
    told = Told()
    await told.passes(100)

    def flood() -> None:
        for number in range(500):
            told.shop.command(
                Action.APPROVE, step="half", approval="finance", requester=f"user-{number % 7}", verified=False
            )
        told.shop.values["candidate"] = BREACH

    told.runner.at(told.shop.clock.now(), flood)
    bad = told.shop.clock.now()
    await told.passes(120)
    reverts = [one.time for one in told.shop.cluster.history if one.rules[0]["checkout-canary"] == 0 and one.time > bad]
    assert reverts[0] - bad <= 10
    assert len(told.shop.cluster.outcomes) == 500
    assert len(told.status.approvals) <= 1
    assert all(words for _, words in told.shop.cluster.outcomes.values())


async def test_an_unverified_approval_counts_and_is_said() -> None:
    told = Told()
    await told.passes(100)
    await told.approves("finance", "bob", verified=False)
    assert told.status.gate is not None
    assert "given: finance by bob, unverified" in told.status.gate.closed[0].message
    condition = next(one for one in told.status.conditions if one.type == "ApprovalsUnverified")
    assert condition.message.startswith("the API server had not checked who gave finance of step half by bob")
    assert any("approved by bob (unverified)" in words for _, _, _, words in told.shop.cluster.events)


LONG = [{**one, "duration": "10h"} for one in spec()["steps"]]
THREE = [*LONG, {"name": "all", "weight": 100, "duration": "10h"}]


class Skipping(Told):
    def __init__(self, given: list[dict[str, Any]], **changes: object) -> None:
        self.shop = Shop()
        self.runner = self.shop.rollout(spec(steps=given, **changes))


async def test_advance_ends_the_step_and_the_next_one_begins() -> None:
    told = Skipping(LONG)
    await told.passes(60)
    done, words = await told.does(Action.ADVANCE)
    assert (done, words) == (
        True,
        "step canary has ended; the next begins as soon as its gate is open and all limits are met",
    )
    assert told.shop.weight == 50
    assert (await told.does(Action.ADVANCE))[0]
    await told.passes(60)
    assert told.shop.outcome == "Succeeded"


async def test_advance_raises_nothing_that_is_not_well() -> None:
    told = Skipping(LONG, guards=[{"metric": "errors", "max": "5%", "for": "1h"}])
    await told.passes(60)
    told.shop.values["candidate"] = BREACH
    assert (await told.does(Action.ADVANCE))[0]
    await told.passes(120)
    assert told.shop.weight == 10
    assert told.status.run is not None
    assert told.status.run.waiting is not None
    assert told.status.run.waiting.reason == "LimitNotMet"
    told.shop.values["candidate"] = 0.0
    await told.passes(15)
    assert told.shop.weight == 50


async def test_promote_skips_the_steps_between_and_the_durations() -> None:
    told = Skipping(THREE)
    await told.passes(60)
    assert (await told.does(Action.PROMOTE))[0]
    assert await told.does(Action.PROMOTE) in {
        (False, "the remaining steps are already being skipped"),
        (False, "every step has already passed: the version is being promoted"),
    }
    await told.passes(60)
    assert told.shop.outcome == "Succeeded"
    assert told.shop.weights() == [0, 10, 100, 0]


async def test_promote_passes_no_gate_of_a_skipped_step_that_is_closed() -> None:
    gated = [THREE[0], {**THREE[1], "gate": {"approvals": [{"name": "finance"}]}}, THREE[2]]
    told = Skipping(gated)
    await told.passes(60)
    assert (await told.does(Action.PROMOTE))[0]
    await told.passes(60)
    assert told.shop.weight == 10
    assert told.status.gate is not None
    assert told.status.gate.closed[0].message == "awaits approval of finance"
    assert (await told.approves("finance", "bob"))[0]
    await told.passes(60)
    assert told.shop.weights() == [0, 10, 100, 0]


async def test_promote_is_refused_where_a_gate_would_never_open() -> None:
    since = [THREE[0], THREE[1], {**THREE[2], "gate": {"sinceStep": {"step": "half", "elapsed": "1d"}}}]
    told = Skipping(since)
    await told.passes(60)
    assert await told.does(Action.PROMOTE) == (
        False,
        "the gate of step 'all' counts from step 'half', which would be skipped: use Advance",
    )


@pytest.mark.parametrize("action", [Action.ADVANCE, Action.PROMOTE])
async def test_a_paused_run_is_not_advanced(action: Action) -> None:
    told = Skipping(LONG)
    await told.passes(60)
    await told.does(Action.PAUSE)
    assert await told.does(action) == (False, "the run is paused: Resume it first")
    assert told.shop.weight == 10


async def test_a_step_that_has_not_begun_is_not_advanced() -> None:
    told = Skipping([{**LONG[0], "gate": {"approvals": [{"name": "finance"}]}}, LONG[1]])
    await told.passes(20)
    assert await told.does(Action.ADVANCE) == (False, "step 'canary' has not begun")
    assert (await told.approves("finance", "bob", step="canary"))[0]
    assert told.shop.weight == 10


def test_the_shop_takes_gates_as_the_operator_does() -> None:
    assert check(spec(steps=steps()))[0] is not None
