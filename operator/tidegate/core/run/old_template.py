"""The baseline's template of before the promotion: recorded before the first write, and found again to be restored.

Status keeps it as long as it is small. Of a larger one it keeps the identity, and the
Deployment's ReplicaSets keep the template: that one of them does is seen live before anything is written.
"""

from __future__ import annotations

from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import Stage, TemplateWriteStatus
from tidegate.api.rollout.status import PromotionStatus
from tidegate.core.model.plan import Why
from tidegate.core.model.template_change import TemplateChange
from tidegate.core.model.version import same_template
from tidegate.core.model.world import Absence, ArmName, Template
from tidegate.core.run.template_copy import as_record, copied, from_first_record, from_record, holds
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft

MOST_OVERWRITTEN: Final = 3
"""Times another client may change a template that was written before it is contested, and not written again."""


def keep(draft: Draft, promotion: PromotionStatus, baseline: Template) -> bool:
    """Records that the new version is about to be written, and before the first time the old one; whether it may be."""
    if not promotion.written:
        old = {
            "old_template": as_record(baseline),
            "old_fingerprint": baseline.fields.fingerprint(draft.run.version.exclude),
            "old_parts": "",
        }
        promotion = promotion.model_copy(update=old)
        if not promotion.old_template and not _kept_elsewhere(draft, promotion):
            return False
    writes = overwritten(draft, promotion, baseline, back=False) if promotion.written else 0
    tried = {"written": True, "writes": writes, "last_write": attempt(draft, baseline, back=False)}
    draft.update_run(promotion=promotion.model_copy(update=tried))
    return True


def attempt(draft: TickContext, baseline: Template, *, back: bool) -> TemplateWriteStatus:
    """What is remembered of a write that is about to be tried: by it the next look tells what became of it."""
    fingerprint = baseline.fields.fingerprint(draft.run.version.exclude)
    return TemplateWriteStatus(back=back, generation=baseline.generation, fingerprint=fingerprint)


def overwritten(draft: TickContext, promotion: PromotionStatus, baseline: Template, *, back: bool) -> int:
    """How often another client has changed the template after our writes, where what was to be written does not stand there now.

    A write that was refused, or got no answer and never landed, leaves the template as it stood. One that landed and was changed
    has left another, or has moved the generation at least twice; once is what a change of the number of pods does.
    """
    last = promotion.last_write
    if last is None or last.back != back:
        return 0
    changed = baseline.fields.fingerprint(draft.run.version.exclude) != last.fingerprint
    changed = changed or baseline.generation - last.generation > 1
    return (promotion.undone if back else promotion.writes) + int(changed)


def nothing_landed(promotion: PromotionStatus, baseline: Template) -> bool:
    """Whether none of the promotion's writes has landed, of a baseline that has its old version: its pods were never touched."""
    last = promotion.last_write
    if last is None or last.back or promotion.writes:
        return False
    return baseline.generation - last.generation <= 1


def stands(draft: TickContext, promotion: PromotionStatus, baseline: Template) -> bool:
    """Whether a template is the baseline's version of before the promotion."""
    if promotion.old_parts:
        return holds(from_first_record(promotion.old_parts), baseline)
    return baseline.fields.fingerprint(draft.run.version.exclude) == promotion.old_fingerprint


def never_written(draft: TickContext, promotion: PromotionStatus, baseline: Template) -> bool:
    """Whether the write that was recorded never came to be, and somebody else changed the baseline instead.

    Then nothing of what the promotion would have changed stands there. What was seen on the baseline once was written.
    """
    candidate = draft.arm(ArmName.CANDIDATE)
    if promotion.stage != Stage.COPYING or not promotion.old_template or candidate is None:
        return False
    if stands(draft, promotion, baseline) or not same_template(draft.run.version, candidate):
        return False
    exclude = draft.run.version.exclude
    old = from_record(promotion.old_template).fields.version(exclude)
    new, now = candidate.fields.version(exclude), baseline.fields.version(exclude)
    changed = (path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return not any(now.get(path) == new.get(path) for path in changed)


def bring(draft: Draft, promotion: PromotionStatus, current: Template) -> TemplateChange | None:
    """What puts the old version back: from status, or from the ReplicaSet that still has it; `None` when it is not there (yet)."""
    exclude = draft.run.version.exclude
    if promotion.old_parts:
        return from_first_record(promotion.old_parts)
    if promotion.old_template:
        return copied(current, from_record(promotion.old_template), exclude)
    draft.old_template = promotion.old_fingerprint
    found = draft.seen.old_template
    if isinstance(found, Template):
        return copied(current, found, exclude)
    if isinstance(found, Absence):
        draft.say(
            Reason.NO_REVISION_HISTORY,
            f"no ReplicaSet of Deployment {draft.spec.baseline.deployment!r} has the old template any more: it keeps the "
            "promoted one, and gets the traffic back",
            warning=True,
        )
    return None


def _kept_elsewhere(draft: Draft, promotion: PromotionStatus) -> bool:
    draft.old_template = promotion.old_fingerprint
    found = draft.seen.old_template
    if isinstance(found, Template):
        return True
    if isinstance(found, Absence):
        draft.stalled = Why(
            Reason.NO_REVISION_HISTORY,
            f"the old template of Deployment {draft.spec.baseline.deployment!r} is too large for status, and none of its "
            "ReplicaSets has it: it could not be restored, so nothing is written",
        )
        return False
    draft.need()
    draft.wait(Why(Reason.READING_TEMPLATES, "the ReplicaSets of the baseline are being read"))
    return False
