"""The promotion's first part: the baseline gets the candidate's version, copied by us or awaited from Git, and rolls it out."""

from __future__ import annotations

from decimal import Decimal

from tidegate.api.reasons import Reason
from tidegate.api.rollout.promotion import BaselineMatch, PromotionStrategy
from tidegate.api.rollout.run_status import Stage
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import PromotionStatus
from tidegate.api.rollout.target_weights import TargetWeights, weights_at
from tidegate.core.gates import workloads
from tidegate.core.model.plan import Why, WriteTemplate
from tidegate.core.model.template_fields import in_words as in_fields
from tidegate.core.model.time_format import instant
from tidegate.core.model.version import differences, same_template, serves
from tidegate.core.model.world import Arm, ArmName, Template
from tidegate.core.run import old_template, promotion_stage
from tidegate.core.run.template_copy import copied
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.traffic import cohorts, raising_pods


def impossible(spec: RolloutSpec, baseline: Arm) -> Why | None:
    """Why the promotion could not be carried out on this baseline; `None` when it could. Asked before a run and before the write."""
    named = f"baseline Deployment {baseline.deployment!r}"
    last = weights_at(spec, spec.steps[-1])
    if baseline.recreates and not last.full:
        rest = (
            f"{100 - last.weight}% of the traffic"
            if last.weight < 100
            else f"a part of a cohort (it has weight {last})"
        )
        return Why(
            Reason.RECREATE_NEEDS_FULL_WEIGHT,
            f"{named} has strategy Recreate, so it serves nothing while it rolls out the new version, and the last step leaves "
            f"it {rest}: give the last step weight 100, or the Deployment strategy RollingUpdate",
        )
    if spec.promotion.strategy is not PromotionStrategy.COPY_TEMPLATE:
        return None
    if baseline.history_limit == 0:
        return Why(
            Reason.NO_REVISION_HISTORY,
            f"{named} has revisionHistoryLimit 0: set it to 1 or more, or promote with AwaitBaseline",
        )
    if baseline.paused:
        return Why(
            Reason.DEPLOYMENT_PAUSED,
            f"{named} is paused (spec.paused): it could not roll out the promoted version; resume it",
        )
    return None


def copy(draft: Draft) -> None:
    """Plans the write of the candidate's version to the baseline, its old template recorded first."""
    promotion = promotion_stage.current(draft)
    baseline, candidate = (draft.seen.templates.get(arm) for arm in (ArmName.BASELINE, ArmName.CANDIDATE))
    if not isinstance(baseline, Template) or not isinstance(candidate, Template):
        draft.templates = True
        draft.need()
        draft.wait(Why(Reason.READING_TEMPLATES, "the two pod templates are being read"))
        return
    exclude = draft.run.version.exclude
    if candidate.fields.fingerprint(exclude) != draft.run.version.fingerprint:
        draft.wait(Why(Reason.ANOTHER_VERSION, "the candidate is no longer the version of this run"))
        return
    change = copied(baseline, candidate, exclude)
    if change.empty or baseline.fields.fingerprint(exclude) == draft.run.version.fingerprint:
        promotion_stage.enter(draft, Stage.ROLLING_OUT)
        return
    base = draft.arm(ArmName.BASELINE)
    blocked = impossible(draft.spec, base) if base is not None else None
    if blocked is not None:
        draft.stalled = blocked
        return
    if promotion.written and old_template.never_written(draft, promotion, baseline):
        draft.update_run(promotion=promotion.model_copy(update={"written": False}))
        draft.intent = True
        draft.need()  # `notice_baseline` sees what somebody made of it
        return
    times = old_template.overwritten(draft, promotion, baseline, back=False)
    if times >= old_template.MOST_OVERWRITTEN or _overwritten(draft, promotion, baseline):
        _contested(draft)
        return
    if not promotion.written and _another_baseline(draft, baseline):
        draft.need()  # `notice_baseline` sees it by its own look
        draft.wait(Why(Reason.BASELINE_CHANGED, "the baseline is no longer the one this run was compared with"))
        return
    if not old_template.keep(draft, promotion, baseline):
        return
    draft.update_run(raised=instant(draft.now))
    draft.actions.append(WriteTemplate(draft.spec.baseline.deployment, baseline, change))
    draft.intent = True
    draft.need()


def _another_baseline(draft: TickContext, baseline: Template) -> bool:
    known = draft.run.baseline
    return known is not None and baseline.fields.fingerprint(draft.run.version.exclude) != known.fingerprint


