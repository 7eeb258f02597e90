"""A run's end: carried out from what status remembers, whatever else is broken, until it is seen to be done."""

from __future__ import annotations

from tidegate.api.status import Ending, HistoryEntry
from tidegate.core import old_template, targets
from tidegate.core.draft import Draft
from tidegate.core.instants import instant
from tidegate.core.observed import ABSENT, Absence, Arm, ArmName, Template
from tidegate.core.plan import Why, WriteTemplate

KEPT_RUNS = 10
RETRY = 5.0
"""Seconds until an end that waits for pods is looked at again, should no event tell."""

LATE_WRITE = 10.0
"""Seconds after its decision in which a write whose answer was lost may still land: longer than any request's time-out."""

CALM = 3.0
"""Seconds from an end's decision until it is concluded: when many Rollouts revert at once, their live looks would stand before
the others' weights."""

MOST_WRITES = 3
"""Times the old template is put back: what is overwritten more often is contested, and not fought for."""

TRIED = frozenset({"Reverted", "Aborted"})
"""Outcomes after which the version is not tried again by itself."""


def carry_out(draft: Draft) -> None:
    """Plans what is left of the run's end; concludes the run when nothing is."""
    ending = draft.run.ending
    if ending is None:
        return
    draft.urgent = True
    draft.wakes.append(draft.now + RETRY)
    draft.doing = Why(ending.reason, f"putting the weights back: {ending.evidence}")
    if not _template_back(draft):
        targets.put_back_more(draft)
        return
    alarm = _would_be_an_outage(draft, ending)
    if alarm is not None:
        draft.stalled = alarm
        return
    back = [targets.restore(draft, target) for target in draft.status.targets]
    if not all(back):
        return
    raised = draft.run.raised.timestamp() if draft.run.raised is not None else -LATE_WRITE
    for begin, lasting in ((raised, LATE_WRITE), (ending.since.timestamp(), CALM)):
        if abs(draft.now - begin) < lasting:
            draft.wakes.append(begin + lasting)
            return
    draft.needs_fresh = True
    if draft.seen.fresh:
        finish(draft, ending.kind, ending.reason, ending.evidence)


def finish(draft: Draft, outcome: str, reason: str, message: str) -> None:
    """Concludes the run: into the history, and out of the way."""
    run = draft.run
    entry = HistoryEntry(
        id=run.id,
        version=run.version,
        outcome=outcome,
        reason=reason,
        message=message,
        start_time=run.start_time,
        end_time=instant(draft.now),
    )
    draft.update(
        run=None,
        step=None,
        guards=(),
        blind=(),
        history=(entry, *draft.status.history)[:KEPT_RUNS],
        rejected=run.version if outcome in TRIED else draft.status.rejected,
        waiting=None,
    )
    draft.say(outcome, f"run {run.id} ended: {message}", warning=outcome == "Reverted")
    draft.intent = True


def _would_be_an_outage(draft: Draft, ending: Ending) -> Why | None:
    """Promise 1's one exception: with no baseline pod available, all traffic would go nowhere."""
    baseline = draft.seen.arm(ArmName.BASELINE)
    available = baseline.available if isinstance(baseline, Arm) else 0 if baseline is ABSENT else None
    if available != 0 or ending.forced or not _has_traffic(draft):
        return None
    draft.needs_fresh = True
    return Why(
        "BaselineUnavailable",
        f"{ending.evidence}; but the baseline {draft.spec.baseline.deployment!r} has no available pod: the weights go back "
        "the moment one is available (Abort forces it)",
    )


def _has_traffic(draft: Draft) -> bool:
    observed = targets.observed(draft)
    return observed is None or observed > 0


def _template_back(draft: Draft) -> bool:
    """Puts the baseline's old template back when the promotion may have written the new one; whether it serves again."""
    promotion = draft.run.promotion
    if promotion is None or not promotion.written:
        return True
    baseline = draft.seen.arm(ArmName.BASELINE)
    if baseline is ABSENT and draft.seen.fresh:
        return True
    template = draft.seen.templates.get(ArmName.BASELINE)
    if not isinstance(template, Template) or not isinstance(baseline, Arm):
        draft.templates = True
        draft.needs_fresh = True
        return False
    if not old_template.stands(draft, promotion, template) and promotion.undone < MOST_WRITES:
        old = old_template.bring(draft, promotion, template)
        if old is not None:
            draft.actions.append(WriteTemplate(draft.spec.baseline.deployment, template, old, revert=True))
            draft.update_run(promotion=promotion.model_copy(update={"undone": promotion.undone + 1}))
        elif isinstance(draft.seen.old_template, Absence):  # nowhere any more: not looked for again
            draft.update_run(promotion=promotion.model_copy(update={"undone": MOST_WRITES}))
            draft.intent = True
        return False
    return _serves_again(draft, baseline)


def _serves_again(draft: Draft, baseline: Arm) -> bool:
    """Whether the baseline is rolled out; past the progress deadline it is enough that it has a pod."""
    if baseline.rolled_out and baseline.available >= 1:
        return True
    draft.wait(Why("RestoringBaseline", "waiting for the baseline's old version to be available again"))
    return draft.stalled is not None and baseline.available >= 1
