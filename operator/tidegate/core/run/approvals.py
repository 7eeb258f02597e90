"""Approvals of steps: which are taken, which are refused and why, and what a refused one does."""

from __future__ import annotations

from tidegate.api.commands import LONGEST_REQUESTER, Action
from tidegate.api.reasons import Reason
from tidegate.api.rollout.gates import Quorum
from tidegate.api.rollout.status import ApprovalStatus, Paused
from tidegate.api.rollout.steps import Step
from tidegate.api.status_budget import LONGEST_SAYING
from tidegate.api.values.text import printable
from tidegate.core.gates.approvals import counting
from tidegate.core.gates.step_hash import hash_of
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import Command
from tidegate.core.run.steps import awaited_step
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

OWN_RESUME = frozenset({Reason.LOWERED_BY_OTHER, Reason.BASELINE_CHANGED})
"""Pauses whose Resume does more than continue: a refused approval does not take their place."""


def refusal(draft: TickContext, command: Command) -> str | None:
    """Why an Approve or Reject of the run under way is refused; `None` when it is carried out."""
    if draft.run.promotion is not None:
        return "every step has passed: no approval is awaited"
    step = next((one for one in draft.spec.steps if one.name == command.step), None)
    if step is None:
        names = ", ".join(one.name for one in draft.spec.steps)
        return f"there is no step {printable(command.step)!r}; there are {names}"
    quorum = step.gate.quorum if step.gate is not None else None
    if quorum is None or command.approval not in quorum.names:
        asked = f"its gate requires {', '.join(quorum.names)}" if quorum is not None else "its gate requires none"
        return f"step {step.name!r} has no approval {printable(command.approval)!r}: {asked}"
    if _begun(draft, step):
        return f"step {step.name!r} has already begun"
    if command.step_hash and command.step_hash != hash_of(step):
        return f"step {step.name!r} was edited since: review it again"
    if not command.requester:
        return "the command names no requester"
    if command.requester != printable(command.requester)[:LONGEST_REQUESTER]:
        return f"the requester is not a user name of at most {LONGEST_REQUESTER} characters in one line"
    return _not_reached(draft, step, quorum, command) or _given_by_another(draft, step, quorum, command)


def give(draft: Draft, command: Command) -> str:
    """Records the approval; one that the same person gave before counts once. Returns: what was done."""
    step = next(one for one in draft.spec.steps if one.name == command.step)
    if any(one.name == command.approval for one in counting(draft.status.approvals, step)):
        return f"{command.approval} of step {step.name} was already approved by {printable(command.requester)}"
    given = ApprovalStatus(
        step=step.name,
        step_hash=hash_of(step),
        name=command.approval,
        person=command.requester,
        verified=command.verified,
        time=instant(draft.now),
        reason=printable(command.reason)[:LONGEST_SAYING],
    )
    draft.update(approvals=(*_without(draft, step, command.approval), given))
    who = f"{printable(command.requester)}{'' if command.verified else ' (unverified)'}"
    said = f": {given.reason}" if given.reason else ""
    draft.say(Reason.APPROVED, f"{command.approval} of step {step.name} was approved by {who}{said}")
    return f"{command.approval} of step {step.name} is approved"


def reject(draft: Draft, command: Command) -> str:
    """Pauses the run with the reason; the approval is void if it was given. Returns: what was done."""
    step = next(one for one in draft.spec.steps if one.name == command.step)
    draft.update(approvals=_without(draft, step, command.approval))
    who = f"{printable(command.requester)}{'' if command.verified else ' (unverified)'}"
    words = f"{command.approval} of step {step.name} was rejected by {who}: {printable(command.reason)}"
    before = draft.run.paused
    if before is not None and before.reason not in OWN_RESUME:
        draft.update_run(paused=Paused(reason=Reason.REJECTED, message=words, since=before.since))
        draft.say(Reason.REJECTED, words, warning=True)
    else:
        draft.pause(Reason.REJECTED, words)
    return f"run {draft.run.id} is paused; {_still_needed(draft, step, command.approval)}"


def _still_needed(draft: TickContext, step: Step, rejected: str) -> str:
    """What the gate of the step still needs after one of its approvals was rejected; under a quorum others may be enough."""
    quorum = step.gate.quorum if step.gate is not None else None
    if quorum is None or quorum.needed == len(quorum.approvals):
        return f"{rejected} must be given again after Resume"
    given = {one.name for one in counting(draft.status.approvals, step)} & set(quorum.names)
    left = quorum.needed - len(given)
    missing = ", ".join(name for name in quorum.names if name not in given)
    if left <= 0:
        listed = ", ".join(name for name in quorum.names if name in given)
        return f"after Resume the approval gate is open without {rejected} ({quorum.needed} required; given: {listed})"
    return f"{left} of the approvals {missing} must still be given after Resume"


def _begun(draft: TickContext, step: Step) -> bool:
    """Whether the step has begun; not one that lies ahead again after a step back."""
    names = [one.name for one in draft.spec.steps]
    ahead = draft.step.name in names and names.index(step.name) > names.index(draft.step.name)
    return not ahead and any(one.name == step.name for one in draft.run.begun)


def _not_reached(draft: TickContext, step: Step, quorum: Quorum, command: Command) -> str | None:
    """Why the step may not be approved yet: an approval is given with the verdict on the step before it."""
    early = next(one.early for one in quorum.approvals if one.name == command.approval)
    awaited, names = awaited_step(draft), [one.name for one in draft.spec.steps]
    reached = awaited is not None and (step.name == awaited.name or draft.run.promote)
    if early or reached or step.name not in names:
        return None
    place = names.index(step.name)
    before = names[place - 1] if place else step.name
    return f"step {step.name!r} is not reached: {command.approval} can be given once step {before!r} has passed"


def _given_by_another(draft: TickContext, step: Step, quorum: Quorum, command: Command) -> str | None:
    if command.action is Action.REJECT:
        return None
    for one in counting(draft.status.approvals, step):
        if one.name == command.approval and one.person != command.requester:
            return f"{one.name} of step {step.name} was already approved by {printable(one.person)}"
        if one.name != command.approval and one.person == command.requester and quorum.distinct:
            return f"{printable(one.person)} has already given {one.name}, and one person may give one approval (distinctPeople)"
    return None


def _without(draft: TickContext, step: Step, name: str) -> tuple[ApprovalStatus, ...]:
    """The approvals but for one, and but for those that an edit of the step has made void."""
    return tuple(
        one
        for one in draft.status.approvals
        if one.step != step.name or (one.step_hash == hash_of(step) and one.name != name)
    )
