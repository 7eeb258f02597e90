"""Whether the arms are fit: for a revert to land on the baseline, for the candidate to take traffic, for the split to mean anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tidegate.api.reasons import Reason
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.core.model.plan import Why
from tidegate.core.model.world import ABSENT, Arm, ArmName, Lookup, Unknown

MISSING: Final = {ArmName.BASELINE: Reason.BASELINE_MISSING, ArmName.CANDIDATE: Reason.CANDIDATE_MISSING}
SERVICE_MISSING: Final = {
    ArmName.BASELINE: Reason.BASELINE_SERVICE_MISSING,
    ArmName.CANDIDATE: Reason.CANDIDATE_SERVICE_MISSING,
}


def missing(spec: RolloutSpec, arms: Mapping[ArmName, Lookup[Arm]]) -> Why | None:
    """The first Deployment or Service that is not there or could not be seen; `None` when all are."""
    for name, names in ((ArmName.BASELINE, spec.baseline), (ArmName.CANDIDATE, spec.candidate)):
        arm = arms.get(name, ABSENT)
        if isinstance(arm, Unknown):
            return Why(Reason.READ_FAILED, f"{name} Deployment {names.deployment!r} could not be read: {arm.reason}")
        if not isinstance(arm, Arm):
            return Why(MISSING[name], f"there is no Deployment {names.deployment!r} ({name})")
        if isinstance(arm.selector, Unknown):
            return Why(Reason.READ_FAILED, f"{name} Service {names.service!r} could not be read: {arm.selector.reason}")
        if arm.selector is ABSENT:
            return Why(SERVICE_MISSING[name], f"there is no Service {names.service!r} ({name})")
    return None


def overlap(spec: RolloutSpec, baseline: Arm, candidate: Arm) -> Why | None:
    """Why a Service does not select exactly its own arm's pods: the mistake that makes "1 %" a lie.

    A Service without a selector is taken at its word. Where pods are the weight, one Service selects those of both arms.
    """
    if spec.ratio is not None:
        return _left_out(spec, baseline, candidate)
    for name, own, other, service in (
        ("baseline", baseline, candidate, spec.baseline.service),
        ("candidate", candidate, baseline, spec.candidate.service),
    ):
        selector = own.selector
        if not isinstance(selector, Mapping) or not selector:
            continue
        written = ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))
        if not _selects(selector, own.labels):
            return Why(
                Reason.ARMS_OVERLAP,
                f"Service {service!r} ({name}) selects {written}, which the pods of Deployment {own.deployment!r} do not "
                "have: no traffic would reach them",
            )
        if _selects(selector, other.labels):
            return Why(
                Reason.ARMS_OVERLAP,
                f"Service {service!r} ({name}) selects {written}, which the pods of Deployment {other.deployment!r} have "
                "too: give each arm a label of its own and select by it",
            )
    return None


def _left_out(spec: RolloutSpec, baseline: Arm, candidate: Arm) -> Why | None:
    """Why the one Service does not select the pods of both arms."""
    for name, arm in (("baseline", baseline), ("candidate", candidate)):
        if not isinstance(arm.selector, Mapping):
            continue
        written = ", ".join(f"{key}={value}" for key, value in sorted(arm.selector.items())) or "nothing"
        if not arm.selector or not _selects(arm.selector, arm.labels):
            return Why(
                Reason.ARM_NOT_SELECTED,
                f"Service {spec.baseline.service!r} selects {written}, which the pods of Deployment {arm.deployment!r} ({name}) do not have: with "
                "ReplicaRatio it must select the pods of both",
            )
    return None


def unreached(name: ArmName, deployment: str, service: str, arm: Lookup[Arm]) -> Why | None:
    """Why nobody reaches the arm through its Service; `None` when they do, or it could not be read."""
    if arm is ABSENT:
        return Why(MISSING[name], f"{name} Deployment {deployment!r} does not exist any more")
    if not isinstance(arm, Arm):
        return None
    if arm.selector is ABSENT:
        return Why(SERVICE_MISSING[name], f"{name} Service {service!r} does not exist any more")
    if isinstance(arm.selector, Mapping) and not _selects(arm.selector, arm.labels):
        return Why(Reason.ARMS_OVERLAP, f"Service {service!r} ({name}) does not select the pods of {deployment!r}")
    return None


def unreached_baseline(spec: RolloutSpec, arms: Mapping[ArmName, Lookup[Arm]]) -> Why | None:
    """Why nobody reaches the baseline: all traffic would go nowhere, or to another version."""
    baseline = arms.get(ArmName.BASELINE, ABSENT)
    return unreached(ArmName.BASELINE, spec.baseline.deployment, spec.baseline.service, baseline)


def no_way_back(spec: RolloutSpec, arms: Mapping[ArmName, Lookup[Arm]]) -> Why | None:
    """Why traffic must not be moved to the promoted baseline now; `None` when it may, or nothing is known of it."""
    baseline = arms.get(ArmName.BASELINE, ABSENT)
    if isinstance(baseline, Arm) and baseline.available == 0:
        return Why(Reason.BASELINE_NOT_READY, f"Deployment {baseline.deployment!r} (baseline) has no available pod")
    return unreached_baseline(spec, arms)


def revert_ready(spec: RolloutSpec, baseline: Lookup[Arm], candidate: Lookup[Arm]) -> Why | None:
    """Why a revert would not land well; `None` when it would."""
    if isinstance(baseline, Unknown):
        unread = f"baseline Deployment {spec.baseline.deployment!r} could not be read: {baseline.reason}"
        return Why(Reason.READ_FAILED, unread)
    if baseline is ABSENT:
        return Why(Reason.BASELINE_MISSING, f"there is no baseline Deployment {spec.baseline.deployment!r}")
    least = least_available(spec, baseline, candidate)
    if baseline.available < least:
        written = spec.baseline.min_available
        share = f" ({written} of the larger arm's replicas)" if written.endswith("%") else ""
        return Why(
            Reason.BASELINE_NOT_READY,
            f"the baseline has {baseline.available} pods available, {least} are needed{share}",
        )
    return None


def least_available(spec: RolloutSpec, baseline: Arm, candidate: Lookup[Arm]) -> int:
    """Pods that `baseline.minAvailable` asks for: a share is of the larger arm, so that it follows the candidate's size."""
    others = candidate.replicas if isinstance(candidate, Arm) else 0
    return spec.baseline.min_available.of(max(baseline.replicas, others))


