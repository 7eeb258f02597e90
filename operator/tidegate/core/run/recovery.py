"""A run whose memory was lost: the status was emptied (a restore from a backup, an edit) while the candidate had traffic.

Our finalizer on the Rollout tells that a run was under way. What can be known is read from the route: the run continues from
there, paused, with its guards in force, so that a breach, an Abort or a deletion still puts the weights back.
"""

from __future__ import annotations

from dataclasses import replace

from tidegate.api.commands import Action
from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import FINALIZER
from tidegate.api.rollout.status import Paused, RunStatus, StepBegin, Version
from tidegate.api.rollout.target_weights import weights_at
from tidegate.core.model.time_format import instant
from tidegate.core.model.version import same_template, version_of
from tidegate.core.model.world import ArmName
from tidegate.core.tick.context import TickContext
from tidegate.core.tick.draft import Draft
from tidegate.core.tick.kept_spec import kept_text
from tidegate.core.tick.open import new_step
from tidegate.core.traffic import raising, shares
from tidegate.core.traffic.cohorts import decided


def lost(draft: TickContext) -> bool:
    """Whether a run was under way of which status knows nothing."""
    return (
        FINALIZER in draft.seen.rollout.finalizers
        and draft.status.run is None
        and not draft.status.targets
        and draft.seen.spec is not None
        and shares.requests(draft) is shares.Traffic.SOME
        and (not draft.memory.unreadable or draft.seen.rollout.deleting or _abort_asked(draft))
    )


def _abort_asked(draft: TickContext) -> bool:
    return any(command.action is Action.ABORT for command in draft.seen.commands)


def recover(draft: Draft) -> None:
    """Makes a run of what the route says: paused at the highest step that gives the candidate no more than it has.

    Where a person (Abort, a deletion) asks for it, it takes the place of a status that cannot be read.
    """
    draft.need()
    if not draft.seen.fresh:
        return
    spec, found = draft.spec, shares.observed(draft)
    steps, candidate = spec.steps, draft.arm(ArmName.CANDIDATE)
    reached = (place for place, step in enumerate(steps) if not weights_at(spec, step).exceeds(found))
    index = max(reached, default=0)
    weights = found.at_most(weights_at(spec, steps[index]))
    now, number = instant(draft.now), draft.status.runs + 1
    revision, exclude = draft.spec.revision, draft.spec.promotion.exclude
    version = version_of(candidate, revision, exclude) if candidate is not None else Version(revision=revision or "")
    message = (
        f"the status of this run was lost while the candidate had {found.rounded()}: guards are in force, nothing is raised. "
        f"Abort reverts; Resume restarts step {steps[index].name!r}{_promoted(draft, version)}"
    )
    run = RunStatus(
        id=f"{number}-{version.fingerprint[:8] or 'recovered'}",
        version=version,
        start_time=now,
        spec=kept_text(draft.spec),
        traffic_since=now if found.some else None,
        mirrored_since=now if found.mirror else None,
        scales_to_zero_from=candidate.replicas if candidate is not None and spec.scales_to_zero else None,
        begun=tuple(StepBegin(name=step.name, time=now) for step in steps[: index + 1]),
        paused=Paused(reason=Reason.STATUS_LOST, message=message, since=now),
    )
    step = new_step(steps, index).model_copy(update={"weight": float(weights.weight), "seen": True, "reached": True})
    draft.update(run=run, step=step, runs=number, waiting=None, checkpoints=())
    draft.update_run(**decided(draft, weights))
    raising.remember(draft, weights)
    draft.memory = replace(draft.memory, unreadable="")
    draft.say(Reason.STATUS_LOST, message, warning=True)
    draft.intent = True


def _promoted(draft: TickContext, version: Version) -> str:
    """What else is to be said when the promotion had written the baseline: its old version is known to nobody any more."""
    baseline = draft.arm(ArmName.BASELINE)
    if baseline is None or not version.fingerprint or not same_template(version, baseline):
        return ""
    name = baseline.deployment
    return (
        f". Deployment {name!r} runs this version already: an Abort moves the traffic to it and does not restore its old version "
        f"(kubectl rollout undo deployment/{name} does)"
    )
