"""What people asked for in RolloutCommands, each carried out once. The outcome is remembered until it has been written."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tidegate.api.commands import LONGEST_REASON, LONGEST_REQUESTER, Action
from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd, Stage
from tidegate.api.rollout.status import CommandStatus
from tidegate.api.values.text import printable
from tidegate.core.model.plan import ConcludeCommand
from tidegate.core.model.world import Command
from tidegate.core.run import approvals, hooks, promotion, skipping
from tidegate.core.run.baseline_change import accept_baseline
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

REMEMBERED: Final = 32
"""Commands remembered with their outcome, should it not have been written: as many are carried out before the first of them is."""

FOR_ABORTS: Final = 8
"""Further places that only an Abort may take: it is carried out whatever became of the others' outcomes."""

LONGEST_MESSAGE: Final = 200
"""Characters of an outcome that are remembered."""


def take_commands(draft: Draft) -> None:
    """Carries out the commands that have no outcome: Aborts first, then the oldest.

    No more are taken than there is room to remember. The rest follow once outcomes have been written.
    """
    known = {one.uid: one for one in draft.status.commands}
    unwritten = {command.uid for command in draft.seen.commands}
    room = REMEMBERED - sum(uid in unwritten for uid in known)
    for command in sorted(draft.seen.commands, key=_first):
        before = known.get(command.uid)
        if before is not None:
            draft.outcomes.append(ConcludeCommand(command, before.done, before.message))
        elif room > (-FOR_ABORTS if command.action is Action.ABORT else 0):
            room -= 1
            _take(draft, command, unwritten)


def _first(command: Command) -> tuple[bool, float, str]:
    return command.action is not Action.ABORT, command.created, command.name


def _take(draft: Draft, command: Command, unwritten: set[str]) -> None:
    refusal = _refusal(draft, command)
    message = refusal if refusal is not None else _carry_out(draft, _bounded(command))
    outcome = CommandStatus(uid=command.uid, done=refusal is None, message=message[:LONGEST_MESSAGE])
    draft.update(commands=_remembered((*draft.status.commands, outcome), unwritten))
    draft.outcomes.append(ConcludeCommand(command, outcome.done, outcome.message))
    draft.intent = True


def _bounded(command: Command) -> Command:
    """The command with texts of the length that the schema allows: an API server with an older schema lets longer ones pass."""
    reason, requester = printable(command.reason)[:LONGEST_REASON], printable(command.requester)[:LONGEST_REQUESTER]
    return replace(command, reason=reason, requester=requester)


def _remembered(outcomes: tuple[CommandStatus, ...], unwritten: set[str]) -> tuple[CommandStatus, ...]:
    """The outcomes to keep: those that may still have to be written, and the newest of the others."""
    spare = max(REMEMBERED - sum(one.uid in unwritten for one in outcomes), 0)
    written = [one for one in outcomes if one.uid not in unwritten]
    dropped = {one.uid for one in written[: max(len(written) - spare, 0)]}
    return tuple(one for one in outcomes if one.uid not in dropped)


def _refusal(draft: TickContext, command: Command) -> str | None:
    run = draft.status.run
    if command.run and (run is None or run.id != command.run):
        return f"run {printable(command.run)} is not in progress"
    if run is not None:
        return _refusal_of_a_run(draft, command)
    if command.action is Action.RESUME and draft.spec.paused:
        return "no run is in progress: spec.paused keeps it from starting"
    return None if command.action is Action.RETRY else "no run is in progress"


def _refusal_of_a_run(draft: TickContext, command: Command) -> str | None:
    """The same of a run that is under way."""
    if draft.run.ending is not None:
        taken = command.action in {Action.ABORT, Action.RETRY}
        return None if taken else f"run {draft.run.id} is ending"
    match command.action:
        case Action.RETRY:
            return "a run is in progress; Abort it first"
        case Action.RESUME if draft.run.paused is None and not _sent_back(draft):
            return "the run is not paused" + (" by a command: spec.paused is true" if draft.spec.paused else "")
        case Action.APPROVE | Action.REJECT:
            return approvals.refusal(draft, command)
        case Action.ADVANCE | Action.PROMOTE:
            return skipping.refusal(draft, command)
        case _:
            return None


def _sent_back(draft: TickContext) -> bool:
    current = draft.run.promotion
    return current is not None and current.stage == Stage.SENT_BACK


def _carry_out(draft: Draft, command: Command) -> str:
    reason = f": {printable(command.reason)}" if command.reason else ""
    words = f"{command.action} by {printable(command.requester) or 'an unknown user'}{reason}"
    match command.action:
        case Action.ABORT:
            _abort(draft, words)
            return f"run {draft.run.id} is being reverted"
        case Action.PAUSE:
            draft.pause(Reason.PAUSED_BY_COMMAND, words)
            return f"run {draft.run.id} is paused; guards stay active"
        case Action.RESUME:
            return _resume(draft, words)
        case Action.APPROVE:
            return approvals.give(draft, command)
        case Action.REJECT:
            return approvals.reject(draft, command)
        case Action.ADVANCE | Action.PROMOTE:
            return skipping.advance(draft, command, words)
        case Action.RETRY:
            draft.update(retry=True)
            return "the version is tried again" + (" once this run has ended" if draft.status.run is not None else "")


def _abort(draft: Draft, words: str) -> None:
    ending = draft.run.ending
    if ending is None:
        draft.end(RunEnd.ABORTED, Reason.ABORTED_BY_COMMAND, words, forced=True)
    elif not ending.forced:
        draft.update_run(ending=ending.model_copy(update={"forced": True}))
        draft.urgent = True


def _resume(draft: Draft, words: str) -> str:
    paused = draft.run.paused
    draft.update_run(paused=None, waiting=None)
    hooks.resume(draft)
    beside = "; the baseline is accepted as it is now" if accept_baseline(draft) else ""
    draft.say(Reason.RESUMED, f"{words}{beside}")
    if paused is None and _sent_back(draft):
        promotion.try_again(draft)
    elif paused is not None and paused.reason == Reason.LOWERED_BY_OTHER and draft.status.step is not None:
        draft.update_step(seen=False, reached=False)
    return f"run {draft.run.id} continues{beside}"
