"""What makes a version, and whether an arm runs one that is remembered.

The version is `spec.revision` and the candidate's pod template without labels, scheduling, ignored annotations and what
`promotion.exclude` names. There is no other definition: what starts a run is what is promoted and what is awaited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from tidegate.api.rollout.promotion import BaselineMatch
from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.status import Version
from tidegate.core.model.template_fields import RESTARTED_AT, differing
from tidegate.core.model.world import Arm

_FIRST_DIGITS: Final = 16
"""Hex digits of a fingerprint as operator 0.1.0 wrote it: of the whole template, scheduling included."""


def version_of(arm: Arm, revision: str | None, exclude: Collection[str]) -> Version:
    """The version an arm runs now."""
    return Version(
        revision=revision or "",
        fingerprint=arm.fields.fingerprint(exclude),
        images=arm.images,
        exclude=tuple(exclude),
    )


def beside(baseline: Arm, exclude: Collection[str]) -> Version:
    """What the baseline runs beside a version on trial: an identity by what that one excludes, without keeping it again."""
    return version_of(baseline, None, exclude).model_copy(update={"exclude": ()})


def in_full(version: Version) -> str:
    """A version for people: its images, and `spec.revision` where there is one."""
    images = " ".join(version.images)[:256]
    return f"{images} (revision {version.revision})" if version.revision else images


def same_version(known: Version | None, revision: str | None, arm: Arm) -> bool:
    """Whether an arm runs the version that is remembered, by what was excluded when that was."""
    return known is not None and known.revision == (revision or "") and same_template(known, arm)


def same_template(known: Version, arm: Arm, exclude: Collection[str] | None = None) -> bool:
    """Whether an arm has the template of a version, whatever `spec.revision` says.

    Args:
        known: the version.
        arm: the arm.
        exclude: what the version's identity leaves out; `None`: what the version itself says.
    """
    if _by_first_release(known):
        return known.fingerprint == arm.first_fingerprint
    return known.fingerprint == arm.fields.fingerprint(known.exclude if exclude is None else exclude)


def adopted(known: Version, arm: Arm, exclude: Collection[str]) -> Version:
    """A version that operator 0.1.0 remembered, as this one does; the same where it does already, or the arm has moved on."""
    if not _by_first_release(known) or not same_template(known, arm):
        return known
    return version_of(arm, known.revision, exclude)


def serves(known: Version, arm: Arm, spec: RolloutSpec) -> bool:
    """Whether the baseline runs the promoted version, as `promotion.match` has it."""
    if spec.promotion.match is BaselineMatch.IMAGES:
        return arm.images == known.images
    return same_template(known, arm)


def differences(one: Arm, other: Arm, exclude: Collection[str]) -> tuple[str, ...]:
    """The fields of the version in which two arms differ."""
    return differing(one.fields.version(exclude), other.fields.version(exclude))


def not_promoted(one: Arm, other: Arm, exclude: Collection[str]) -> tuple[str, ...]:
    """The fields in which two arms differ and that stay each arm's own: labels, scheduling, and what is excluded."""
    return differing(one.fields.others(exclude), other.fields.others(exclude))


def first_fingerprint(template: Mapping[str, Any], ignored_annotations: Collection[str] = ()) -> str:
    """The identity that operator 0.1.0 gave a pod template: read where a status of its time is met, never written."""
    metadata = template.get("metadata") or {}
    left_out = {RESTARTED_AT, *ignored_annotations}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in left_out}
    whole = {"annotations": annotations, "spec": template.get("spec") or {}}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_FIRST_DIGITS]


def _by_first_release(known: Version) -> bool:
    return len(known.fingerprint) == _FIRST_DIGITS
