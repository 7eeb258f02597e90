"""Conditions as kstatus reads them: `Ready`, and `Reconciling` or `Stalled` only while true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.jobs import JobPurpose
from tidegate.api.rollout.run_status import RunEnd
from tidegate.api.rollout.status import Condition, RolloutStatus
from tidegate.core.gates import workloads
from tidegate.core.jobs.record import in_words
from tidegate.core.judging.missing_data import LEAST_ANSWERS
from tidegate.core.model.jobs import JobState
from tidegate.core.model.observation import Observation
from tidegate.core.model.plan import Decision, Plan, Why
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ArmName


def conditions(before: tuple[Condition, ...], plan: Plan, seen: Observation) -> tuple[Condition, ...]:
    """The conditions after `plan`; one whose status did not change keeps its transition time."""
    wanted = [_ready(plan)]
    status = plan.memory.status
    if plan.stalled is not None:
        wanted.append(("Stalled", "True", plan.stalled))
    elif status.run is not None or plan.doing is not None:
        doing = plan.attention or plan.doing or Why(Reason.PROGRESSING, "the run continues")
        wanted.append(("Reconciling", "True", doing))
    if status.run is not None and seen.spec is not None:
        why = workloads.revert_ready(seen.spec, seen.arm(ArmName.BASELINE), seen.arm(ArmName.CANDIDATE))
        fine = Why(Reason.BASELINE_READY, "enough baseline pods are available for a revert")
        wanted.append(("RevertReady", "False" if why else "True", why or fine))
    if status.run is not None and seen.unread:
        wanted.append(
            (
                "TemplatesUnread",
                "True",
                Why(Reason.READ_FAILED, f"{seen.unread}; the run continues with its last content"),
            )
        )
    missing = [one for one in status.missing_data if one.answers >= LEAST_ANSWERS]
    if missing:
        wanted.append(
            ("MissingData", "True", Why(Reason(missing[0].kind), "; ".join(one.message for one in missing)[:1024]))
        )
    unverified = [one for one in status.approvals if not one.verified] if status.run is not None else []
    if unverified:
        names = ", ".join(f"{one.name} of step {one.step} by {one.person}" for one in unverified)
        words = f"the API server had not checked who gave {names}: the admission policies were not installed then"
        wanted.append(("ApprovalsUnverified", "True", Why(Reason.UNVERIFIED_APPROVAL, words[:1024])))
    wanted += _of_jobs(status)
    wanted += _of_scaling(plan)
    if seen.outcomes_refused:
        wanted.append(("OutcomesUnwritten", "True", Why(Reason.WRITE_REFUSED, seen.outcomes_refused)))
    return tuple(condition(before, kind, state, why, seen) for kind, state, why in wanted)


TOLD: Final = {
    "Stalled": "True",
    "RevertReady": "False",
    "TemplatesUnread": "True",
    "OutcomesUnwritten": "True",
    "ApprovalsUnverified": "True",
    "HookFailed": "True",
    "JobsRefused": "True",
    "ScaleRefused": "True",
    "NotificationsFailing": "True",
}
"""Conditions a person must know of, and the status in which they must."""


TOLD_ALREADY: Final = frozenset({Reason.REVERTED})
"""Reasons whose news was the end of the run."""


def news(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Decision, ...]:
    """What has come up between two statuses that a person must act on: one Event a reason, also where two conditions have it.

    Args:
        before: the conditions that people know of.
        after: the conditions now.
    """
    known = {(one.type, one.status, one.reason) for one in before}
    found = [one for one in after if TOLD.get(one.type) == one.status and one.reason not in TOLD_ALREADY]
    new = [one for one in found if (one.type, one.status, one.reason) not in known]
    told = {one.reason: one for one in reversed(new)}
    return tuple(Decision(Reason(one.reason), one.message, warning=True) for one in reversed(told.values()))


def _of_jobs(status: RolloutStatus) -> Iterator[tuple[str, str, Why]]:
    """Jobs that cannot be created, and hooks after a run that have failed: until the next run begins."""
    refused = [one for one in status.jobs if not one.uid and not one.outcome and one.message]
    if refused:
        words = "; ".join(f"{in_words(one)} {one.message}" for one in refused)
        yield "JobsRefused", "True", Why(Reason.JOB_REFUSED, words[:1024])
    late = {JobPurpose.REVERT, JobPurpose.SUCCESS, JobPurpose.END}
    failed = [one for one in status.jobs if one.outcome == JobState.FAILED and one.purpose in late]
    if failed:
        words = "; ".join(f"{in_words(one)} failed: {one.message}" for one in failed)
        yield "HookFailed", "True", Why(Reason.HOOK_FAILED, words[:1024])


def _of_scaling(plan: Plan) -> Iterator[tuple[str, str, Why]]:
    """Pods that the candidate should have and does not get."""
    memory, failed = plan.memory.status.scaling, plan.memory.not_scaled
    if memory is not None and memory.refused:
        yield "ScaleRefused", "True", Why(Reason.SCALE_REFUSED, memory.refused)
    elif failed is not None:
        yield "ScaleRefused", "True", Why(failed.reason, failed.message)


def _ready(plan: Plan) -> tuple[str, str, Why]:
    status = plan.memory.status
    if plan.stalled is not None:
        return "Ready", "False", plan.stalled
    if plan.attention is not None:
        return "Ready", "Unknown", plan.attention
    if status.run is not None:
        return "Ready", "Unknown", plan.doing or Why(Reason.PROGRESSING, "the run continues")
    if plan.doing is not None:
        return "Ready", "False", plan.doing
    if plan.ready is not None:
        return "Ready", "True", plan.ready
    return "Ready", "Unknown", Why(Reason.PROGRESSING, "the Rollout is being reconciled")


def condition(before: Iterable[Condition], kind: str, state: str, why: Why, seen: Observation) -> Condition:
    """A condition as it is written; `before` are those of the status as last recorded."""
    known = next((one for one in before if one.type == kind and one.status == state), None)
    since = known.last_transition_time if known is not None else instant(seen.now)
    return Condition(
        type=kind,
        status=state,
        reason=why.reason,
        message=why.message[:2048],
        last_transition_time=since,
        observed_generation=seen.rollout.generation,
    )


PAUSED: Final = frozenset({Reason.PAUSED, Reason.PAUSED_BY_SPEC, Reason.PAUSED_BY_COMMAND})


class Phase(StrEnum):
    """What a Rollout is doing, for people."""

    IDLE = "Idle"
    WAITING = "Waiting"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    PROMOTING = "Promoting"
    REVERTING = "Reverting"
    REVERTED = "Reverted"
    SUCCEEDED = "Succeeded"
    INVALID = "Invalid"


_PHASE_WHEN_STALLED: Final = {Reason.INVALID_SPEC: Phase.INVALID, Reason.REVERTED: Phase.REVERTED}


def phase_of(plan: Plan, status: RolloutStatus) -> Phase:
    """The phase. No logic reads it."""
    run = status.run
    if run is not None:
        if run.ending is not None:
            return Phase.REVERTING
        if run.paused is not None or (plan.attention is not None and plan.attention.reason in PAUSED):
            return Phase.PAUSED
        if run.promotion is not None:
            return Phase.PROMOTING
        return Phase.WAITING if run.waiting is not None or run.hold is not None else Phase.PROGRESSING
    if plan.stalled is not None:
        return _PHASE_WHEN_STALLED.get(plan.stalled.reason, Phase.WAITING)
    if plan.doing is not None or plan.attention is not None:
        return Phase.WAITING
    last = status.history[0].outcome if status.history else ""
    return Phase.SUCCEEDED if last == RunEnd.SUCCEEDED else Phase.IDLE
