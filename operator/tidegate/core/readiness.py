"""Whether the arms are fit: for a revert to land on the baseline, for the candidate to take traffic, for the split to mean anything."""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.api.rollout import RolloutSpec
from tidegate.core.observed import ABSENT, Arm, ArmName, Seen, Unknown
from tidegate.core.plan import Why


def missing(spec: RolloutSpec, arms: Mapping[ArmName, Seen[Arm]]) -> Why | None:
    """The first Deployment or Service that is not there or could not be seen; `None` when all are."""
    for name, names in ((ArmName.BASELINE, spec.baseline), (ArmName.CANDIDATE, spec.candidate)):
        arm = arms.get(name, ABSENT)
        title = str(name).capitalize()
        if isinstance(arm, Unknown):
            return Why("NotSeen", f"{name} Deployment {names.deployment!r} could not be read: {arm.reason}")
        if not isinstance(arm, Arm):
            return Why(f"{title}Missing", f"there is no Deployment {names.deployment!r} ({name})")
        if isinstance(arm.selector, Unknown):
            return Why("NotSeen", f"{name} Service {names.service!r} could not be read: {arm.selector.reason}")
        if arm.selector is ABSENT:
            return Why(f"{title}ServiceMissing", f"there is no Service {names.service!r} ({name})")
    return None


def overlap(spec: RolloutSpec, baseline: Arm, candidate: Arm) -> Why | None:
    """Why a Service does not select exactly its own arm's pods: the mistake that makes "1 %" a lie.

    A Service without a selector is taken at its word.
    """
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
                "ArmsOverlap",
                f"Service {service!r} ({name}) selects {written}, which the pods of Deployment {own.deployment!r} do not "
                "carry: no traffic would reach them",
            )
        if _selects(selector, other.labels):
            return Why(
                "ArmsOverlap",
                f"Service {service!r} ({name}) selects {written}, which the pods of Deployment {other.deployment!r} carry "
                "too: give each arm a label of its own and select by it",
            )
    return None


def revert_ready(spec: RolloutSpec, baseline: Seen[Arm]) -> Why | None:
    """Why a revert would not land well; `None` when it would."""
    least = spec.baseline.min_available
    if not isinstance(baseline, Arm):
        return Why(
            "BaselineNotSeen", f"baseline Deployment {spec.baseline.deployment!r} is missing or could not be read"
        )
    if baseline.available < least:
        return Why("BaselineNotReady", f"the baseline has {baseline.available} pods available, {least} are needed")
    return None


def candidate_ready(spec: RolloutSpec, candidate: Seen[Arm]) -> Why | None:
    """Why the candidate cannot take traffic; `None` when it can."""
    name = spec.candidate.deployment
    if not isinstance(candidate, Arm):
        return Why("CandidateNotReady", f"candidate Deployment {name!r} is missing or could not be read")
    if candidate.available < 1:
        return Why("CandidateNotReady", f"candidate Deployment {name!r} has no available pod")
    if not candidate.rolled_out:
        return Why(
            "CandidateNotReady",
            f"candidate Deployment {name!r} is rolling out: {candidate.available} of {candidate.replicas} pods available",
        )
    return None


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())