def candidate_ready(spec: RolloutSpec, candidate: Lookup[Arm]) -> Why | None:
    """Why the candidate cannot take traffic; `None` when it can."""
    name = spec.candidate.deployment
    if not isinstance(candidate, Arm):
        return Why(Reason.CANDIDATE_NOT_READY, f"candidate Deployment {name!r} is missing or could not be read")
    stuck = None if candidate.rolled_out else rolling_out(candidate, "candidate", Reason.CANDIDATE_NOT_READY)
    if stuck is not None and stuck.reason != Reason.CANDIDATE_NOT_READY:
        return stuck
    if candidate.available < 1:
        return Why(Reason.CANDIDATE_NOT_READY, f"candidate Deployment {name!r} has no available pod")
    return stuck


def rolling_out(arm: Arm, role: str, reason: Reason) -> Why:
    """What a Deployment that is not rolled out waits for, in words: paused, past its own deadline, or how far it is.

    Args:
        arm: the arm, not rolled out.
        role: how the message calls it.
        reason: the reason where it is simply under way.
    """
    named = f"{role} Deployment {arm.deployment!r}"
    if arm.paused:
        return Why(
            Reason.DEPLOYMENT_PAUSED,
            f"{named} is paused (spec.paused): its current template is not rolled out until it is resumed",
        )
    if arm.failed:
        return Why(
            Reason.PROGRESS_DEADLINE_EXCEEDED, f"{named} is past its own progressDeadlineSeconds: {arm.failed[:512]}"
        )
    return Why(reason, f"{named} is rolling out: {_progress(arm)}")


def _progress(arm: Arm) -> str:
    """As `kubectl rollout status` has it."""
    if arm.updated < arm.replicas:
        return f"{arm.updated} of {arm.replicas} pods have its current template"
    if arm.present > arm.updated:
        return f"{arm.present - arm.updated} old pods are still to be removed"
    return f"{min(arm.available, arm.updated)} of {arm.updated} pods available"


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
