"""A run's end: carried out from what status remembers, whatever else is broken, until it is seen to be done."""

from __future__ import annotations

from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.run_status import RunEnd, Stage
from tidegate.api.rollout.status import Ending, HistoryEntry, PromotionStatus
from tidegate.core.model import cadence
from tidegate.core.model.observation import Live
from tidegate.core.model.plan import Why, WriteTemplate
from tidegate.core.model.time_format import instant
from tidegate.core.model.world import ABSENT, Absence, Arm, ArmName, Route, Template, Unknown
from tidegate.core.run import hooks, old_template
from tidegate.core.scaling import to_zero
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import acceptance, cohorts, correcting, outage, restoring, shares

KEPT_RUNS: Final = 10
RETRY: Final = 5.0
"""Seconds until an end that waits for pods is looked at again, should no event tell."""

LATE_WRITE: Final = 10.0
"""Seconds after its decision in which a write whose answer was lost may still land: longer than any request's time-out."""

CALM: Final = 3.0
"""Seconds from an end's decision until it is concluded: when a few Rollouts revert at once, the live looks and records of the
first would stand before the weights of the others."""

CROWD_CALM: Final = 30.0
"""Seconds that an end waits for its conclusion at most while ever more Rollouts are being reverted."""

CROWD_SPREAD: Final = 12.0
"""Seconds over which the conclusions of a crowd are spread, so that they do not come as a crowd themselves."""

TAKEN_SOON: Final = 5.0
"""Seconds a gateway may need to take the reverted weights before it is said that it has not."""

TAKEN_BY_DELETION: Final = 30.0
"""Seconds the deletion of a Rollout waits for that, at most: a gateway that is gone must not keep an object for ever."""

NOT_TRIED: Final = frozenset({RunEnd.SUCCEEDED, RunEnd.SUPERSEDED, RunEnd.DELETED})
"""Outcomes that say nothing against the version. After any other it is not tried again by itself."""


def carry_out(draft: Draft) -> None:
    """Plans what is left of the run's end; concludes the run when nothing is."""
    ending = draft.run.ending
    if ending is None:
        return
    draft.urgent = True
    draft.wakes.append(draft.now + RETRY)
    draft.doing = Why(Reason(ending.reason), f"restoring the weights: {ending.evidence}")
    if not _template_back(draft):
        _correct(draft)
        return
    ending = draft.run.ending or ending
    alarm = None if ending.forced else outage.would_be(draft, ending.evidence)
    if alarm is not None:
        draft.stalled = alarm
        return
    back = [restoring.restore(draft, target) for target in draft.status.targets]
    before = draft.memory.status.run
    draft.corrects = bool(draft.actions) and before is not None and before.ending is not None
    if not all(back):
        return
    gone = _pods_gone(draft, ending)
    raised = draft.run.raised.timestamp() if draft.run.raised is not None else -LATE_WRITE
    for begin, lasting in ((raised, LATE_WRITE), (ending.since.timestamp(), CALM)):
        if abs(draft.now - begin) < lasting:
            draft.wakes.append(begin + lasting)
            return
    crowd = draft.seen.crowd and not draft.seen.rollout.deleting
    if crowd and abs(draft.now - ending.since.timestamp()) < CROWD_CALM:
        draft.wakes.remove(draft.now + RETRY)  # the crowd would come again all at once
        draft.wakes.append(draft.now + CALM + cadence.phase(draft.seen.rollout.uid, CROWD_SPREAD))
        return
    if not (_taken(draft, ending) and gone):
        return
    draft.need(Live.ROUTES)
    if draft.seen.live >= Live.ROUTES:
        finish(draft, ending.kind, Reason(ending.reason), ending.evidence)


def finish(draft: Draft, outcome: str, reason: Reason, message: str) -> None:
    """Concludes the run: into the history, and out of the way."""
    run, step = draft.run, draft.status.step
    entry = HistoryEntry(
        id=run.id,
        version=run.version.model_copy(update={"exclude": ()}),
        outcome=str(outcome),
        reason=reason,
        message=message,
        start_time=run.start_time,
        end_time=instant(draft.now),
    )
    draft.update(
        run=None,
        step=None,
        targets=tuple(one.model_copy(update={"mirrored": None}) for one in draft.status.targets),
        guards=(),
        missing_data=(),
        history=(entry, *draft.status.history)[:KEPT_RUNS],
        rejected=draft.status.rejected if outcome in NOT_TRIED else run.version,
        waiting=None,
    )
    draft.say(Reason(outcome), f"run {run.id} ended: {message}", warning=outcome == RunEnd.REVERTED)
    hooks.start_after(draft, step.name if step is not None else "", entry)
    draft.intent, draft.urgent = True, False
    draft.stalled = draft.attention = draft.lost = None


