"""What makes a version: the identity of a pod template, and of the parts of it that a promotion copies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from tidegate.api.status import Version

COPIED_PARTS: Final = ("containers", "initContainers", "volumes")
"""What a promotion copies. Scheduling, security context and the rest stay the baseline's own."""

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
"""`kubectl rollout restart` writes it: the same version, started again."""


def template_fingerprint(template: Mapping[str, Any], ignored_annotations: Collection[str] = ()) -> str:
    """The identity of a pod template: 16 hex digits.

    Labels are left out (they tell the arms apart), and so are `restartedAt` and `ignored_annotations`.

    Args:
        template: `spec.template` of a Deployment as the API server returns it (defaults filled in).
        ignored_annotations: annotations that do not make a version, by name.
    """
    metadata = template.get("metadata") or {}
    left_out = {RESTARTED_AT, *ignored_annotations}
    annotations = {key: value for key, value in (metadata.get("annotations") or {}).items() if key not in left_out}
    return _digest({"annotations": annotations, "spec": template.get("spec") or {}})


def parts_fingerprint(parts: Mapping[str, Any]) -> str:
    """The identity of the copied parts: 16 hex digits. `parts` may be a whole pod spec; only the three parts count."""
    return _digest({key: parts[key] for key in COPIED_PARTS if parts.get(key)})


def copied_parts(pod_spec: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a pod spec that a promotion copies; a key is missing where the spec lacks it."""
    return {key: pod_spec[key] for key in COPIED_PARTS if pod_spec.get(key)}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def same_version(known: Version | None, revision: str | None, fingerprint: str) -> bool:
    """Whether `known` is the version of this revision and candidate fingerprint."""
    return known is not None and known.revision == (revision or "") and known.fingerprint == fingerprint
