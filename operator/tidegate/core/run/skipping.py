"""Advance and Promote: a person ends the current step, or skips the remaining ones. The gates and the raise rule still apply."""

from __future__ import annotations

from tidegate.api.commands import Action
from tidegate.api.reasons import Reason
from tidegate.core.model.time_format import in_words
from tidegate.core.model.world import Command
from tidegate.core.run.steps import begun
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft


def refusal(draft: TickContext, command: Command) -> str | None:
    """Why an Advance or Promote of the run under way is refused; `None` when it is carried out."""
    run, step = draft.run, draft.step
    if run.promotion is not None:
        return "every step has already passed: the version is being promoted"
    if run.paused is not None or draft.spec.paused:
        return "the run is paused: Resume it first"
    if run.hold is not None:
        return f"the run holds: {run.hold.message}"
    if draft.step_spec is None:
        return f"step {step.name!r} is no longer in the spec"
    if not begun(draft):
        return f"step {step.name!r} has not begun"
    if not step.reached:
        return f"the weight of step {step.name!r} is not on the route yet"
    if command.action is Action.PROMOTE:
        return "the remaining steps are already being skipped" if run.promote else _never_opens(draft)
    return f"step {step.name!r} has already passed" if step.passed else None


def advance(draft: Draft, command: Command, words: str) -> str:
    """Ends the current step; with Promote the remaining ones are skipped. Returns: what was done."""
    step = draft.step
    draft.update_run(waiting=None, promote=draft.run.promote or command.action is Action.PROMOTE)
    if not step.passed:
        draft.update_step(passed=True, expected_end=None)
    watched = in_words(step.watched) if step.watched >= 1 else "0s"
    if command.action is Action.PROMOTE:
        draft.say(
            Reason.PROMOTE_REQUESTED,
            f"{words}; step {step.name} was watched for {watched}, the remaining steps are skipped",
        )
        return "the remaining steps are skipped as soon as their gates are open and all limits are met"
    draft.say(Reason.STEP_ADVANCED, f"{words}; step {step.name} was watched for {watched}")
    return f"step {step.name} has ended; the next begins as soon as its gate is open and all limits are met"


def _never_opens(draft: TickContext) -> str | None:
    """The gate that would count from a step that is skipped, and so never open."""
    names = [one.name for one in draft.spec.steps]
    rest = draft.spec.steps[names.index(draft.step.name) + 1 :]
    skipped = {one.name for one in rest[:-1]}
    for one in rest:
        since = one.gate.since_step if one.gate is not None else None
        if since is not None and since.step in skipped:
            named = f"the gate of step {one.name!r} counts from step {since.step!r}"
            return f"{named}, which would be skipped: use Advance"
    return None