def _taken(draft: Draft, ending: Ending) -> bool:
    """Whether every gateway that reports has taken the reverted weights: until then users may still reach the candidate."""
    route = acceptance.not_taken(draft)
    if route is None:
        return True
    waited = abs(draft.now - ending.since.timestamp())
    if draft.seen.rollout.deleting and waited >= TAKEN_BY_DELETION:
        draft.say(
            Reason.REVERT_NOT_ACCEPTED, f"{_not_taken(route)}; the finalizer is removed all the same", warning=True
        )
        return True
    why = Why(
        Reason.REVERT_NOT_ACCEPTED, f"{_not_taken(route)}; the candidate may still get requests: {ending.evidence}"
    )
    draft.doing = why
    if waited >= TAKEN_SOON:
        draft.stalled = why
    draft.wakes += [ending.since.timestamp() + TAKEN_SOON, ending.since.timestamp() + TAKEN_BY_DELETION]
    return False


def _pods_gone(draft: Draft, ending: Ending) -> bool:
    """Whether no session can keep a user on the candidate: where a target asks for it, the candidate has no pods any more.

    Its pods go once the weights are back and their gateways have taken them, at the latest after a few seconds: a request that
    is still sent to the candidate would find nobody.
    """
    if not to_zero.asked(draft):
        return True
    since = ending.since.timestamp()
    if acceptance.not_taken(draft) is not None and abs(draft.now - since) < TAKEN_SOON:
        draft.wakes.append(since + TAKEN_SOON)
        return False
    draft.doing = Why(Reason(ending.reason), f"scaling the candidate to 0 pods: {ending.evidence}")
    if not _keeps_its_pods(draft, ending) and to_zero.bring_to_zero(draft, since):
        return True
    draft.wakes.append(since + TAKEN_BY_DELETION)
    if draft.seen.rollout.deleting and abs(draft.now - since) >= TAKEN_BY_DELETION:
        why = draft.stalled or draft.doing
        if why.reason == Reason.PODS_TERMINATING:
            if to_zero.terminating(draft):  # an API server that does not report them leaves nothing to warn of
                draft.say(why.reason, f"{why.message}; the finalizer is removed all the same", warning=True)
        else:
            words = "the candidate could not be scaled to 0 pods; the finalizer is removed all the same"
            draft.say(Reason.SCALE_REFUSED, words, warning=True)
        return True
    return False


def _keeps_its_pods(draft: Draft, ending: Ending) -> bool:
    """Whether the candidate's pods are all that serves the users whose sessions are with them."""
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.seen.arm(ArmName.CANDIDATE)
    if baseline is None or baseline.available or ending.forced or outage.available(candidate) == 0:
        return False
    words = (
        "the weights are restored, and the candidate is scaled to 0 pods the moment the baseline has an available pod"
    )
    draft.stalled = Why(Reason.BASELINE_UNAVAILABLE, f"{ending.evidence}; {words}{outage.forced_by(draft)}")
    return True


def _not_taken(route: Route) -> str:
    if any(pair.ready is not None for pair in route.pairs):
        return f"{route.ref.key} has the candidate at 0, and {route.acceptance_message}"
    detail = f" ({route.acceptance_message})" if route.acceptance_message else ""
    return f"{route.ref.key} has the candidate at 0, and its gateway has not accepted that{detail}"


def _template_back(draft: Draft) -> bool:
    """Puts the baseline's old template back when the promotion may have written the new one; whether it serves again, or is given up."""
    return _old_version_back(draft) or _left_by_deletion(draft)


def _left_by_deletion(draft: Draft) -> bool:
    """Whether a deletion goes on without the old template: one that cannot be read or written must not keep an object for ever."""
    ending, promotion = draft.run.ending, draft.run.promotion
    if ending is None or promotion is None or not draft.seen.rollout.deleting:
        return False
    unread = draft.run.waiting is not None and draft.run.waiting.reason == Reason.READ_FAILED
    if promotion.undone < old_template.MOST_OVERWRITTEN:
        if abs(draft.now - ending.since.timestamp()) < TAKEN_BY_DELETION:
            draft.wakes.append(ending.since.timestamp() + TAKEN_BY_DELETION)
            return False
        if not unread and draft.memory.refused is None:
            return False
        draft.update_run(promotion=promotion.model_copy(update={"undone": old_template.MOST_OVERWRITTEN}))
        words = f"the old template of Deployment {draft.spec.baseline.deployment!r} could not be restored"
        draft.say(Reason.REVERT_REFUSED, f"{words}; the finalizer is removed all the same", warning=True)
        draft.intent = True
    elif not unread:  # the old version is on its way
        return False
    draft.actions = [one for one in draft.actions if not isinstance(one, WriteTemplate)]
    return True


