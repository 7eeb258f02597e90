"""Presets resolved, so that every later check and the operator itself see ordinary metrics only."""

from __future__ import annotations

from tidegate.api.checks.problems import Problem
from tidegate.api.checks.reading import MOST_BYTES
from tidegate.api.presets.resolving import resolved
from tidegate.api.rollout import RolloutSpec


def with_presets_resolved(spec: RolloutSpec) -> tuple[RolloutSpec, list[Problem]]:
    """The spec with ordinary metrics in place of presets; one that cannot be resolved stays, with its problems."""
    if all(metric.preset is None for metric in spec.metrics):
        return spec, []
    problems: list[Problem] = []
    metrics = []
    for index, metric in enumerate(spec.metrics):
        found, faults = resolved(metric)
        metrics.append(found)
        problems += [Problem(("spec", "metrics", index, *fault.path), fault.message) for fault in faults]
    whole = spec.model_copy(update={"metrics": tuple(metrics)})
    return whole, problems + _too_big(whole)


def _too_big(spec: RolloutSpec) -> list[Problem]:
    size = len(spec.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True).encode())
    if size <= MOST_BYTES:
        return []
    message = (
        f"make the spec {size} bytes with their presets filled in; {MOST_BYTES} are the most the operator can remember"
    )
    return [Problem(("spec", "metrics"), message)]
