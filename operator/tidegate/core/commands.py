"""What people asked for in RolloutCommands, each carried out once."""

from __future__ import annotations

from tidegate.api.command import Action
from tidegate.api.text import printable
from tidegate.core import promotion
from tidegate.core.baselines import accept_baseline
from tidegate.core.draft import Draft
from tidegate.core.observed import Command
from tidegate.core.plan import ConcludeCommand

REMEMBERED = 16
"""Commands remembered as carried out, should their own status not have been written."""


def take_commands(draft: Draft) -> None:
    """Carries out the commands that have no outcome, oldest first."""
    for command in draft.seen.commands:
        if command.uid in draft.status.commands:
            draft.actions.append(ConcludeCommand(command, done=True, message="carried out"))
            continue
        refusal = _refusal(draft, command)
        done = refusal is None
        message = refusal if refusal is not None else _carry_out(draft, command)
        draft.update(commands=(*draft.status.commands, command.uid)[-REMEMBERED:])
        draft.actions.append(ConcludeCommand(command, done=done, message=message))
        draft.intent = True


def _refusal(draft: Draft, command: Command) -> str | None:
    run = draft.status.run
    if command.run and (run is None or run.id != command.run):
        return f"run {printable(command.run)} is not under way"
    match command.action:
        case Action.RETRY:
            return "a run is under way; Abort it first" if run is not None else None
        case Action.RESUME if run is not None and run.paused is None and not _sent_back(draft):
            return "the run is not paused" + (" by a command: spec.paused is true" if draft.spec.paused else "")
        case _:
            return "no run is under way" if run is None else None


def _sent_back(draft: Draft) -> bool:
    current = draft.run.promotion
    return current is not None and current.stage == "SentBack"


def _carry_out(draft: Draft, command: Command) -> str:
    reason = f": {printable(command.reason)}" if command.reason else ""
    words = f"{command.action} by {printable(command.requester) or 'somebody'}{reason}"
    match command.action:
        case Action.ABORT:
            _abort(draft, words)
            return f"run {draft.run.id} is being reverted"
        case Action.PAUSE:
            draft.pause("PausedByCommand", words)
            return f"run {draft.run.id} is paused; guards stay on"
        case Action.RESUME:
            return _resume(draft)
        case Action.RETRY:
            draft.update(retry=True)
            return "the version is tried again"


def _abort(draft: Draft, words: str) -> None:
    ending = draft.run.ending
    if ending is None:
        draft.end("Aborted", "AbortedByCommand", words, forced=True)
    elif not ending.forced:
        draft.update_run(ending=ending.model_copy(update={"forced": True}))
        draft.urgent = True


def _resume(draft: Draft) -> str:
    paused = draft.run.paused
    draft.update_run(paused=None, waiting=None)
    beside = "; the baseline counts as it is now" if accept_baseline(draft) else ""
    if paused is None and _sent_back(draft):
        promotion.try_again(draft)
    elif paused is not None and paused.reason == "LoweredByOther" and draft.status.step is not None:
        draft.update_step(seen=False, reached=False)
    return f"run {draft.run.id} goes on{beside}"
