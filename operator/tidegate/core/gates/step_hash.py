"""The identity of a step as it is written: an approval counts for it alone, so an edit makes it void."""

from __future__ import annotations

import hashlib

from tidegate.api.rollout.steps import Step


def hash_of(step: Step) -> str:
    """12 hex digits of the step without its defaults, so that a version with more fields finds the same."""
    return hashlib.sha256(step.model_dump_json(by_alias=True, exclude_defaults=True).encode()).hexdigest()[:12]