def _old_version_back(draft: Draft) -> bool:
    promotion = draft.run.promotion
    if promotion is None or not promotion.written:
        return True
    baseline = draft.seen.arm(ArmName.BASELINE)
    if baseline is ABSENT and draft.seen.fresh:
        return True
    template = draft.seen.templates.get(ArmName.BASELINE)
    if not isinstance(template, Template) or not isinstance(baseline, Arm):
        draft.templates = True
        draft.need()
        _say_unread(draft, "the baseline's pod template", baseline, template)
        return False
    if old_template.never_written(draft, promotion, template):
        return True
    stands = old_template.stands(draft, promotion, template)
    if stands and old_template.nothing_landed(promotion, template):
        return True
    if not stands:
        times = old_template.overwritten(draft, promotion, template, back=True)
        if times < old_template.MOST_OVERWRITTEN:
            _write_back(draft, promotion, template, times)
            return False
        if promotion.undone < old_template.MOST_OVERWRITTEN:
            _contested(draft, promotion, template)
    return _serves_again(draft, baseline)


def _write_back(draft: Draft, promotion: PromotionStatus, template: Template, times: int) -> None:
    """Plans the write of the old template, until it stands there: a write that failed is repeated, and the traffic waits."""
    old = old_template.bring(draft, promotion, template)
    tried = {"undone": times, "last_write": old_template.attempt(draft, template, back=True)}
    if old is not None:
        draft.actions.append(WriteTemplate(draft.spec.baseline.deployment, template, old, revert=True))
        draft.update_run(promotion=promotion.model_copy(update=tried))
    elif isinstance(draft.seen.old_template, Absence):  # nowhere any more: not looked for again
        _give_up(draft, promotion.model_copy(update=tried), template)
    else:
        _say_unread(draft, "the ReplicaSets that have the baseline's old template", draft.seen.old_template)


def _say_unread(draft: Draft, what: str, *looked_for: object) -> None:
    """Says that the revert waits for what could not be read; a wait for the roll-out goes on meanwhile, and keeps its deadline."""
    unread = next((one for one in looked_for if isinstance(one, Unknown)), None)
    if unread is None:
        return
    waiting = draft.run.waiting
    rolls_out = waiting is not None and waiting.reason == Reason.RESTORING_BASELINE
    reason = Reason.RESTORING_BASELINE if rolls_out else Reason.READ_FAILED
    draft.wait(Why(reason, f"the weights are restored once {what} can be read: {unread.reason}"))


def _contested(draft: Draft, promotion: PromotionStatus, template: Template) -> None:
    """Another client has changed the old template each time: that is said, and not fought."""
    name = draft.spec.baseline.deployment
    kept = _give_up(draft, promotion, template)
    words = f"another client changes Deployment {name!r} (spec.template) each time its old template is restored"
    draft.say(Reason.CONTESTED, f"{words}: it is not written again. {kept}, and it gets the traffic back", warning=True)


def _give_up(draft: Draft, promotion: PromotionStatus, template: Template) -> str:
    """The old template is not restored any more.

    Returns: which version the baseline keeps, as the end's evidence says from now on.
    """
    promoted = template.fields.fingerprint(draft.run.version.exclude) == draft.run.version.fingerprint
    kept = f"the baseline keeps {'the promoted version' if promoted else 'a version that is not its old one'}"
    draft.update_run(promotion=promotion.model_copy(update={"undone": old_template.MOST_OVERWRITTEN}))
    ending = draft.run.ending
    if ending is not None:
        draft.update_run(ending=ending.model_copy(update={"evidence": f"{ending.evidence}; {kept}"}))
    draft.intent = True
    return kept[0].upper() + kept[1:]


def _correct(draft: Draft) -> None:
    """While the old version is not back, only what another client raised is taken from the candidate.

    On its way to the promoted baseline the traffic stays where it is: the weights decided are 0 already, and to write them would
    move users to the version that is being replaced.
    """
    promotion = draft.run.promotion
    if promotion is None or promotion.stage != Stage.RETURNING:
        correcting.correct_excess(draft)
        return
    asked = cohorts.asked(draft, draft.spec.steps[-1])
    if correcting.lower_to(draft, asked):
        draft.corrects = True
        correcting.announce_correction(draft, f"corrected: a route {shares.beyond(draft, asked, 1)}")


def _serves_again(draft: Draft, baseline: Arm) -> bool:
    """Whether the baseline is rolled out, or the progress deadline is past; whether it has a pod is the outage's question."""
    if baseline.rolled_out:
        return True
    draft.wait(Why(Reason.RESTORING_BASELINE, "waiting for the baseline's old version to be available again"))
    return draft.stalled is not None
