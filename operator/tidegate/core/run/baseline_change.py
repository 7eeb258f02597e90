"""The baseline during a run: what it ran when the run began, and what somebody else has made of it since."""

from __future__ import annotations

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import Stage
from tidegate.core.model.template_fields import in_words
from tidegate.core.model.version import adopted, beside, differences, same_template
from tidegate.core.model.world import ArmName
from tidegate.core.tick.arms import same_on_both
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft


def adopt_first_release(draft: Draft) -> None:
    """A run, a rejected and a released version that operator 0.1.0 remembered are known by this one's identities from now on."""
    candidate = draft.arm(ArmName.CANDIDATE)
    if candidate is None:
        return
    exclude = draft.spec.promotion.exclude
    for name in ("released", "rejected"):
        known = getattr(draft.status, name)
        if known is not None and (now := adopted(known, candidate, exclude)) is not known:
            draft.update(**{name: now})
    if (
        draft.status.run is not None
        and (now := adopted(draft.run.version, candidate, exclude)) is not draft.run.version
    ):
        draft.update_run(version=now)


def notice_baseline(draft: Draft) -> None:
    """Stops the run when somebody else has changed the baseline: it was judged, and would be overwritten, beside another.

    Guards stay on. From the promotion's own write on it is the promotion that looks after the template, and while a baseline
    is awaited it changes on purpose.
    """
    promotion, baseline = draft.run.promotion, draft.arm(ArmName.BASELINE)
    ours = promotion is not None and (promotion.stage != Stage.COPYING or promotion.written)
    if baseline is None or ours:
        return
    exclude = draft.run.version.exclude
    known, changed = draft.run.baseline, draft.run.baseline_changed
    if known is None:
        draft.update_run(baseline=beside(baseline, exclude))
    elif same_template(known, baseline, exclude):
        if changed is not None:
            draft.update_run(baseline_changed=None)
    elif changed is None or not same_template(changed, baseline, exclude):
        draft.need()
        if draft.seen.fresh:
            draft.update_run(baseline_changed=beside(baseline, exclude))
            _stop(draft)


def _stop(draft: Draft) -> None:
    message = (
        f"another client changed the baseline Deployment {draft.spec.baseline.deployment!r} during the run, {_how(draft)}: "
        "Resume continues with it as it is now, Abort reverts"
    )
    paused = draft.run.paused
    draft.pause(Reason.BASELINE_CHANGED, message)
    if paused is not None:
        draft.say(Reason.BASELINE_CHANGED, message, warning=True)
        if paused.reason == Reason.BASELINE_CHANGED:
            draft.update_run(paused=paused.model_copy(update={"message": message}))


def _how(draft: TickContext) -> str:
    if same_on_both(draft):
        return "it runs the candidate's version now"
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is None or candidate is None:
        return "it runs another version now"
    fields = differences(baseline, candidate, draft.run.version.exclude)
    return f"to {' '.join(baseline.images)[:256]} (it differs from the candidate in {in_words(fields)})"


def accept_baseline(draft: Draft) -> bool:
    """A person resumes: the baseline counts as it is now, and what was counted of the one before does not. Whether it had changed."""
    changed = draft.run.baseline_changed
    if changed is None:
        return False
    draft.update_run(baseline=changed, baseline_changed=None, evidence=())
    return True