def _overwritten(draft: TickContext, promotion: PromotionStatus, baseline: Template) -> bool:
    """Something else than the old version stands there after our write: a webhook or Git changed what we wrote."""
    return promotion.written and not old_template.stands(draft, promotion, baseline)


def _contested(draft: Draft) -> None:
    name = draft.spec.baseline.deployment
    draft.stalled = Why(
        Reason.CONTESTED,
        f"Deployment {name!r} does not keep the promoted template (spec.template): another client writes it, such as Git or a "
        "webhook. It is not written again; use AwaitBaseline for a Deployment kept in Git",
    )


def roll_out(draft: Draft) -> None:
    """Waits until the baseline has rolled out the version it was given, with enough pods for the traffic."""
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is None or candidate is None:
        draft.wait(promotion_stage.not_there(draft))
        return
    if not same_template(draft.run.version, baseline):
        draft.need()
        _contested(draft)
        return
    least = workloads.least_available(draft.spec, baseline, candidate)
    needed = max(candidate.available if draft.weights.some else 1, least)
    if not baseline.rolled_out:
        draft.wait(workloads.rolling_out(baseline, "baseline", Reason.BASELINE_ROLLING_OUT))
        return
    if _grows(draft):
        return
    if draft.spec.ratio is not None:  # it has the pods again that it had for all the traffic
        needed = min(needed, baseline.replicas)
    if baseline.available < min(needed, max(baseline.replicas, 1)):
        message = f"the baseline runs the new version, with {baseline.available} of {needed} pods available"
        draft.wait(Why(Reason.BASELINE_ROLLING_OUT, message))
        return
    if baseline.replicas < needed:
        message = (
            f"the baseline has {baseline.replicas} replicas, the candidate serves with {needed}: scale the baseline up"
        )
        draft.wait(Why(Reason.BASELINE_TOO_SMALL, message))
        return
    _start_returning(draft)


def await_version(draft: Draft) -> None:
    """Waits until somebody gives the baseline the candidate's version, and it is rolled out."""
    baseline, candidate = draft.arm(ArmName.BASELINE), draft.arm(ArmName.CANDIDATE)
    if baseline is None or candidate is None:
        draft.wait(promotion_stage.not_there(draft))
        return
    if not serves(draft.run.version, baseline, draft.spec):
        why = Why(
            Reason.AWAITING_BASELINE,
            f"waiting for Deployment {draft.spec.baseline.deployment!r} to run {_awaited(draft, baseline, candidate)}",
        )
        draft.wait(why, deadline=False)
        draft.attention = why
        return
    if not baseline.rolled_out:
        draft.wait(workloads.rolling_out(baseline, "baseline", Reason.BASELINE_ROLLING_OUT))
        return
    if _grows(draft):
        return
    least = workloads.least_available(draft.spec, baseline, candidate)
    if baseline.available < least:
        message = f"the baseline runs the new version, with {baseline.available} of {least} pods available"
        draft.wait(Why(Reason.BASELINE_ROLLING_OUT, message))
        return
    _start_returning(draft)


def _grows(draft: Draft) -> bool:
    """Whether the promoted baseline is given its own pods back first: the candidate's are the capacity until it has them."""
    if not raising_pods.grow(draft):
        return False
    draft.wait(
        Why(Reason.BASELINE_ROLLING_OUT, "the baseline runs the new version, and its number of pods is being restored")
    )
    return True


def _awaited(draft: TickContext, baseline: Arm, candidate: Arm) -> str:
    if draft.spec.promotion.match is BaselineMatch.IMAGES:
        return " ".join(draft.run.version.images)
    fields = differences(baseline, candidate, draft.run.version.exclude)
    return f"the candidate's version: {in_fields(fields)} still differ{'s' if len(fields) == 1 else ''}"


def _start_returning(draft: Draft) -> None:
    blocked = workloads.no_way_back(draft.spec, draft.seen.arms)
    if blocked is not None:
        draft.wait(blocked)
        return
    nothing = TargetWeights(Decimal(0), dict.fromkeys(draft.weights.cohorts, Decimal(0)))
    draft.update_run(**cohorts.decided(draft, nothing))
    promotion_stage.enter(draft, Stage.RETURNING)
    draft.say(Reason.RETURNING_TRAFFIC, "the baseline runs the new version: all traffic goes back to it")
    draft.need()
