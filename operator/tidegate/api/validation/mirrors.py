"""Steps that mirror: where they may stand, and whether the routes can."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.api.rollout.spec import RolloutSpec
from tidegate.api.rollout.target_weights import weights_at
from tidegate.api.rollout.traffic import WITH_MIRRORS
from tidegate.api.validation.problems import Problem, Where


def mirror_problems(spec: RolloutSpec) -> Iterator[Problem]:
    """Steps that mirror after one with traffic, or last, or on routes whose routers cannot."""
    for index, step in enumerate(spec.steps):
        if step.mirror is None:
            continue
        where: Where = ("spec", "steps", index, "mirror")
        words = _misplaced(spec, index) or _cannot(spec)
        if words:
            yield Problem(where, words)


def _misplaced(spec: RolloutSpec, index: int) -> str:
    before = next((one for one in spec.steps[:index] if weights_at(spec, one).some), None)
    if before is not None:
        return (
            f"comes after step '{before.name}', which gives the candidate traffic: mirror before it, because the candidate's metrics cannot distinguish mirrored requests from those of "
            "users"
        )
    if index == len(spec.steps) - 1:
        return "is in the last step, and the promotion follows it: add a step after it"
    return ""


def _cannot(spec: RolloutSpec) -> str:
    kinds = ", ".join(sorted(WITH_MIRRORS))
    entries = [one for one in spec.traffic if one.cohort is None]
    if not entries:
        return "mirrors no route: every entry of spec.traffic is a cohort; add one without 'cohort'"
    cannot = next((one for one in entries if one.kind not in WITH_MIRRORS), None)
    return f"needs routes that can mirror ({kinds}), and {cannot.key} in spec.traffic cannot" if cannot else ""
